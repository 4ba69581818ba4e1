"""The file drop: whole files, recalled with their earlier revisions, one feed a folder."""

import asyncio
import errno
import os

import pytest
from connecting import ALERT, FEED, release_of

from broker.errors import RecipientRefused, RecipientUnavailable
from broker.testing import alert_id_of, make_alert, make_recall, make_release
from connectors import make_connector


async def test_a_recall_removes_the_files_of_earlier_revisions_and_no_others(tmp_path):
    made = make_connector("filedrop", {"folder": str(tmp_path)}, FEED)
    other = alert_id_of(8)
    await made.deliver(release_of(1))
    await made.deliver(release_of(2))
    await made.deliver(make_release(make_alert(alert_id=other)))

    await made.deliver(make_recall(ALERT, 3))

    names = {path.name for path in tmp_path.glob("*.json")}
    assert names == {f"{ALERT}.r0000000003.recall.json", f"{other}.r0000000001.json"}


async def test_a_repeated_recall_leaves_what_was_released_after_it(tmp_path):
    made = make_connector("filedrop", {"folder": str(tmp_path)}, FEED)
    await made.deliver(make_recall(ALERT, 3))
    await made.deliver(release_of(4))

    await made.deliver(make_recall(ALERT, 3))

    assert (tmp_path / f"{ALERT}.r0000000004.json").exists()


async def test_a_folder_of_another_feed_is_never_written(tmp_path):
    first = make_connector("filedrop", {"folder": str(tmp_path)}, FEED)
    second = make_connector("filedrop", {"folder": str(tmp_path)}, "suva-desk")
    await first.deliver(release_of())
    before = {path.name for path in tmp_path.iterdir()}

    with pytest.raises(RecipientUnavailable, match="FOLDER_OF_ANOTHER_FEED"):
        await second.deliver(make_recall(ALERT, 2))

    assert {path.name for path in tmp_path.iterdir()} == before


async def test_what_a_crash_left_half_written_is_removed(tmp_path):
    (tmp_path / ".half.json.partial").write_text("{")
    made = make_connector("filedrop", {"folder": str(tmp_path)}, FEED)

    await made.open()

    assert list(tmp_path.iterdir()) == []


async def test_a_file_larger_than_agreed_is_refused(tmp_path):
    made = make_connector("filedrop", {"folder": str(tmp_path), "max_bytes": 100}, FEED)

    with pytest.raises(RecipientRefused) as refused:
        await made.deliver(release_of())

    assert refused.value.code == "TOO_LARGE"
    assert list(tmp_path.glob("*.json")) == []


async def test_a_folder_without_room_is_unavailable_and_leaves_no_half_file(tmp_path, monkeypatch):
    made = make_connector("filedrop", {"folder": str(tmp_path)}, FEED)
    await made.deliver(release_of(1))

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "SYNTHETIC")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecipientUnavailable) as away:
        await made.deliver(release_of(2))

    assert away.value.code == "FOLDER_ENOSPC"
    assert [path.name for path in tmp_path.glob("*.json")] == [f"{ALERT}.r0000000001.json"]


@pytest.fixture
def loose_umask():
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize(("set_to", "mode"), [(None, 0o600), ("0640", 0o640), ("0660", 0o660)])
async def test_a09_files_have_the_mode_that_is_set_whatever_the_umask(
    tmp_path, loose_umask, set_to, mode
):
    settings = {"folder": str(tmp_path)} | ({"mode": set_to} if set_to else {})
    tmp_path.chmod(0o750)
    made = make_connector("filedrop", settings, FEED)

    await made.deliver(release_of())
    await made.deliver(make_recall(ALERT, 2))

    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {mode}


async def test_a09_a_planted_link_is_replaced_and_never_written_through(tmp_path):
    folder, theirs = tmp_path / "out", tmp_path / "operators"
    folder.mkdir()
    theirs.write_text("SYNTHETIC")
    name = f"{ALERT}.r0000000001.json"
    for planted in (name, f".{name}.partial"):
        (folder / planted).symlink_to(theirs)
    made = make_connector("filedrop", {"folder": str(folder)}, FEED)

    await made.deliver(release_of())
    await made.open()

    assert theirs.read_text() == "SYNTHETIC"
    assert not (folder / name).is_symlink()
    assert sorted(path.name for path in folder.iterdir()) == [".lali-feed", name]


async def test_a09_a_link_in_place_of_the_mark_is_not_read(tmp_path):
    folder, theirs = tmp_path / "out", tmp_path / "operators"
    folder.mkdir()
    theirs.write_text(FEED)
    (folder / ".lali-feed").symlink_to(theirs)
    made = make_connector("filedrop", {"folder": str(folder)}, FEED)

    with pytest.raises(RecipientUnavailable, match="FOLDER_ELOOP"):
        await made.deliver(release_of())


async def test_a09_a_folder_that_is_a_link_or_open_to_all_gets_nothing(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    with pytest.raises(RecipientUnavailable):
        await make_connector("filedrop", {"folder": str(link)}, FEED).deliver(release_of())
    real.chmod(0o777)
    with pytest.raises(RecipientUnavailable, match="FOLDER_OPEN_TO_ALL"):
        await make_connector("filedrop", {"folder": str(real)}, FEED).deliver(release_of())

    assert list(real.iterdir()) == []


async def test_a05_a_later_revision_removes_the_files_of_earlier_ones_and_its_receipt_says_so(
    tmp_path,
):
    made = make_connector("filedrop", {"folder": str(tmp_path)}, FEED)
    await made.deliver(release_of(1))
    other = await made.deliver(make_release(make_alert(alert_id=alert_id_of(8))))

    narrower = await made.deliver(release_of(2))

    names = {path.name for path in tmp_path.glob("*.json")}
    assert names == {f"{ALERT}.r0000000002.json", f"{alert_id_of(8)}.r0000000001.json"}
    assert narrower.reference == f"{ALERT}.r0000000002.json replaces 1"
    assert other.reference == f"{alert_id_of(8)}.r0000000001.json"


async def test_a05_a_recall_and_what_remains_leave_only_what_remains(tmp_path):
    made = make_connector("filedrop", {"folder": str(tmp_path)}, FEED)
    await made.deliver(release_of(1))

    for _ in range(2):  # a crash repeats both, in their order
        recall = await made.deliver(make_recall(ALERT, 1))
        await made.deliver(release_of(2))

    assert {path.name for path in tmp_path.glob("*.json")} == {
        f"{ALERT}.r0000000001.recall.json",
        f"{ALERT}.r0000000002.json",
    }
    assert recall.reference == f"{ALERT}.r0000000001.recall.json"


@pytest.mark.parametrize("what", ["endless", "pipe", "held pipe", "folder"])
async def test_11_05_a_mark_that_is_no_file_is_neither_read_nor_waited_for(tmp_path, what):
    """A link to /dev/zero took all memory; a pipe held the feed up for ever."""
    mark, held = tmp_path / ".lali-feed", None
    if what == "endless":
        mark.symlink_to("/dev/zero")
    elif what == "folder":
        mark.mkdir()
    else:
        os.mkfifo(mark)
        held = os.open(mark, os.O_RDWR) if what == "held pipe" else None
        if held is not None:
            os.write(held, FEED.encode())  # and never ends
    made = make_connector("filedrop", {"folder": str(tmp_path)}, FEED)

    with pytest.raises(RecipientUnavailable, match="FOLDER_"):
        await asyncio.wait_for(made.deliver(release_of()), 60)

    assert [path.name for path in tmp_path.iterdir()] == [".lali-feed"]
    if held is not None:
        os.close(held)
