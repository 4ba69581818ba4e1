"""Erasing renews the key of the vault, through crashes, races and other processes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sealed import scratch
from vault_rows import found, row

from broker.errors import SettingsInvalid
from broker.protect.vault import FileVault


@pytest.fixture
def folder() -> Path:
    return scratch() / "vault"


@pytest.fixture
def vault(folder: Path):
    opened = FileVault(folder)
    yield opened
    opened.close()


@pytest.mark.parametrize("survivors", [0, 1, 5])
@pytest.mark.parametrize("destroy", ["erase", "forget"])
def test_an_older_copy_of_the_database_opens_nothing_with_the_key_of_today(
    vault, folder, survivors, destroy
):
    vault.keep([row(1, until=5), *(row(n) for n in range(2, 2 + survivors))])
    older = _copy(folder)

    if destroy == "erase":
        vault.erase([row(1).alert_id], 0)
    else:
        vault.forget(6)

    shutil.copy(folder / "vault.key", older / "vault.key")
    with pytest.raises(SettingsInvalid):
        FileVault(older).find([row(1).digest])


def test_an_older_copy_opens_nothing_after_a_crash_while_the_last_row_was_erased(vault, folder):
    vault.keep([row(1)])
    older = _copy(folder)
    old_key = (folder / "vault.key").read_bytes()
    vault.erase([row(1).alert_id], 0)
    _undo_renaming(folder, old_key)  # the process died after its commit

    vault.keep([row(2)])

    assert found(vault, row(2)) == {row(2).digest}
    shutil.copy(folder / "vault.key", older / "vault.key")
    with pytest.raises(SettingsInvalid):
        FileVault(older).find([row(1).digest])


def test_a_crash_after_the_commit_loses_nothing(vault, folder):
    vault.keep([row(1), row(2)])
    old_key = (folder / "vault.key").read_bytes()
    vault.erase([row(1).alert_id], 0)
    _undo_renaming(folder, old_key)

    again = FileVault(folder)
    assert found(again, row(1), row(2)) == {row(2).digest}
    again.keep([row(3)])
    assert found(again, row(2), row(3)) == {row(2).digest, row(3).digest}
    assert (folder / "vault.key").read_bytes() != old_key
    assert not (folder / "vault.next").exists()


def test_a_crash_before_the_commit_loses_nothing(vault, folder):
    vault.keep([row(1)])
    (folder / "vault.next").write_bytes(os.urandom(32))

    again = FileVault(folder)
    assert found(again, row(1)) == {row(1).digest}
    again.keep([row(2)])
    assert found(again, row(1), row(2)) == {row(1).digest, row(2).digest}
    assert not (folder / "vault.next").exists()


class _Interrupted:
    """A database after whose first commit something else happens."""

    def __init__(self, database, meanwhile) -> None:
        self._database = database
        self._meanwhile = [meanwhile]

    def execute(self, query: str, *given):
        result = self._database.execute(query, *given)
        if query == "COMMIT" and self._meanwhile:
            self._meanwhile.pop()()
        return result

    def __getattr__(self, name: str):
        return getattr(self._database, name)


def test_a_key_is_put_in_force_by_nobody_but_who_holds_the_database(vault, folder):
    # Between this erasure's commit and its last step another process renews the key, and dies
    # before it commits: that key must not come into force.
    vault.keep([row(1), row(2)])
    other = FileVault(folder)

    def meanwhile() -> None:
        other.keep([])
        (folder / "vault.next").write_bytes(os.urandom(32))

    vault._database = _Interrupted(vault._database, meanwhile)
    vault.erase([row(1).alert_id], 0)

    again = FileVault(folder)
    assert found(again, row(2)) == {row(2).digest}
    again.keep([row(3)])
    assert found(again, row(2), row(3)) == {row(2).digest, row(3).digest}


def test_a_reader_that_an_erasure_overtakes_reads_again(vault, folder, monkeypatch):
    vault.keep([row(1), row(2)])
    reader = FileVault(folder)
    opened = FileVault._opened

    def overtaken(self, rows):
        monkeypatch.undo()
        vault.erase([row(1).alert_id], 0)
        return opened(self, rows)

    monkeypatch.setattr(FileVault, "_opened", overtaken)

    assert found(reader, row(2)) == {row(2).digest}


_OTHER_PROCESS = """
import sys
from pathlib import Path
from broker.protect.vault import FileVault
vault = FileVault(Path(sys.argv[1]))
for line in sys.stdin:
    what, _, number = line.strip().partition(" ")
    if what == "erase":
        vault.erase([int(number).to_bytes(16, "big")], 0)
    digest = int(number).to_bytes(32, "big")
    print(vault.find([digest]).get(digest), flush=True)
"""


def test_another_process_sees_every_renewal(vault, folder):
    vault.keep([row(n) for n in range(1, 6)])
    with subprocess.Popen(
        [sys.executable, "-c", _OTHER_PROCESS, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def ask(line: str) -> str:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        assert ask("find 1") == str(row(1).key)
        vault.erase([row(1).alert_id], 0)
        assert ask("find 1") == "None"
        assert ask("find 2") == str(row(2).key)
        assert ask("erase 2") == "None"
        assert found(vault, row(2), row(3)) == {row(3).digest}
        vault.keep([row(6)])
        assert ask("find 6") == str(row(6).key)


def _copy(folder: Path) -> Path:
    """Return a copy of the database that holds all that was committed."""
    older = scratch() / "older"
    shutil.copytree(folder, older)
    return older


def _undo_renaming(folder: Path, old_key: bytes) -> None:
    (folder / "vault.key").rename(folder / "vault.next")
    (folder / "vault.key").touch(mode=0o600)
    (folder / "vault.key").write_bytes(old_key)


_STARTING = """
import sys
from pathlib import Path
from broker.protect.vault import FileVault, Row
print("ready", flush=True)
sys.stdin.readline()
number = int(sys.argv[2])
vault = FileVault(Path(sys.argv[1]))
vault.keep([Row(number.to_bytes(32, "big"), number.to_bytes(16, "big"), bytes([number]) * 32, 1)])
"""


def test_processes_that_start_at_once_share_one_vault():
    for _ in range(2):
        fresh = scratch() / "vault"
        starting = [
            subprocess.Popen(
                [sys.executable, "-c", _STARTING, str(fresh), str(number)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for number in range(1, 5)
        ]
        for process in starting:
            process.stdout.readline()
        for process in starting:
            process.stdin.close()
        assert [process.wait(60) for process in starting] == [0] * 4
        rows = [row(number) for number in range(1, 5)]
        assert found(FileVault(fresh), *rows) == {each.digest for each in rows}
