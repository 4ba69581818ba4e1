"""The gateway's secret: private, rotated without harm, and no ground of what must outlive it."""

import base64
import hmac
import json
import os
import sys
import uuid
from dataclasses import asdict

import pytest
import pytest_asyncio
from form_gateway import form_gateway
from forming import Person, key_of
from gatewaying import FEED, UNIT_OF_FEED, Behind, draft

import broker.cli
from broker.client.salts import kept_key
from broker.clock import epoch_ms
from broker.errors import SettingsInvalid, StorageUnavailable
from broker.gateway.cursor import CursorInvalid, Cursors
from broker.gateway.ended_sessions import EndedSessions
from broker.gateway.form.session import Session, Sessions
from broker.gateway.gateway_secret import GatewaySecret, derived, rotate
from broker.private_files import read_secret

DAY_MS = 86_400_000
POSITION = {0: 3, 1: 4}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "secret"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
@pytest.mark.parametrize("name", ["secret", "secret-older", "secret-drafts"])
def test_11_08_a_secret_that_others_may_read_is_refused(file, mode, name):
    GatewaySecret(file)
    rotate(file, 7)
    file.with_name(name).chmod(mode)

    with pytest.raises(SettingsInvalid, match=rf"^{name}: others may read it: chmod 600$"):
        GatewaySecret(file).counting()


@pytest.mark.parametrize("read", [kept_key, read_secret])
def test_11_08_no_other_secret_is_read_that_others_may_read_either(tmp_path, read):
    (tmp_path / "unit.key").write_bytes(b"k" * 32)
    (tmp_path / "unit.key").chmod(0o644)

    with pytest.raises(SettingsInvalid, match="others may read it"):
        read(tmp_path / "unit.key")


@pytest.mark.parametrize("read", [kept_key, read_secret])
@pytest.mark.parametrize("what", ["/dev/zero", "pipe"])
def test_11_05_a_secret_is_a_file_and_nothing_that_never_ends(tmp_path, read, what):
    if what == "pipe":
        os.mkfifo(tmp_path / "unit.key", 0o600)
    else:
        (tmp_path / "unit.key").symlink_to(what)

    with pytest.raises(SettingsInvalid, match="no regular file"):
        read(tmp_path / "unit.key")


def test_11_08_keys_of_different_uses_have_nothing_in_common(file):
    secret = GatewaySecret(file).present()
    # RFC 5869 by its own words: extract with a salt of zeros, expand one block.
    extracted = hmac.digest(bytes(32), secret, "sha256")

    assert derived(secret, b"a") == hmac.digest(extracted, b"lali gateway\na\x01", "sha256")
    assert len({derived(secret, use) for use in (b"a", b"b", b"")} | {secret}) == 4


def test_11_08_cursors_of_the_secret_before_count_for_their_time_only(file):
    now = epoch_ms()
    clock = [now]
    before = GatewaySecret(file, lambda: clock[0])
    sealed = Cursors(before.counting).sealed(FEED, POSITION)
    rotate(file, 7, lambda: now)

    for secrets in (before, GatewaySecret(file, lambda: clock[0])):
        cursors = Cursors(secrets.counting)
        clock[0] = now + 7 * DAY_MS - 1
        assert cursors.opened(FEED, sealed) == (POSITION, 0)
        assert cursors.sealed(FEED, POSITION) != sealed  # the new one signs
        clock[0] = now + 7 * DAY_MS
        with pytest.raises(CursorInvalid):
            cursors.opened(FEED, sealed)


def test_11_08_a_secret_that_is_known_to_somebody_ends_at_once(file):
    sealed = Cursors(GatewaySecret(file).counting).sealed(FEED, POSITION)
    rotate(file, 0)

    with pytest.raises(CursorInvalid):
        Cursors(GatewaySecret(file).counting).opened(FEED, sealed)


def test_11_08_rotated_twice_only_the_last_before_counts(file):
    first = GatewaySecret(file).present()
    rotate(file, 7)
    second = GatewaySecret(file).present()
    rotate(file, 7)

    counting = GatewaySecret(file).counting()
    assert len(counting) == 2
    assert counting[1] == second
    assert first not in counting


def test_11_08_a_gateway_of_before_keeps_what_drafts_derive_from_and_its_cursors(file):
    file.write_bytes(b"s" * 32)
    file.chmod(0o600)
    old = hmac.digest(b"s" * 32, b"lali cursor 2\nfeed", "sha256")
    payload = bytes([0, 0, 0, 6, 2, 8])  # zigzag: extra, era, and partitions with offsets
    mac = hmac.digest(old, FEED.encode() + b"\n" + payload, "sha256")[:16]
    sealed = base64.urlsafe_b64encode(mac + payload).decode().rstrip("=")

    secrets = GatewaySecret(file)
    assert secrets.drafts == b"s" * 32
    assert Cursors(secrets.counting).opened(FEED, sealed) == (POSITION, 0)
    rotate(file, 7)
    assert GatewaySecret(file).drafts == b"s" * 32
    assert GatewaySecret(file).present() != b"s" * 32
    assert Cursors(GatewaySecret(file).counting).opened(FEED, sealed) == (POSITION, 0)


def test_11_08_a_new_gateway_has_a_secret_of_its_own_for_drafts(file):
    secrets = GatewaySecret(file)

    assert secrets.drafts != secrets.present()
    assert {each.stat().st_mode & 0o777 for each in file.parent.iterdir()} == {0o600}
    assert GatewaySecret(file).drafts == secrets.drafts


def test_11_08_without_what_drafts_derive_from_a_rotated_gateway_does_not_start(file):
    GatewaySecret(file)
    rotate(file, 7)
    file.with_name("secret-drafts").unlink()

    with pytest.raises(SettingsInvalid, match="restore it from a backup"):
        GatewaySecret(file)


def test_11_08_the_command_rotates_and_says_until_when_the_one_before_counts(
    file, monkeypatch, capsys, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LALI_GATEWAY_SECRET_FILE", str(file))
    monkeypatch.setattr("broker.cli.configure_logs", lambda **_: None)

    def ran(*words):
        monkeypatch.setattr(sys, "argv", ["lali", "gateway", "secret", "rotate", *words])
        with pytest.raises(SystemExit) as end:
            broker.cli.main()
        said = capsys.readouterr()
        return end.value.code or 0, " ".join((said.out + said.err).split())

    assert ran()[0] != 0  # there is none yet
    before = GatewaySecret(file).present()
    assert ran("--older-days", "31") == (2, "lali: --older-days: 0 to 30")
    assert GatewaySecret(file).present() == before
    code, said = ran("--older-days", "3")
    assert code == 0
    assert "sessions of the form have ended" in said
    assert GatewaySecret(file).counting()[1] == before


def _forged(secret, ended, key_id):
    """Return a cookie of the form, made by who knows *secret* and the name of a key."""
    said = json.dumps(
        asdict(Session(f"key:{key_id}", epoch_ms() + 3_600_000, "x" * 24)), separators=(",", ":")
    ).encode()
    for key in (
        derived(secret, b"form session 2\n" + ended.folder()),
        hmac.digest(secret, b"lali form session 1", "sha256"),
    ):
        yield base64.urlsafe_b64encode(hmac.digest(key, said, "sha256") + said).decode()


def test_11_08_a_session_forged_by_an_older_secret_or_another_is_none(file, tmp_path):
    ended = EndedSessions(tmp_path)
    older = GatewaySecret(file).present()
    rotate(file, 30)
    secrets = GatewaySecret(file)
    sessions = Sessions(secrets.present, ended)

    genuine, _ = _forged(secrets.present(), ended, "0123456789ab")
    assert sessions.read(genuine, epoch_ms()) is not None
    for secret in (older, secrets.drafts, bytes(32)):
        for cookie in _forged(secret, ended, "0123456789ab"):
            assert sessions.read(cookie, epoch_ms()) is None


async def test_11_15_a_session_that_was_ended_is_ended_for_every_gateway_and_start(tmp_path):
    secret = b"s" * 32
    here, there = (Sessions(lambda: secret, EndedSessions(tmp_path)) for _ in range(2))
    one, other = here.begin("key:a", 1000), here.begin("key:b", 1000)

    await there.end(one, 1000)

    for sessions in (here, there, Sessions(lambda: secret, EndedSessions(tmp_path))):
        assert sessions.read(here.written(one), 1000) is None
        assert sessions.read(here.written(other), 1000) == other


async def test_11_15_a_session_is_none_in_another_folder(tmp_path):
    secret = b"s" * 32
    here = Sessions(lambda: secret, EndedSessions(tmp_path / "here"))
    there = Sessions(lambda: secret, EndedSessions(tmp_path / "there"))
    session = here.begin("key:a", 1000)

    assert here.read(here.written(session), 1000) == session
    assert there.read(here.written(session), 1000) is None


async def test_11_15_where_the_file_is_lost_or_damaged_every_session_is_over(tmp_path):
    sessions = Sessions(lambda: b"s" * 32, EndedSessions(tmp_path))
    first = sessions.begin("key:a", 1000)
    cookie = sessions.written(first)
    (tmp_path / "sessions.db").unlink()
    assert sessions.read(cookie, 1000) is None

    cookie = sessions.written(first)
    for part in ("-wal", "-shm"):
        (tmp_path / f"sessions.db{part}").unlink(missing_ok=True)
    (tmp_path / "sessions.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(StorageUnavailable):
        sessions.read(cookie, 1000)
    assert sessions.read(cookie, 1000) is None
    assert sessions.read(sessions.written(first), 1000) == first


async def test_11_15_what_has_ended_by_itself_is_not_kept(tmp_path):
    ended = EndedSessions(tmp_path)
    for number in range(5):
        await ended.add(str(number), ends=1000 + number, now=1000)
    await ended.add("last", ends=5000, now=1003)

    assert [n for n in [*map(str, range(5)), "last"] if ended.has(n)] == ["4", "last"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    async with form_gateway(kafka, tmp_path_factory.mktemp("secret"), "gateway-secret") as found:
        yield found


def _short():
    """Return a draft whose id and moments the gateway gives."""
    short = draft()
    for name in ("alert_id", "revision", "originated_at", "expires_at", "originator"):
        del short["label"][name]
    return short


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.kafka
async def test_11_08_what_is_sent_again_after_a_rotation_is_the_same_alert(behind):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    body = json.dumps(_short()).encode()
    sent = {**key, "Content-Type": "application/json"}

    async def send():
        return await behind.call("POST", "/v1/alerts", "fiji-immigration", headers=sent, data=body)

    status, _, first = await send()
    assert status == 202
    await behind.shown(first["alert_id"])
    cursor = (await behind.page(limit=1))["next"]

    rotate(behind.settings.gateway_secret(), 7)

    assert (await send())[2]["alert_id"] == first["alert_id"]
    await behind.close()
    (behind.settings.data_folder / "gateway" / "repeats.db").unlink()
    await behind.open()
    status, _, again = await send()
    assert (status, again["alert_id"]) == (202, first["alert_id"])
    assert len(await behind.shown(first["alert_id"])) == 1
    for path in (f"/v1/feeds/{FEED}", f"/v1/feeds/{FEED}"):
        status, _, _ = await behind.call("GET", path, UNIT_OF_FEED, params={"cursor": cursor})
        assert status == 200


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.kafka
async def test_11_15_signing_out_holds_in_the_other_gateways_and_after_a_restart(behind):
    other = Behind(behind.settings)
    await other.open()
    try:
        async with Person(behind.url) as person:
            await person.sign_in(key_of(behind).text)
            cookie = person.cookie
            async with Person(other.url) as there:
                said = {"Cookie": f"lali-report={cookie}"}
                assert (await there.get(**said)).status == 200
                await person.post("/report/sign-out", {"token": (await person.get()).token})
                assert (await there.get(**said)).status == 401
    finally:
        await other.close()
    await behind.close()
    await behind.open()
    async with Person(behind.url) as thief:
        assert (await thief.get(Cookie=f"lali-report={cookie}")).status == 401


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.kafka
async def test_11_08_a_rotation_ends_the_sessions_of_a_gateway_that_runs(behind):
    async with Person(behind.url) as person:
        await person.sign_in(key_of(behind).text)
        assert (await person.get()).status == 200

        rotate(behind.settings.gateway_secret(), 7)

        assert (await person.get()).status == 401
        await person.sign_in(key_of(behind).text)
        assert (await person.get()).status == 200
