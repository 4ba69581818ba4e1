"""Whoever takes the key service's place, and whoever fills its log: with the site's own keys."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from attack.trying import NotRun, attack, held
from broker.errors import KeeperUnavailable
from broker.protect.algorithms import Algorithm
from broker.protect.keeper_frames import Operation, Outcome, read_frame, write_frame
from broker.protect.key_folder import KeyFolder
from broker.protect.register import HUB

NOBODY = 65534
_CONNECTIONS = 2000


@contextlib.contextmanager
def _place():
    """Yield a folder of ours alone that other users can reach into."""
    with tempfile.TemporaryDirectory(prefix="lali-keys-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextlib.contextmanager
def _impostor(path):
    """Take the place of the service, say yes to all, and collect what is asked."""
    asked = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve():
            while listening.fileno() >= 0:
                with contextlib.suppress(Exception):
                    connection, _ = listening.accept()
                    with connection:
                        while True:
                            code, fields = read_frame(connection)
                            asked.extend(fields)
                            yes = (b"\x01",) if code == Operation.HOLDS else (b"0" * 70,)
                            write_frame(connection, Outcome.DONE, yes)

        threading.Thread(target=serve, daemon=True).start()
        yield asked
        listening.shutdown(socket.SHUT_RDWR)


@attack(2, "an impostor at the key service's socket that says yes", "it is away", quick=True)
def an_impostor_key_service(site):
    refused = []
    with _place() as folder, _impostor(folder / "keys.sock") as asked:
        keys = KeyFolder(site.data / "keys", folder / "keys.sock")
        register = keys.register()
        for algorithm, do in (
            (Algorithm.ECDSA_P256_SHA256, lambda id_: keys.keeper.sign(id_, b"a recall")),
            (Algorithm.HPKE_X25519, lambda id_: keys.keeper.unwrap(id_, bytes(80), b"info")),
        ):
            key = next(k.id for k in register.keys if (k.owner, k.algorithm) == (HUB, algorithm))
            try:
                do(key)
            except KeeperUnavailable as away:
                refused.append(str(away)[:40])
    told = b"a recall" in asked or bytes(80) in asked
    return held(len(refused) == 2 and not told, f"{refused}; asked for the work: {told}")


@attack(22, "2,000 connections of another user to the key service", "few lines in its log")
def a_flooded_key_service(site):
    if os.geteuid() != 0:
        raise NotRun("only root can come as another user")
    with _place() as folder:
        log = folder / "log"
        with log.open("wb") as said:
            service = subprocess.Popen(
                [sys.executable, "-m", "broker", "keys", "serve",
                 "--socket", str(folder / "keys.sock"), "--user", "10001"],
                env=os.environ | {"LALI_KEYS": str(site.data / "keys")},
                cwd=folder, stderr=said, stdout=said,
            )  # fmt: skip
        try:
            _wait_for(lambda: "keys.served" in log.read_text())
            before = len(log.read_text().splitlines())
            done = subprocess.run(
                [sys.executable, "-c", _FLOOD, str(folder / "keys.sock")],
                capture_output=True, text=True, timeout=60, check=False, cwd="/",
            )  # fmt: skip
            lines = len(log.read_text().splitlines()) - before
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(30)
    came = int(done.stdout or 0)
    return held(came > _CONNECTIONS // 2 and lines < 20, f"{came} came, {lines} lines written")


_FLOOD = f"""
import os, socket, sys
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
came = 0
for _ in range({_CONNECTIONS}):
    with socket.socket(socket.AF_UNIX) as made:
        try:
            made.connect(sys.argv[1]); came += 1
            made.settimeout(5); made.recv(1)
        except OSError:
            pass
print(came)
"""


def _wait_for(condition):
    ends = time.monotonic() + 30
    while not condition():
        if time.monotonic() > ends:
            raise NotRun("the key service did not start")
        time.sleep(0.1)
