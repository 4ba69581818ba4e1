"""12.13: one look at a site says what is wrong, what soon will be, and what to do."""

import json
import shutil
import uuid
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from broker.app import make_parts
from broker.doctor import cluster, site
from broker.doctor.cluster import look_at_cluster
from broker.doctor.finding import Weight, fine, not_looked, report, soon, wrong
from broker.doctor.site import look_at_site
from broker.keys import init_keys
from broker.policy.bundle import load_bundle
from broker.protect.key_folder import KeyFolder
from broker.settings import Settings
from broker.site_backup import back_up
from broker.wire.sender import Sender
from broker.wire.topic_settings import Difference

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


class Usage(NamedTuple):
    """As `shutil.disk_usage` gives it."""

    total: int
    used: int
    free: int


@pytest.fixture
def settings(tmp_path):
    made = Settings(
        bootstrap_servers="127.0.0.1:1", protection="required", data_folder=tmp_path / "data",
        keys=tmp_path / "keys",
    )  # fmt: skip
    made.data_folder.mkdir()
    init_keys(made)
    return made


def seen(settings, at=NOW):
    """Return what is found, by subject and code, but what is fine."""
    found = look_at_site(settings, load_bundle(settings.bundle), at)
    return {(each.subject, each.code): each for each in found if each.weight is not Weight.FINE}


def test_12_13_a_site_for_trials_is_told_so_and_that_it_has_no_backup(settings):
    found = seen(settings)

    assert set(found) == {("keys", "DEVELOPMENT_KEYS"), ("backup", "BACKUP_NONE")}
    assert all(each.weight is Weight.SOON and each.advice for each in found.values())


def test_12_13_a_backup_is_noted_and_grows_old(settings, tmp_path):
    digest = load_bundle(settings.bundle).digest
    back_up(settings, digest, tmp_path / "site.tar", tmp_path / "keys.tar", kafka=False)

    assert ("backup", "BACKUP_NONE") not in seen(settings)
    old = seen(settings, NOW + 9 * DAY)[("backup", "BACKUP_OLD")]
    assert "9 days" in old.says or "8 days" in old.says


@pytest.mark.parametrize(
    ("days", "code", "weight"),
    [(220, "ENDS_SOON", Weight.SOON), (246, "ENDED", Weight.WRONG), (3000, "ENDED", Weight.WRONG)],
)
def test_12_13_what_ends_is_named_with_what_renews_it(settings, days, code, weight):
    found = seen(settings, NOW + days * DAY)[("what ends", code)]
    assert found.weight is weight
    assert "lali keys rotate" in found.advice


def test_12_13_a_lost_key_folder_is_wrong_and_no_new_keys_are_advised(settings):
    shutil.rmtree(settings.key_folder())
    found = seen(settings)[("keys", "KEYS_MISSING")]
    assert found.weight is Weight.WRONG
    assert "make no new keys" in found.advice


def test_12_13_an_approval_that_is_wanting_is_wrong(settings):
    (KeyFolder(settings.key_folder()).path / "bundle.json").unlink()
    assert seen(settings)[("keys", "NOT_APPROVED")].weight is Weight.WRONG


@pytest.mark.parametrize(("free", "code"), [(2, "DISK_FULL"), (9, "DISK_LOW"), (50, None)], ids=str)
def test_12_13_a_disk_is_told_of_before_it_is_full(settings, monkeypatch, free, code):
    monkeypatch.setattr(site.shutil, "disk_usage", lambda _: Usage(100 << 30, 0, free << 30))
    codes = {what for subject, what in seen(settings) if subject == "disk"}
    assert codes == ({code} if code else set())


def test_12_13_protection_that_is_off_is_told(tmp_path):
    off = Settings(bootstrap_servers="127.0.0.1:1", protection="off", data_folder=tmp_path)
    assert ("protection", "PROTECTION_OFF") in seen(off)


def test_12_13_the_verdict_is_the_worst_that_was_seen():
    least = [fine("a", "."), not_looked("b", "X", ".")]
    assert report("1", least).verdict == "FINE"
    assert report("1", [*least, soon("c", "Y", ".", "do")]).verdict == "SOON"
    worst = report("1", [*least, soon("c", "Y", ".", "do"), wrong("d", "Z", ".", "do")])
    assert worst.verdict == "WRONG"
    assert [each.code for each in worst.findings] == ["Z", "Y", "X", "FINE"]


def test_12_13_the_command_answers_in_json_and_by_its_exit_code(settings, monkeypatch, lali):
    monkeypatch.setenv("LALI_DATA_FOLDER", str(settings.data_folder))
    monkeypatch.setenv("LALI_KEYS", str(settings.keys))
    monkeypatch.delenv("LALI_BOOTSTRAP_SERVERS", raising=False)

    code, out, _ = lali("doctor", "--offline", "--json")
    said = json.loads(out)
    assert (code, said["verdict"]) == (0, "SOON")
    assert {"weight", "subject", "code", "says", "advice"} == set(said["findings"][0])

    code, out, _ = lali("doctor")  # there is no Kafka
    assert code == 1
    assert "Kafka" in out


async def _codes(parts):
    return {(each.subject, each.code) async for each in look_at_cluster(parts)}


@pytest.mark.kafka
async def test_12_13_the_cluster_is_looked_at(kafka, tmp_path, monkeypatch):
    made = Settings(
        bootstrap_servers=kafka, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=2,
        protection="required", data_folder=tmp_path, keys=tmp_path / "keys",
    )  # fmt: skip
    init_keys(made)
    parts = make_parts(made)
    assert ("topics", "TOPICS_MISSING") in await _codes(parts)

    await parts.apply_topics()
    assert {code for _, code in await _codes(parts)} == {"FINE"}

    monkeypatch.setattr(cluster, "_MUCH_WAITS", 1)
    await _send(parts, 3)
    assert ("lag", "MUCH_WAITS") in await _codes(parts)

    differs = [Difference(parts.topics.ledger, "cleanup.policy", "delete", "compact")]
    monkeypatch.setattr(cluster, "differences", lambda *_: differs)
    assert ("topics", "TOPICS_DIFFER") in await _codes(parts)

    more = make_parts(made.model_copy(update={"partitions": 3}))
    assert ("partitions", "PARTITIONS_DIFFER") in await _codes(more)


async def _send(parts, count):
    unit = next(iter(parts.community.publishers()))
    sender = Sender(parts.connection("test"))
    await sender.start()
    for _ in range(count):
        await sender.send(parts.topics.intake(unit), uuid.uuid4().hex.encode(), b"no alert")
    await sender.stop()
