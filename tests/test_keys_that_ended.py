"""12.2: an ended key is the hub's trouble and no fault of what is sent; development keys renew."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, draft, settings_of
from pydantic import SecretStr
from sealed import FIJI, SAMOA, an_alert, new_folder, protection, reason_of
from structlog.testing import capture_logs

from broker.client.http import Credentials, HttpPublisher, Journal, Patience
from broker.errors import KeyEnded
from broker.gateway.problems import problem_of
from broker.hourly import Hourly
from broker.keys import init_keys
from broker.pipeline.seal import OriginatorSeal
from broker.protect.algorithms import Algorithm
from broker.protect.ceremony import next_register
from broker.protect.change import ChangeKind
from broker.protect.development import agree
from broker.protect.key_folder import KeyFolder, now
from broker.protect.register import HUB, Holder, Register
from broker.protect.renewal import renew_development
from broker.renewals import KeyRenewal
from broker.wire.alert_codec import encode_alert

DAY = timedelta(days=1)
SIGNING, SEALING = Algorithm.ECDSA_P256_SHA256, Algorithm.HPKE_X25519


def sealing_with(holder, owner, unit=FIJI, **alert):
    """Seal an alert of *unit* a day after every key of *owner* has ended."""
    folder = protection().folder
    keys = tuple(
        key.model_copy(update={"not_after": now() - DAY})
        if (key.holder, key.owner) == (holder, owner)
        else key
        for key in folder.register().keys
    )
    register = Register(version=1, keys=keys)
    made = an_alert(originator=unit, **alert)
    seal = OriginatorSeal(unit, lambda: register, folder.keeper)
    return seal.seal(encode_alert(made), made, bytes(32))


@pytest.mark.parametrize(("holder", "owner"), [(Holder.UNIT, FIJI), (Holder.HUB, HUB)])
def test_12_02_an_ended_key_of_ours_is_503_and_names_what_to_do(holder, owner):
    whose = "HUB" if holder is Holder.HUB else f"UNIT {owner}"
    with pytest.raises(KeyEnded, match=f"KEY_EXPIRED: .*lali keys rotate {whose}") as caught:
        sealing_with(holder, owner)

    problem = problem_of(caught.value)
    assert (problem.status, problem.code) == (503, "KEY_EXPIRED")
    assert problem.retry_after > 0


def test_12_02_an_ended_key_of_a_named_recipient_is_the_publishers_to_know():
    red = {"tlp": "RED", "distribution": {"named_recipients": [SAMOA]}}
    refused = reason_of(sealing_with, Holder.UNIT, SAMOA, **red)
    assert refused == ("KEY_EXPIRED", "distribution.named_recipients[0]")


@pytest.mark.parametrize("days", [30, 91, 245, 366, 700])
def test_12_02_development_keys_renew_themselves_through_the_years(days):
    folder, at = new_folder(), now() + days * DAY
    step = timedelta(days=20)
    moment = now()
    while moment <= at:
        renew_development(folder, moment)
        moment += step

    register = folder.register()
    for key in register.keys:
        register.current(key.holder, key.owner, key.algorithm, at)
    assert renew_development(folder, moment - step) == ()
    assert {key.owner for key in register.keys if key.entrusted} == {"tonga-files"}


def test_12_02_a_site_that_was_off_for_two_years_renews_at_its_start():
    folder, at = new_folder(), now() + 800 * DAY
    with capture_logs() as said:
        KeyRenewal(folder, lambda: at).look()

    register = folder.register()
    for holder, owner, algorithm in (
        (Holder.HUB, HUB, SEALING), (Holder.HUB, HUB, SIGNING),
        (Holder.UNIT, FIJI, SIGNING), (Holder.FEED, "samoa-cases", SEALING),
    ):  # fmt: skip
        assert register.current(holder, owner, algorithm, at).fault(at) is None
    assert [each["event"] for each in said] == ["keys.renewed"]


async def test_12_02_what_only_looks_beside_a_role_ends_it_by_no_fault():
    looks = []

    class Failing(Hourly):
        every_seconds = 0.01

        def look(self):
            looks.append(1)
            raise LookupError

    failing = Failing()
    with capture_logs() as said:
        running = asyncio.create_task(failing.run())
        async with asyncio.timeout(10):
            while len(looks) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        failing.stop()
        await asyncio.wait_for(running, 10)
    assert said[0] == {
        "event": "look.failed", "what": "Failing", "code": "LookupError", "log_level": "error"
    }  # fmt: skip


def test_12_02_keys_that_people_agreed_to_renew_by_people_alone():
    folder = new_folder()
    (folder.path / "officers" / "second-officer.pem").unlink()
    before = folder.register()

    assert renew_development(folder, now() + 800 * DAY) == ()
    assert folder.register() == before


def _end(folder, owner):
    keys = tuple(
        key.model_copy(update={"not_after": now() - timedelta(seconds=1)})
        if key.owner == owner
        else key
        for key in folder.register().keys
    )
    register = next_register(folder, keys)
    agree(folder, ChangeKind.KEYS, register.digest().hex(), register)


@pytest.mark.kafka
@pytest.mark.timeout(400)
@pytest.mark.parametrize("owner", [ORIGINATOR, HUB])
async def test_12_02_what_comes_while_a_key_has_ended_is_kept_and_published_once(
    kafka, tmp_path, owner
):
    settings = settings_of(
        kafka, f"t{uuid.uuid4().hex[:8]}.", tmp_path, protection="required", keys=tmp_path / "keys"
    )
    init_keys(settings)
    async with Behind(settings) as behind:
        folder = KeyFolder(settings.key_folder())
        _end(folder, owner)
        jobs = [draft(originator=ORIGINATOR) for _ in range(2)]
        alert = an_alert(originator=ORIGINATOR)
        key = {"Idempotency-Key": str(uuid.uuid4())}
        for body in (jobs[0], jobs):
            status, headers, said = await behind.call(
                "POST", "/v1/alerts", ORIGINATOR, json=body, headers=key
            )
            assert (status, said["code"]) == (503, "KEY_EXPIRED")
            assert int(headers["Retry-After"]) > 0
        _, _, health = await behind.call("GET", "/readyz")
        assert health.get("standing", []) == (["HUB_KEY_ENDED"] if owner == HUB else [])
        assert (await behind.call("GET", f"/v1/feeds/{FEED}", UNIT_OF_FEED))[0] == 200
        async with _journaling(behind, tmp_path / "journal") as out:
            assert (await out.publish(alert)).state == "journaled"

        assert renew_development(folder, now())
        status, _, said = await behind.call(
            "POST", "/v1/alerts", ORIGINATOR, json=jobs[0], headers=key
        )
        assert status == 202
        found = await behind.shown(said["alert_id"])
        assert len(found) == 1
        async with _journaling(behind, tmp_path / "journal"):
            assert len(await behind.shown(str(alert.label.alert_id))) == 1


def _journaling(behind, folder):
    """Return a client that leaves sealing to the gateway and keeps what cannot be sent."""
    text = behind.headers(ORIGINATOR)["Authorization"].removeprefix("Bearer ")
    return HttpPublisher(
        behind.url, ORIGINATOR, Credentials(api_key=SecretStr(text)), journal=Journal(folder),
        patience=Patience(2, 1),
    )  # fmt: skip
