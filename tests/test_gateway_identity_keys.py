"""API keys: shown once, bounded, revocable, and nothing but the exact text is one."""

import base64
import shutil
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest
from credentials import COMMUNITY, bearer, doorkeeper_of, key_of, scope_with
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import SettingsInvalid
from broker.gateway.caller import Right
from broker.gateway.identity.api_keys import KeyFile, key_file, new_key
from broker.gateway.problems import Problem
from broker.settings import Settings

NOW = datetime.now(UTC)


@pytest.fixture
def deployment(tmp_path):
    return Settings(data_folder=tmp_path / "data")


def _basic(user, password):
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return ("authorization", f"Basic {pair}")


def _refused(doorkeeper, *headers):
    with pytest.raises(Problem) as refused:
        doorkeeper.caller(scope_with(*headers))
    return refused.value.status == 401 and str(refused.value) == "UNAUTHENTICATED"


def test_a_key_speaks_for_its_unit_within_its_own_bounds(deployment):
    feed = "fiji-immigration-border"
    key = key_of(deployment, "fiji-immigration", Right.READ, Right.REPORT, feeds=[feed])

    caller = doorkeeper_of(deployment).caller(scope_with(bearer(key)))

    assert (caller.unit, caller.feeds) == ("fiji-immigration", {feed})
    assert caller.rights == {Right.READ}  # no unit of civil society: no form
    assert caller.identity == f"key:{key.split('_')[1]}"
    assert key.split("_", 2)[2] not in repr(caller)


def test_a_role_narrows_a_key(deployment):
    key = key_of(deployment, "fiji-tcu", Right.READ, Right.PUBLISH, role="analyst")
    assert doorkeeper_of(deployment).caller(scope_with(bearer(key))).rights == {Right.READ}
    unknown = key_of(deployment, "fiji-tcu", Right.READ, role="no-such-role")
    assert doorkeeper_of(deployment).caller(scope_with(bearer(unknown))).rights == set()


def test_a_key_of_a_unit_or_feed_that_is_gone_opens_nothing(deployment):
    gone = key_of(deployment, "gone", Right.READ)
    other = key_of(deployment, "fiji-tcu", Right.READ, feeds=["samoa-tcu-investigate"])
    doorkeeper = doorkeeper_of(deployment)
    assert _refused(doorkeeper, bearer(gone))
    caller = doorkeeper.caller(scope_with(bearer(other)))
    assert (caller.feeds, caller.rights) == (set(), set())


def test_a_revoked_key_ends_in_a_gateway_that_runs(deployment):
    key = key_of(deployment, "fiji-tcu", Right.READ)
    doorkeeper = doorkeeper_of(deployment)
    assert doorkeeper.caller(scope_with(bearer(key)))
    key_file(deployment).revoke(key.split("_")[1], datetime.now(UTC))
    assert _refused(doorkeeper, bearer(key))


def test_a_key_ends_with_its_day(deployment):
    key = key_of(deployment, "fiji-tcu", Right.READ, days=1, made=NOW)
    end = NOW.replace(microsecond=NOW.microsecond // 1000 * 1000) + timedelta(days=1)
    moment = {}
    doorkeeper = doorkeeper_of(deployment, clock=lambda: int(moment["at"].timestamp() * 1000))
    moment["at"] = end - timedelta(seconds=1)
    assert doorkeeper.caller(scope_with(bearer(key)))
    for moment["at"] in (end, end + timedelta(days=1), NOW - timedelta(days=1)):
        assert _refused(doorkeeper, bearer(key))


def test_clients_that_know_basic_alone_come_in_with_id_and_key(deployment):
    key = key_of(deployment, "fiji-tcu", Right.READ)
    other = key_of(deployment, "samoa-tcu", Right.READ)
    key_id = key.split("_")[1]
    doorkeeper = doorkeeper_of(deployment)
    assert doorkeeper.caller(scope_with(_basic(key_id, key))).unit == "fiji-tcu"
    for user, password in (
        (other.split("_")[1], key), (key_id, other), ("", key), (key_id, ""),
        (key_id, key.split("_", 2)[2]), ("fiji-tcu", key), (f"{key_id}:", key),
    ):  # fmt: skip
        assert _refused(doorkeeper, _basic(user, password))
    for value in ("", "=", "é", "Zm9v", base64.b64encode(b"\xff:\xff").decode()):
        assert _refused(doorkeeper, ("authorization", f"Basic {value}"))


def test_headers_that_are_not_one_credential_are_refused(deployment):
    key = key_of(deployment, "fiji-tcu", Right.READ)
    doorkeeper = doorkeeper_of(deployment)
    assert doorkeeper.caller(scope_with(("authorization", f"bEaReR  {key} ")))
    for headers in (
        [],
        [bearer(key), bearer(key)],
        [("authorization", "")],
        [("authorization", key)],
        [("authorization", f"Digest {key}")],
        [("authorization", f"Bearer {key}, Bearer {key}")],
        [("authorization", f"Bearer\t{key}")],
        [("cookie", f"key={key}")],
        [("x-api-key", key)],
    ):
        assert _refused(doorkeeper, *headers)


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    deployment = Settings(data_folder=tmp_path_factory.mktemp("steady"))
    keys = [key_of(deployment, unit, Right.READ) for unit in ("fiji-tcu", "samoa-tcu")]
    return doorkeeper_of(deployment), *keys


@settings(max_examples=400)
@given(data=st.data())
def test_any_change_of_a_key_is_refused(steady, data):
    doorkeeper, key, other = steady
    where = data.draw(st.integers(0, len(key) - 1))
    letter = data.draw(st.characters(max_codepoint=0xFF))
    changed = data.draw(
        st.sampled_from([
            key[:where] + letter + key[where + 1 :],
            key[:where] + letter + key[where:],
            key[:where] + key[where + 1 :],
            key[:where] + other[where:],
            key.upper(), key.lower(), key + "=", key + "\0",
        ])
    )  # fmt: skip
    if changed.strip(" ") not in (key, other):
        assert _refused(doorkeeper, bearer(changed))
    assert doorkeeper.caller(scope_with(bearer(key))).unit == "fiji-tcu"


def test_the_secret_is_in_no_file(deployment):
    key = key_of(deployment, "fiji-tcu", Right.READ)
    for file in deployment.data_folder.rglob("*"):
        assert file.is_dir() or key.split("_", 2)[2].encode() not in file.read_bytes()


def test_the_file_is_the_owners_alone(deployment):
    key_of(deployment, "fiji-tcu", Right.READ)
    file = key_file(deployment).file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    with pytest.raises(SettingsInvalid, match="others may read it"):
        doorkeeper_of(deployment)


def test_a_key_file_that_is_damaged_lets_nobody_in_by_key(deployment):
    key = key_of(deployment, "fiji-tcu", Right.READ)
    doorkeeper = doorkeeper_of(deployment)
    file = key_file(deployment).file
    content = file.read_text()
    for damaged in (
        "",
        "{",
        content.replace("fiji-tcu", "Fiji TCU"),
        content.replace('"id"', '"it"'),
    ):
        file.write_text(damaged)
        with pytest.raises(Problem) as refused:
            doorkeeper.caller(scope_with(bearer(key)))
        assert refused.value.status == 503
    file.write_text(content)
    assert doorkeeper.caller(scope_with(bearer(key)))


def test_two_who_add_at_once_lose_no_key(deployment):
    file = key_file(deployment).file
    made = [new_key("fiji-tcu", [Right.READ], NOW, NOW + timedelta(days=1)) for _ in range(40)]
    start = threading.Barrier(4)

    def add(part):
        start.wait()
        for new in part:
            KeyFile(file).add(new.entry)

    threads = [threading.Thread(target=add, args=(made[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(KeyFile(file).read()) == {new.entry.id for new in made}


def test_a_key_has_256_random_bits():
    texts = {new_key("x", [Right.READ], NOW, NOW).text for _ in range(200)}
    assert len(texts) == len({text.split("_")[1] for text in texts}) == 200
    assert {len(base64.urlsafe_b64decode(text.split("_", 2)[2] + "=")) for text in texts} == {32}


def test_every_unit_of_the_region_has_a_right_at_the_doors(deployment):
    for unit in COMMUNITY.units:
        key = key_of(deployment, unit, *Right)
        caller = doorkeeper_of(deployment).caller(scope_with(bearer(key)))
        feeds = {feed.id for feed in COMMUNITY.feeds.values() if feed.unit == unit}
        described = COMMUNITY.units[unit]
        expected = {"read", "acknowledge"} if feeds else set()
        expected |= {"publish", "preview", "follow"} if described.publishes else set()
        expected |= {"report"} if described.kind == "CIVIL_SOCIETY" else set()
        assert (caller.rights, caller.feeds) == (expected, feeds)
        shutil.rmtree(deployment.data_folder)
