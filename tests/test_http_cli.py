"""`lali publish`, `lali subscribe` and `lali journal` by HTTP, as an operator types them."""

import asyncio
import json
import os
import sys
import uuid

import pytest
import pytest_asyncio
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, draft, settings_of

from broker.model.reason import Reason
from broker.model.reason_words import words_of
from broker.testing import make_alert
from broker.wire.alert_codec import encode_alert
from broker.wire.sender import Sender

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore:.*is marked with '@pytest.mark.asyncio'"),
]

NOWHERE = "http://127.0.0.1:9"
SECRET = "lali_0123456789ab_" + "S" * 43


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    prefix = f"t{uuid.uuid4().hex[:8]}."
    async with Behind(settings_of(kafka, prefix, folder, protection="required")) as it:
        yield it


async def lali(folder, *words, key=SECRET):
    env = {name: text for name, text in os.environ.items() if not name.startswith("LALI_")}
    env |= {"LALI_API_KEY": key} if key else {}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from broker.cli import main; main()", *map(str, words),
        cwd=folder, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(child.communicate(), 200)
    return child.returncode, out.decode(), err.decode()


def key_of(behind, unit):
    return behind.headers(unit)["Authorization"].removeprefix("Bearer ")


def case(folder, *drafts):
    (folder / "case.jsonl").write_text("\n".join(map(json.dumps, drafts)))
    return "case.jsonl"


def ours(**label):
    return draft(originator=ORIGINATOR, alert_id=str(uuid.uuid4()), **label)


@pytest.mark.kafka
async def test_an_alert_goes_from_one_command_to_the_other_and_is_acknowledged(behind, tmp_path):
    mine = ours()
    alert_id = mine["label"]["alert_id"]
    code, out, err = await lali(
        tmp_path, "publish", case(tmp_path, mine), "--url", behind.url, "--json",
        key=key_of(behind, ORIGINATOR),
    )  # fmt: skip
    assert (code, json.loads(out)["results"][0]["outcome"]) == (0, "published"), err
    await behind.shown(alert_id)

    (tmp_path / "key").write_text(key_of(behind, UNIT_OF_FEED) + "\n")
    (tmp_path / "key").chmod(0o600)
    follow = (
        "subscribe", FEED, "--url", behind.url, "--api-key-file", "key", "--from-start", "--once",
        "--position", "desk", "--acknowledge", "--json",
    )  # fmt: skip
    code, out, err = await lali(tmp_path, *follow, key=None)
    assert (code, [json.loads(line)["alert_id"] for line in out.splitlines()]) == (0, [alert_id])
    assert (await lali(tmp_path, *follow, key=None))[:2] == (0, "")

    async with asyncio.timeout(60):
        while True:
            _, _, body = await behind.call("GET", f"/v1/alerts/{alert_id}", ORIGINATOR)
            if body["acknowledged"] == 1:
                break
            await asyncio.sleep(0.1)


@pytest.mark.kafka
async def test_offline_it_waits_encrypted_and_journal_send_sends_it(behind, tmp_path):
    mine = ours()
    mine["compartments"]["summary"]["headline"] = "CANARYNAME on a longliner"
    expired = ours(expires_at="2020-01-02T00:00:00Z", originated_at="2020-01-01T00:00:00Z")
    file = case(tmp_path, mine, expired)
    offline = ("--url", NOWHERE, "--journal", "waiting")

    code, out, err = await lali(tmp_path, "publish", file, *offline, "--json")
    assert [line["outcome"] for line in json.loads(out)["results"]] == ["journaled"] * 2, err
    (tmp_path / file).unlink()
    for each in tmp_path.rglob("*"):
        assert not each.is_file() or b"CANARY" not in each.read_bytes()

    code, out, _ = await lali(tmp_path, "journal", "show", "waiting", "--json", key=None)
    assert [each["alert"] for each in json.loads(out)["waiting"]] == [
        mine["label"]["alert_id"], expired["label"]["alert_id"],
    ]  # fmt: skip

    code, out, err = await lali(
        tmp_path, "journal", "send", "waiting", "--url", behind.url,
        key=key_of(behind, ORIGINATOR),
    )  # fmt: skip
    assert (code, out) == (1, "1 sent, 1 refused, 0 wait\n"), err
    assert await behind.shown(mine["label"]["alert_id"])

    _, out, _ = await lali(tmp_path, "journal", "show", "waiting", "--json", key=None)
    ((refused,), waiting) = (json.loads(out)["refused"], json.loads(out)["waiting"])
    assert (refused["why"].split()[0], waiting) == ("EXPIRED_ON_ARRIVAL", [])
    assert (await lali(tmp_path, "journal", "forget", "waiting", refused["number"]))[0] == 0
    _, out, _ = await lali(tmp_path, "journal", "show", "waiting", "--json", key=None)
    assert json.loads(out) == {"waiting": [], "refused": []}


@pytest.mark.kafka
async def test_the_next_publishing_sends_first_what_waits(behind, tmp_path):
    first, second = ours(), ours()
    journal = ("--journal", "waiting", "--json")
    await lali(tmp_path, "publish", case(tmp_path, first), "--url", NOWHERE, *journal)
    code, out, err = await lali(
        tmp_path, "publish", case(tmp_path, second), "--url", behind.url, *journal,
        key=key_of(behind, ORIGINATOR),
    )  # fmt: skip

    assert (code, json.loads(out)["results"][0]["outcome"]) == (0, "published"), err
    _, out, _ = await lali(tmp_path, "journal", "show", "waiting", "--json", key=None)
    assert json.loads(out) == {"waiting": [], "refused": []}
    for each in (first, second):
        assert await behind.shown(each["label"]["alert_id"])


@pytest.mark.kafka
async def test_who_is_refused_is_told_in_one_line_without_the_key(behind, tmp_path):
    for words in (
        ("publish", case(tmp_path, ours()), "--url", behind.url),
        ("subscribe", FEED, "--url", behind.url, "--once"),
    ):
        code, out, err = await lali(tmp_path, *words)
        assert (code, out) == (1, "")
        told = [line for line in err.splitlines() if line.startswith("lali: ")]
        assert told == [
            "lali: the gateway refuses (UNAUTHENTICATED): do key, right and name count there?"
        ]
        assert "SSSS" not in err


async def test_without_a_gateway_a_command_says_so_in_one_line(tmp_path):
    code, out, err = await lali(tmp_path, "publish", case(tmp_path, ours()), "--url", NOWHERE)

    assert (code, out) == (1, "")
    assert [line for line in err.splitlines() if ": warning: " not in line] == [
        "lali: the gateway does not answer (CONNECT_FAILED): is its URL right?"
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("publish", "case.jsonl", "--url", NOWHERE), "who are you?"),
        (("publish", "case.jsonl", "--journal", "waiting"), "--url"),
        (("publish", "case.jsonl", "--api-key-file", "key"), "--url"),
        (("subscribe", FEED, "--position", "desk"), "--url"),
        (("subscribe", FEED, "--url", NOWHERE, "--group", "desk"), "--position"),
        (("journal", "show", "nowhere"), "there is no journal"),
        (("journal", "send", "nowhere", "--url", "http://gateway.example"), "there is no journal"),
    ],
)
async def test_what_does_not_go_together_is_told_in_one_line(tmp_path, words, says):
    case(tmp_path, ours())
    key = SECRET if words[0] == "journal" else None

    code, out, err = await lali(tmp_path, *words, key=key)

    assert (code, out) == (2, "")
    (line,) = [each for each in err.splitlines() if each.startswith("lali: ")]
    assert says in line


@pytest.mark.kafka
async def test_c24_what_accept_sets_aside_is_told_its_originator_by_http_client_and_command(
    behind, tmp_path
):
    """Both were PUBLISHED for ever, without a revision."""
    alert = make_alert(originator=ORIGINATOR, revision=3, message_type="UPDATE")
    unsigned, damaged = alert.label.alert_id, uuid.uuid4()
    connection, topics = behind.gateway.doors.connection, behind.gateway.doors.topics
    sender = Sender(connection)
    await sender.start()
    intake = topics.intake(ORIGINATOR)
    await sender.send(intake, str(unsigned).encode(), encode_alert(alert))
    await sender.send(intake, str(damaged).encode(), b"\x00\x00\x00\x00\x01" + b"\x80" * 5000)
    await sender.stop()
    told = {}
    for alert_id, revision in ((unsigned, 3), (damaged, 0)):
        async with asyncio.timeout(120):
            while True:
                status, _, body = await behind.call("GET", f"/v1/alerts/{alert_id}", ORIGINATOR)
                if status == 200 and body["state"] != "PUBLISHED":
                    break
                await asyncio.sleep(0.1)
        (said,) = body["revisions"]
        assert (body["state"], said["state"], said["revision"]) == ("QUARANTINED",) * 2 + (
            revision,
        )
        assert said["explanation"].endswith(".")
        told[alert_id] = said

    assert told[unsigned]["reason"] == "SIGNATURE_MISSING"
    key = key_of(behind, ORIGINATOR)
    words = ("status", unsigned, "--as", ORIGINATOR, "--url", behind.url)
    code, out, err = await lali(tmp_path, *words, "--json", key=key)
    assert (code, json.loads(out)["revisions"]) == (0, [told[unsigned]]), err
    code, out, err = await lali(tmp_path, *words, key=key)
    assert code == 0, err
    assert "in quarantine: nobody has received it" in " ".join(out.split())
    assert "there is no signature" in " ".join(out.split())
    code, _, err = await lali(
        tmp_path, "status", uuid.uuid4(), "--as", ORIGINATOR, "--url", behind.url, key=key
    )
    assert code == 1
    assert "NOT_FOUND" in err


@pytest.mark.parametrize("reason", Reason)
def test_c24_every_reason_has_words(reason):
    words = words_of(reason.value)
    assert words.endswith(".")
    assert "_" not in words
    assert words[0].isupper()
