"""The key service: every request has its answer, and what is none harms no other."""

import os
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from key_serving import ABSENT, service
from sealed import scratch

from broker.protect.algorithms import Algorithm
from broker.protect.keeper import FileKeeper
from broker.protect.keeper_frames import MAX_BYTES, Operation, Outcome
from broker.protect.keeper_service import KeyService, answer
from broker.protect.signature import is_valid
from broker.protect.socket_keeper import SocketKeeper


@pytest.fixture
def folder() -> Path:
    return scratch()


@settings(max_examples=60)
@given(message=st.binary(max_size=70_000))
def test_messages_of_any_length_are_signed_whole(message):
    keeper = _shared()
    assert is_valid(keeper.public, keeper.sign(keeper.key_id, message), message)


class _Shared(SocketKeeper):
    public: bytes
    key_id: str


_SHARED: list[_Shared] = []


def _shared() -> _Shared:
    """One service for all examples of a property; it ends with the process."""
    if not _SHARED:
        folder = scratch()
        made = KeyService(folder / "keys.sock", FileKeeper(folder / "private"))
        threading.Thread(target=made.serve_forever, daemon=True).start()
        asking = _Shared(folder / "keys.sock", os.geteuid())
        asking.key_id, asking.public = asking.generate(Algorithm.ECDSA_P256_SHA256, "hub")
        _SHARED.append(asking)
    return _SHARED[0]


SPOILT = [
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    (MAX_BYTES + 1).to_bytes(4, "big"),
    b"\0\0\0\x06\x01\xff\xff\xff\xff.",
    b"GET / HTTP/1.1\r\n\r\n",
]


@pytest.mark.parametrize("spoilt", SPOILT)
def test_what_is_no_request_ends_its_conversation_and_no_other(folder, spoilt):
    path = folder / "keys.sock"
    with service(path, FileKeeper(folder / "private")):
        other = SocketKeeper(path, os.geteuid())
        assert other.holds(ABSENT) is False
        with socket.socket(socket.AF_UNIX) as rude:
            rude.connect(str(path))
            rude.sendall(spoilt)
            rude.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                assert rude.recv(100) == b""
        assert other.holds(ABSENT) is False


@given(code=st.integers(0, 255), fields=st.lists(st.binary(max_size=64), max_size=5))
def test_every_request_has_an_answer_that_shows_no_private_key(code, fields):
    keeper = FileKeeper(scratch() / "private")
    outcome, said = answer(keeper, code, fields, frozenset(Operation))

    assert outcome in Outcome
    assert (outcome is Outcome.DONE) or said == ()
    assert not any(b"PRIVATE" in each for each in said)
