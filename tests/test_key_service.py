"""The key service: private keys in another process, used over a socket by whom the kernel names."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from sealed import scratch

from broker.errors import KeeperUnavailable, SettingsInvalid
from broker.protect.algorithms import Algorithm
from broker.protect.keeper import FileKeeper, Keeper
from broker.protect.keeper_frames import MAX_BYTES, Operation, Outcome
from broker.protect.keeper_service import KeyService, answer
from broker.protect.public_key import load_p256
from broker.protect.signature import is_valid
from broker.protect.slot_seal import SealBroken
from broker.protect.socket_keeper import SocketKeeper
from broker.protect.wrap import wrap

ABSENT = "0123456789abcdef"
NOBODY = 65534


@contextmanager
def service(path: Path, keeper: Keeper, *users: int):
    """Serve *keeper* in a thread of this process, with the service's own code."""
    with KeyService(path, keeper, frozenset(users)) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


@pytest.fixture
def folder() -> Path:
    return scratch()


@pytest.fixture(params=["file", "socket"])
def keeper(request, folder):
    """Each real implementation of the one interface."""
    held = FileKeeper(folder / "private")
    if request.param == "file":
        yield held
        return
    with service(folder / "keys.sock", held):
        asking = SocketKeeper(folder / "keys.sock")
        yield asking
        asking.close()


def test_a_signature_is_made_under_the_key_and_no_other(keeper):
    key_id, public = keeper.generate(Algorithm.ECDSA_P256_SHA256, "fiji-police")

    assert keeper.holds(key_id)
    assert is_valid(public, keeper.sign(key_id, b"said"), b"said")
    assert isinstance(load_p256(public), ec.EllipticCurvePublicKey)
    with pytest.raises(KeyError):
        keeper.unwrap(key_id, bytes(80), b"info")


def test_a_wrap_opens_for_what_it_is_bound_to_and_for_nothing_else(keeper):
    key_id, public = keeper.generate(Algorithm.HPKE_X25519, "hub")
    wrapped = wrap(b"a key", public, b"info")

    assert keeper.unwrap(key_id, wrapped, b"info") == b"a key"
    for other in ((wrapped, b"elsewhere"), (wrapped[:-1], b"info"), (b"", b"info")):
        with pytest.raises(SealBroken):
            keeper.unwrap(key_id, *other)
    with pytest.raises(KeyError):
        keeper.sign(key_id, b"said")


def test_a_key_that_is_not_there_or_was_destroyed_is_a_key_error(keeper):
    key_id, public = keeper.generate(Algorithm.HPKE_X25519, "hub")
    wrapped = wrap(b"a key", public, b"info")
    keeper.destroy(key_id)
    keeper.destroy(key_id)

    for gone in (key_id, ABSENT):
        assert not keeper.holds(gone)
        with pytest.raises(KeyError):
            keeper.unwrap(gone, wrapped, b"info")
        with pytest.raises(KeyError):
            keeper.sign(gone, b"said")


@pytest.mark.parametrize("key_id", ["../officers/first", "", "x" * 500, "\0", "é"])
def test_an_id_that_is_none_leads_to_no_file(keeper, key_id):
    assert not keeper.holds(key_id)
    with pytest.raises(KeyError):
        keeper.sign(key_id, b"said")


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
        asking = _Shared(folder / "keys.sock")
        asking.key_id, asking.public = asking.generate(Algorithm.ECDSA_P256_SHA256, "hub")
        _SHARED.append(asking)
    return _SHARED[0]


def test_the_socket_is_its_users_alone_and_is_taken_away(folder):
    path = folder / "keys.sock"
    with service(path, FileKeeper(folder / "private")):
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(SettingsInvalid, match="runs there already"):
            KeyService(path, FileKeeper(folder / "private"))
    assert not path.exists()


def test_a_socket_that_a_killed_service_left_is_replaced_and_a_file_is_not(folder):
    path = folder / "keys.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with service(path, FileKeeper(folder / "private")):
        assert SocketKeeper(path).holds(ABSENT) is False
    path.write_text("something else")
    with pytest.raises(SettingsInvalid):
        KeyService(path, FileKeeper(folder / "private"))
    assert path.read_text() == "something else"


def test_without_a_service_and_after_it_ended_keys_are_away(folder):
    path = folder / "keys.sock"
    asking = SocketKeeper(path)
    with pytest.raises(KeeperUnavailable, match="KEYS_AWAY"):
        asking.holds(ABSENT)
    held = FileKeeper(folder / "private")
    with service(path, held):
        key_id, _ = asking.generate(Algorithm.ECDSA_P256_SHA256, "hub")
    asking.close()  # as a restart of the service does
    with pytest.raises(KeeperUnavailable, match="KEYS_AWAY"):
        asking.sign(key_id, b"said")
    with service(path, held):
        assert asking.sign(key_id, b"said")


def test_a_service_that_was_started_anew_is_found_again_by_itself(folder):
    path = folder / "keys.sock"
    asking = SocketKeeper(path)
    keys = []
    for _ in range(3):
        with _running(folder, path):
            keys.append(asking.generate(Algorithm.ECDSA_P256_SHA256, "hub")[0])
            assert all(asking.sign(each, b"said") for each in keys)


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
        other = SocketKeeper(path)
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


@pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root can act as another user")
@pytest.mark.parametrize("named", [True, False])
def test_another_user_uses_keys_if_named_and_makes_or_destroys_none(named):
    # Not below a private folder: the other user must be able to reach the socket at all.
    folder = Path(scratch())
    for each in (folder, *folder.parents):
        each.chmod(each.stat().st_mode | 0o011)
    path, held = folder / "keys.sock", FileKeeper(folder / "private")
    key_id, _ = held.generate(Algorithm.ECDSA_P256_SHA256, "hub")
    with service(path, held, *([NOBODY] if named else [])):
        if not named:
            path.chmod(0o666)  # whoever opens the file up gains nothing
        said = _as_nobody(path, key_id)

    expected = {"signed", "make KEYS_REFUSED", "destroy KEYS_REFUSED"} if named else {"KEYS_AWAY"}
    assert set(said.splitlines()) == expected
    assert held.holds(key_id)


def _as_nobody(path: Path, key_id: str) -> str:
    # The user changes after everything was imported: it cannot read this checkout.
    program = f"""
        import os
        from broker.errors import KeeperUnavailable
        from broker.protect.algorithms import Algorithm
        from broker.protect.socket_keeper import SocketKeeper
        from pathlib import Path
        os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
        keeper = SocketKeeper(Path({str(path)!r}))
        try:
            keeper.sign({key_id!r}, b"said")
            print("signed")
            for name, act in (
                ("make", lambda: keeper.generate(Algorithm.HPKE_X25519, "hub")),
                ("destroy", lambda: keeper.destroy({key_id!r})),
            ):
                try:
                    act()
                except KeeperUnavailable as refused:
                    print(name, refused)
        except KeeperUnavailable as away:
            print(away)
    """
    run = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.run(run, check=True, capture_output=True, text=True, timeout=60).stdout


@contextmanager
def _running(folder: Path, path: Path):
    """Run `lali keys serve` as a process."""
    command = [sys.executable, "-m", "broker", "keys", "serve", "--socket", str(path)]
    run = subprocess.Popen(
        command, env=os.environ | {"LALI_KEYS": str(folder)}, stderr=subprocess.PIPE, text=True
    )
    assert run.stderr is not None
    try:
        assert "keys.served" in run.stderr.readline()
        yield run
    finally:
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 0
        run.stderr.close()


def test_the_memory_of_the_service_cannot_be_read_by_its_user(folder):
    path = folder / "keys.sock"
    with _running(folder, path) as run:
        limits = Path(f"/proc/{run.pid}/limits").read_text()
        owner = Path(f"/proc/{run.pid}/mem").stat().st_uid

    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
    assert owner == 0
