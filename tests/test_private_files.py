"""Whatever is written is its owner's alone, and goes through no link that others planted."""

import os
import re
from pathlib import Path

import pytest

from broker.audit.changes import ChangeJournal
from broker.client.salts import kept_key
from broker.private_files import open_lock, write_private, write_whole
from broker.running import Running, note_running

ROOT = Path(__file__).parents[1]
#: Files that hold nothing of anybody: documents, logs of a trial, a demonstration's own files.
_OPEN_TO_ALL = {
    "broker/cli/schema.py",
    "broker/cluster/node.py",
    "broker/trial/partners.py",
    "broker/trial/roles.py",
}
_WRITES = re.compile(r"\.write_text\(|\.write_bytes\(|\.open\(\"[wax]|[^.]\bopen\([^)]*\"[wax]")


@pytest.fixture(autouse=True)
def loose_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder):
    return {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}


def test_a09_a_private_file_is_private_whatever_the_umask(tmp_path):
    write_private(tmp_path / "a", b"SYNTHETIC")
    note_running(tmp_path, Running("127.0.0.1:1"))
    kept_key(tmp_path / "key")
    ChangeJournal(tmp_path / "changes").note("CHANGE_PROPOSED", "officer", None)
    open_lock(tmp_path / "lock").close()

    assert modes(tmp_path) == {0o600}
    assert (tmp_path / "changes").stat().st_mode & 0o777 == 0o700


def test_a09_a_link_is_replaced_and_never_followed(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.write_text("SYNTHETIC")
    for name in ("a", "running.json"):
        (tmp_path / name).symlink_to(theirs)

    write_whole(tmp_path / "a", b"new", 0o644)
    note_running(tmp_path, Running("127.0.0.1:1"))

    assert theirs.read_text() == "SYNTHETIC"
    assert not (tmp_path / "a").is_symlink()


def test_a09_a_lock_is_no_link(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.write_text("SYNTHETIC")
    (tmp_path / "lock").symlink_to(theirs)

    with pytest.raises(OSError, match="symbolic"):
        open_lock(tmp_path / "lock")

    assert theirs.read_text() == "SYNTHETIC"


def test_a09_what_fails_leaves_nothing_behind(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "in it").touch()

    with pytest.raises(OSError):
        write_private(tmp_path / "folder", b"SYNTHETIC")

    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a09_nothing_is_written_but_through_the_one_way():
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for part in ("broker", "connectors")
        for path in (ROOT / part).rglob("*.py")
        if str(path.relative_to(ROOT)) not in _OPEN_TO_ALL | {"broker/private_files.py"}
        for line in path.read_text().splitlines()
        if _WRITES.search(line)
    ]

    assert found == []
