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
from broker.protect import vault_renewal
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
    again.forget(0)  # goes on where the other died
    assert found(again, row(2), row(3)) == {row(2).digest, row(3).digest}
    assert (folder / "vault.key").read_bytes() != old_key
    assert not (folder / "vault.next").exists()


def test_a_crash_before_the_commit_loses_nothing(vault, folder):
    vault.keep([row(1)])
    (folder / "vault.next").write_bytes(os.urandom(32))

    again = FileVault(folder)
    assert found(again, row(1)) == {row(1).digest}
    again.keep([row(2)])
    again.forget(0)
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


def test_c27_others_read_and_keep_between_the_slices_of_a_renewal(vault, folder, monkeypatch):
    """C27: forgetting one key sealed 10^5 rows anew in accept's event loop, 6.6 seconds."""
    monkeypatch.setattr(vault_renewal, "AT_ONCE", 10)
    vault.keep([row(1, until=5), *(row(n) for n in range(2, 200))])
    seen = []

    def meanwhile(_seconds):
        number = 1_000 + len(seen)
        vault.keep([row(number % 256, alert=number)._replace(digest=number.to_bytes(32, "big"))])
        seen.append(found(vault, *(row(n) for n in range(2, 200))))

    monkeypatch.setattr(vault_renewal.time, "sleep", meanwhile)
    older = _copy(folder)

    assert vault.forget(6) == 1

    assert len(seen) > 15
    assert all(len(each) == 198 for each in seen)
    assert len(vault.find([(1_000 + n).to_bytes(32, "big") for n in range(len(seen))])) == len(seen)
    assert not (folder / "vault.next").exists()
    shutil.copy(folder / "vault.key", older / "vault.key")
    with pytest.raises(SettingsInvalid):
        FileVault(older).find([row(1).digest])


@pytest.mark.parametrize("slices", [0, 1, 5])
def test_c27_a_renewal_that_died_anywhere_is_ended_by_the_next(vault, folder, monkeypatch, slices):
    monkeypatch.setattr(vault_renewal, "AT_ONCE", 10)
    vault.keep([row(1), *(row(n) for n in range(2, 100))])
    left = [slices]

    def die(_seconds):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(vault_renewal.time, "sleep", die)
    with pytest.raises(KeyboardInterrupt):
        vault.erase([row(1).alert_id], 0)
    monkeypatch.setattr(vault_renewal.time, "sleep", lambda _: None)
    older = _copy(folder)

    again = FileVault(folder)
    assert len(found(again, *(row(n) for n in range(1, 100)))) == 98
    again.erase([row(2).alert_id], 0)

    assert len(found(again, *(row(n) for n in range(1, 100)))) == 97
    assert not (folder / "vault.next").exists()
    shutil.copy(folder / "vault.key", older / "vault.key")
    (older / "vault.next").unlink(missing_ok=True)
    with pytest.raises(SettingsInvalid):  # what was erased between died with its key, too
        FileVault(older).find([row(2).digest])


HOUR = 3_600_000


def test_c26_a_vault_whose_clock_jumps_40_days_destroys_nothing_for_a_day(vault):
    """C26: 1,000 of 1,000 living keys were destroyed."""
    start, day = 1_800_000_000_000, 24 * HOUR
    rows = [row(n, until=start + 31 * day) for n in range(1, 50)]
    vault.keep(rows)
    assert vault.forget_over(start) == 0

    for hour in range(20):
        assert vault.forget_over(start + 40 * day + hour * HOUR) == 0
        for _ in range(5):  # a role that starts over and over again counts no hours
            assert vault.forget_over(start + 40 * day + hour * HOUR + 1000) == 0
    assert vault.forget_over(start + day) == 0  # it was set right

    assert len(found(vault, *rows)) == 49
    for hour in range(24, 33 * 24):
        vault.forget_over(start + hour * HOUR)
    assert found(vault, *rows) == set()


def test_c26_a_clock_that_stands_by_its_jump_for_a_day_is_believed(vault):
    start = 1_800_000_000_000
    vault.keep([row(1, until=start)])
    vault.forget_over(start)
    jumped = start + 60 * 24 * HOUR

    gone = [vault.forget_over(jumped + hour * HOUR) for hour in range(24)]

    assert gone == [0] * 23 + [1]
