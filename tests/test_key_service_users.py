"""Keys in the service are used by whom the kernel names, and its memory is read by nobody."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from key_serving import running_service, service
from sealed import scratch

from broker.protect.algorithms import Algorithm
from broker.protect.keeper import FileKeeper

NOBODY = 65534


@pytest.fixture
def folder() -> Path:
    return scratch()


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
        keeper = SocketKeeper(Path({str(path)!r}), {os.geteuid()})
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


def test_the_memory_of_the_service_cannot_be_read_by_its_user(folder):
    path = folder / "keys.sock"
    with running_service(folder, path) as run:
        limits = Path(f"/proc/{run.pid}/limits").read_text()
        owner = Path(f"/proc/{run.pid}/mem").stat().st_uid

    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
    assert owner == 0
