"""B22: everything that ends is announced, the hub rotates by itself, quarantine never stops."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from sealed import reason_of

from broker.certificates import DevelopmentCa
from broker.endings import Ending, EndingsWatch, endings
from broker.gateway.caller import Right
from broker.gateway.identity.api_keys import key_file, new_key
from broker.keys import init_keys
from broker.metrics.registry import REGISTRY
from broker.protect.algorithms import Algorithm
from broker.protect.issue import HUB_TERMS, issue, issue_hub_ahead
from broker.protect.key_folder import KeyFolder, now
from broker.protect.original import open_original, seal_original
from broker.protect.register import HUB, Holder, Register
from broker.settings import Settings

DAY = timedelta(days=1)
SEALING = Algorithm.HPKE_X25519


def hub_keys(folder, at, **more):
    return tuple(issue(folder.keeper, Holder.HUB, HUB, at, **more))


def test_b22_what_a_day_after_its_end_is_kept_is_sealed_for_the_ended_key(key_folder):
    """B22: after 90 days one bad input restarted accept for ever."""
    register = Register(version=1, keys=hub_keys(key_folder, now() - 91 * DAY))
    assert reason_of(register.current, Holder.HUB, HUB, SEALING) == ("KEY_EXPIRED", "hub.hub")

    key_id, sealed = seal_original(register, "intake/0/1", b"key", b"value")

    opened = open_original(key_folder.keeper, "intake/0/1", key_id, sealed)
    assert opened == (b"key", b"value")


def test_b22_nothing_is_kept_under_a_revoked_key(key_folder):
    keys = hub_keys(key_folder, now() - 91 * DAY)
    gone = tuple(k.model_copy(update={"revoked_at": now() - DAY}) for k in keys)

    assert (
        reason_of(seal_original, Register(version=1, keys=gone), "w", b"", b"")[0] == "KEY_UNKNOWN"
    )


def test_b22_a_key_that_counts_comes_before_an_ended_one(key_folder):
    old, new = hub_keys(key_folder, now() - 91 * DAY), hub_keys(key_folder, now() - 100 * DAY)
    new = tuple(k.model_copy(update={"not_after": now() + DAY}) for k in new)
    register = Register(version=1, keys=(*old, *new))

    assert register.to_keep_under().id in {key.id for key in new}


def test_b22_the_hub_rotates_by_itself_through_the_terms_that_were_agreed_to(key_folder):
    begins = now()
    register = Register(
        version=1, keys=tuple(issue_hub_ahead(key_folder.keeper, begins, HUB_TERMS))
    )
    used = []
    for algorithm in (SEALING, Algorithm.ECDSA_P256_SHA256):
        for day in range(600):
            key = register.current(Holder.HUB, HUB, algorithm, begins + day * DAY)
            if key.id not in used:
                used.append(key.id)
                assert key.not_before <= begins + day * DAY
    assert len(used) == 2 * 8
    last = max(key.not_after for key in register.keys)
    with pytest.raises(Exception, match="KEY_EXPIRED"):
        register.current(Holder.HUB, HUB, SEALING, last + DAY)


@pytest.fixture
def settings(tmp_path):
    made = Settings(
        bootstrap_servers="127.0.0.1:1", protection="required", data_folder=tmp_path,
        ca_file=tmp_path / "ca.pem", gateway_certificate=tmp_path / "gateway.pem",
    )  # fmt: skip
    init_keys(made)
    made_ca = DevelopmentCa(tmp_path / "certificates")
    pair = made_ca.issue_server("localhost", ["127.0.0.1"])
    shutil.copy(pair.certificate, tmp_path / "gateway.pem")
    shutil.copy(pair.certificate, tmp_path / "ca.pem")
    at = datetime.now(UTC)
    key_file(made).add(new_key("fiji-police", [Right.READ], at, at + 3 * DAY).entry)
    return made


def test_b22_every_kind_is_found_with_the_day_on_which_nothing_follows(settings):
    found = endings(settings)

    assert {each.kind for each in found} == {"signing key", "sealing key", "certificate", "API key"}
    (hub,) = [each for each in found if each.name == "hub hub" and each.kind == "sealing key"]
    assert hub.days_left(datetime.now(UTC)) > 600
    assert found[0].name.startswith("fiji-police ")
    assert len({(each.kind, each.name) for each in found}) == len(found)


def _moments(each):
    return [each.ends_at - timedelta(days=d, seconds=-60) for d in (31, 30, 7, 1, -1)]


def test_b22_each_is_announced_30_7_and_1_days_before_and_the_day_after(settings):
    for each in endings(settings):
        stages = [each.stage(moment) for moment in _moments(each)]
        assert stages == [None, 30, 7, 1, 0], each


def test_b22_log_and_metric_tell_of_each_stage_once_a_day(settings):
    (key,) = [each for each in endings(settings) if each.kind == "API key"]
    clock = [key.ends_at - 8 * DAY]
    watch = EndingsWatch(settings, lambda: clock[0])
    said = []
    for moment in _moments(key):
        clock[0] = moment
        with structlog.testing.capture_logs() as logs:
            watch.look()
            watch.look()
        said.append([e["event"] for e in logs if e.get("of") == key.name])

    assert said == [[], *[["credential.ends"]] * 3, ["credential.ended"]]
    labels = {"kind": "API key", "name": key.name}
    shown = REGISTRY.get_sample_value("lali_credential_ends_timestamp_seconds", labels)
    assert shown == pytest.approx(key.ends_at.timestamp())


def test_b22_the_log_says_once_a_day_for_each_kind_how_many_end_and_which_first(settings):
    """B22: a start of `lali up` on keys that were to end printed a line for each of 190."""
    found = endings(settings)
    sealing = [each for each in found if each.kind == "sealing key" and "hub" not in each.name]
    clock = [sealing[0].ends_at - 20 * DAY]
    watch = EndingsWatch(settings, lambda: clock[0])
    with structlog.testing.capture_logs() as logs:
        for hours in (0, 1, 23):
            clock[0] = sealing[0].ends_at - 20 * DAY + timedelta(hours=hours)
            watch.look()
    said = [each for each in logs if each.get("kind") == "sealing key"]
    assert len(said) == 1
    assert len(logs) <= 8  # four kinds, each with what ends and what has ended
    assert said[0]["of"] == sealing[0].name
    assert said[0]["days"] in (19, 20)
    soon = [each for each in sealing if each.stage(sealing[0].ends_at - 20 * DAY) == 30]
    assert said[0]["count"] == len(soon) > 40

    clock[0] += 2 * timedelta(hours=1)
    with structlog.testing.capture_logs() as logs:
        watch.look()
    assert [each["event"] for each in logs if each.get("kind") == "sealing key"] == [
        "credential.ends"
    ]


def test_b22_what_cannot_be_read_stops_nobody(settings):
    (KeyFolder(settings.key_folder()).path / "register.json").write_text("{")

    with structlog.testing.capture_logs() as logs:
        EndingsWatch(settings).look()

    assert [each["event"] for each in logs] == ["endings.unknown"]


def test_b22_keys_list_shows_what_ends(settings, lali, monkeypatch):
    monkeypatch.setenv("LALI_PROTECTION", "required")
    monkeypatch.setenv("LALI_DATA_FOLDER", str(settings.data_folder))
    monkeypatch.setenv("COLUMNS", "160")
    code, out, _ = lali("keys", "list")

    assert code == 0
    assert "in days" in out
    assert any("API key" in line and "fiji-police" in line for line in out.splitlines())


def test_b22_an_ending_is_over_when_it_is_over():
    at = datetime(2026, 6, 1, tzinfo=UTC)

    assert Ending("certificate", "c", at).stage(at + timedelta(seconds=1)) == 0
    assert Ending("certificate", "c", at).stage(at - timedelta(seconds=1)) == 1
