"""The file drop: whole files, recalled with their earlier revisions, one feed a folder."""

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
