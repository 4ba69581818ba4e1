"""The key service comes, goes and comes again at one socket; while it is away, so are the keys."""

import os
import socket
from pathlib import Path

import pytest
from key_serving import ABSENT, running_service, service
from sealed import scratch

from broker.errors import KeeperUnavailable, SettingsInvalid
from broker.protect.algorithms import Algorithm
from broker.protect.keeper import FileKeeper
from broker.protect.keeper_service import KeyService
from broker.protect.socket_keeper import SocketKeeper


@pytest.fixture
def folder() -> Path:
    return scratch()


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
        assert SocketKeeper(path, os.geteuid()).holds(ABSENT) is False
    path.write_text("something else")
    with pytest.raises(SettingsInvalid):
        KeyService(path, FileKeeper(folder / "private"))
    assert path.read_text() == "something else"


def test_without_a_service_and_after_it_ended_keys_are_away(folder):
    path = folder / "keys.sock"
    asking = SocketKeeper(path, os.geteuid())
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
    asking = SocketKeeper(path, os.geteuid())
    keys = []
    for _ in range(3):
        with running_service(folder, path):
            keys.append(asking.generate(Algorithm.ECDSA_P256_SHA256, "hub")[0])
            assert all(asking.sign(each, b"said") for each in keys)
