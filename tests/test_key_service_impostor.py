"""11.2: whoever else listens where the key service did is away, and is asked for nothing."""

import os
import socket
import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from key_serving import service
from sealed import scratch
from structlog.testing import capture_logs

from broker.errors import KeeperUnavailable, SettingsInvalid
from broker.protect.algorithms import Algorithm
from broker.protect.development import init_development
from broker.protect.keeper import FileKeeper
from broker.protect.keeper_frames import Operation, Outcome, read_frame, write_frame
from broker.protect.keeper_service import KeyService
from broker.protect.key_folder import KeyFolder
from broker.protect.register import HUB
from broker.protect.socket_place import others_may_replace
from broker.protect.stranger_log import StrangerLog

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root can act as another user")


class Deployment:
    """A key folder whose private keys the service has."""

    def __init__(self) -> None:
        self.folder = scratch()
        (self.folder / "run").mkdir(mode=0o755)
        self.socket = self.folder / "run" / "keys.sock"
        init_development(KeyFolder(self.folder / "keys"), ["fiji-police"], [], bytes(32), [])
        self.private = self.folder / "service"
        (self.folder / "keys" / "private").rename(self.private)
        self.asking = KeyFolder(self.folder / "keys", self.socket)

    def hub_key(self, algorithm: Algorithm) -> str:
        register = self.asking.register()
        return next(k.id for k in register.keys if (k.owner, k.algorithm) == (HUB, algorithm))


@pytest.fixture
def hub() -> Deployment:
    return Deployment()


@contextmanager
def impostor(path: Path, answers):
    """Listen at *path* and answer each question by *answers*; collect what was asked."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                    while True:
                        code, fields = read_frame(connection)
                        asked.extend(fields)
                        write_frame(connection, *answers(code))
                except Exception:
                    if listening.fileno() < 0:
                        return

        threading.Thread(target=serve, daemon=True).start()
        yield asked


def says_yes(code):
    if code == Operation.HOLDS:
        return Outcome.DONE, (b"\x01",)
    return Outcome.DONE, (b"0" * 70,)


def says_no_key(_code):
    return Outcome.NO_KEY, ()


def says_broken(_code):
    return Outcome.BROKEN, ()


@pytest.mark.parametrize("answers", [says_yes, says_no_key, says_broken])
def test_who_cannot_prove_a_key_of_the_register_is_away(hub, answers):
    with impostor(hub.socket, answers) as asked:
        with pytest.raises(KeeperUnavailable, match="KEYS_UNPROVEN"):
            hub.asking.keeper.sign(hub.hub_key(Algorithm.ECDSA_P256_SHA256), b"a recall")
        with pytest.raises(KeeperUnavailable, match="KEYS_UNPROVEN"):
            hub.asking.keeper.unwrap(hub.hub_key(Algorithm.HPKE_X25519), bytes(80), b"info")
    assert b"a recall" not in asked
    assert bytes(80) not in asked


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_the_service_proves_itself_by_a_key_of_either_kind(hub, algorithm):
    kept = {key.id for key in hub.asking.register().keys if key.algorithm is algorithm}
    for file in hub.private.glob("*.pem"):
        if file.stem not in kept:
            file.unlink()
    with service(hub.socket, FileKeeper(hub.private)):
        assert hub.asking.keeper.holds(hub.hub_key(algorithm))


def test_a_user_that_is_not_the_services_is_away_though_it_is_ones_own(hub):
    other = KeyFolder(hub.folder / "keys", hub.socket, keeper_user=NOBODY)
    if os.geteuid() == 0:
        os.chown(hub.socket.parent, NOBODY, NOBODY)
    with (
        service(hub.folder / "keys.sock", FileKeeper(hub.private)),
        pytest.raises(KeeperUnavailable),
    ):
        other.keeper.holds(hub.hub_key(Algorithm.ECDSA_P256_SHA256))


@AS_ROOT
def test_an_impostor_of_another_user_gets_no_question(hub):
    hub.socket.parent.chmod(0o777)
    for each in (hub.folder, *hub.folder.parents):
        each.chmod(each.stat().st_mode | 0o011)
    program = f"""
        import os, socket, sys, threading
        made = socket.socket(socket.AF_UNIX)
        os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
        made.bind({str(hub.socket)!r}); os.chmod({str(hub.socket)!r}, 0o666); made.listen()
        print("listening", flush=True)
        got = made.accept()[0].recv(100)
        print(len(got), flush=True)
    """
    run = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    try:
        assert run.stdout.readline() == "listening\n"
        with pytest.raises(KeeperUnavailable, match="KEYS_OF_A_STRANGER"):
            hub.asking.keeper.sign(hub.hub_key(Algorithm.ECDSA_P256_SHA256), b"a recall")
        assert run.stdout.readline() == "0\n"
    finally:
        run.kill()
        run.wait()
        run.stdout.close()


def test_a_service_does_not_start_where_others_could_take_its_place(hub):
    hub.socket.parent.chmod(0o777)
    with pytest.raises(SettingsInvalid, match="others may write"):
        KeyService(hub.socket, FileKeeper(hub.private))
    assert not hub.socket.exists()


@pytest.mark.parametrize(
    ("mode", "above", "is_open"),
    [
        (0o755, 0o755, False),
        (0o700, 0o1777, False),
        (0o1777, 0o755, True),
        (0o775, 0o755, True),
        (0o755, 0o777, True),
    ],
)
def test_the_place_of_a_socket_is_its_owners_alone(tmp_path, mode, above, is_open):
    inner = tmp_path / "above" / "run"
    inner.mkdir(parents=True)
    inner.chmod(mode)
    inner.parent.chmod(above)
    assert others_may_replace(inner / "keys.sock", os.geteuid()) is is_open


def test_a_link_to_a_folder_is_judged_by_where_it_leads(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "run").symlink_to(tmp_path / "open")
    assert others_may_replace(tmp_path / "run" / "keys.sock", os.geteuid())


def test_a_user_that_is_turned_away_a_thousand_times_makes_few_lines():
    # 11.22: any local user filled the service's log.
    moments = iter(range(1000))
    strangers = StrangerLog(lambda: float(next(moments)) / 10)
    with capture_logs() as lines:
        for _ in range(1000):
            strangers.note(NOBODY)
    assert [line["count"] for line in lines] == [1, 600]


def test_one_user_holds_a_bounded_number_of_conversations(hub):
    answered, held = 0, []
    with service(hub.socket, FileKeeper(hub.private)):
        for _ in range(80):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(20)
            connection.connect(str(hub.socket))
            held.append(connection)
            with suppress(OSError):
                write_frame(connection, Operation.HOLDS, (b"0123456789abcdef",))
                answered += len(connection.recv(1))
        for each in held:
            each.close()
    assert answered == 64
