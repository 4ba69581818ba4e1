"""A07 by HTTP on a real Kafka: TLP:RED answers alike for a hidden unit and for nobody."""

import asyncio
import json
import re
import uuid

import pytest
import pytest_asyncio
from gatewaying import Behind, draft, settings_of

from broker.keys import init_keys
from broker.policy.acquainted import known_names

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

#: Who asks, a unit that it may not know, and names of as many letters that are nobody's.
CASES = {
    "civil society": ("lagoon-house", "reef-helpline", "reef-hotlinen"),
    "agency": ("fiji-police", "samoa-police", "samoa-poolice"),
}
SECRET_WORDS = "SYNTHETIC basis: the mother of CANARYNAME"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    settings = settings_of(
        kafka, f"t{uuid.uuid4().hex[:8]}.", folder, protection="required", keys=folder / "keys"
    )
    init_keys(settings)
    async with Behind(settings) as it:
        yield it


def red(*named, **distribution):
    written = draft(tlp="RED")
    del written["label"]["originator"]
    wishes = {"named_recipients": list(named), "retention_class": "YEARS_5", **distribution}
    return written | {"distribution": wishes}


def shape(value):
    """Return *value* without what differs between any two alerts: ids, times, digests."""
    text = json.dumps(value, sort_keys=True)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{64}", "ID", text)
    return re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z?(\+00:00)?", "TIME", text)


def kept(headers):
    # The location names the alert; the date is a date.
    dropped = {"date", "location", "x-request-id", "etag"}
    return {name.lower(): text for name, text in headers.items() if name.lower() not in dropped}


async def asked(behind, unit, path, written, **how):
    status, headers, body = await behind.call("POST", path, unit, json=written, **how)
    headers = kept(headers)
    length = headers.pop("content-length", None)
    return (status, headers, length, shape(body)), body


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("before", [0, 1], ids=["alone", "behind another"])
async def test_a07_red_to_a_hidden_unit_is_published_as_red_to_nobody_is(behind, case, before):
    unit, hidden, nobody = CASES[case]
    assert hidden in behind.parts.community.units
    assert hidden not in known_names(behind.parts.community, unit)
    assert nobody not in behind.parts.community.units
    answers, bodies = [], []
    for name in (hidden, nobody):
        written = red(*[unit][:before], name)
        answer, body = await asked(behind, unit, "/v1/alerts", written)
        answers.append(answer)
        bodies.append(body)
        assert name not in json.dumps(body)
    assert answers[0] == answers[1]
    assert answers[0][0] == 202
    for body in bodies:  # accept takes both: no quarantine tells one from the other
        state = await accepted(behind, unit, body["alert_id"])
        assert state["state"] == "ACCEPTED", state


async def accepted(behind, unit, alert_id):
    async with asyncio.timeout(120):
        while True:
            status, _, body = await behind.call("GET", f"/v1/alerts/{alert_id}", unit)
            if status == 200 and body["state"] != "PUBLISHED":
                return body
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("case", CASES)
async def test_a07_what_is_refused_is_refused_alike_and_repeats_no_name(behind, case):
    unit, hidden, nobody = CASES[case]
    faults = {
        "a basis in words": {"legal_basis": SECRET_WORDS},
        "a retention that is none": {"retention_class": "CENTURY"},
        "twice": {},
    }
    for what, more in faults.items():
        answers = []
        for name in (hidden, nobody):
            named = (name, name) if what == "twice" else (name,)
            answer, body = await asked(behind, unit, "/v1/alerts", red(*named, **more))
            answers.append(answer)
            assert name not in json.dumps(body)
            assert "CANARYNAME" not in json.dumps(body)
        assert answers[0] == answers[1], what
        assert what == "twice" or answers[0][0] == 422


async def test_a07_a_name_in_another_place_of_a_refusal_is_not_repeated(behind):
    """As a key, a path or a value: the answer says where, by number, and never who."""
    unit, hidden, nobody = CASES["civil society"]
    answers = []
    for name in (hidden, nobody):
        written = red(name)
        written["distribution"][name] = [name]
        written["distribution"]["releasable_to"] = [name, 7]
        answer, body = await asked(behind, unit, "/v1/alerts", written)
        answers.append(answer)
        assert name not in json.dumps(body)
    assert answers[0] == answers[1]
    assert answers[0][0] == 422


async def test_a07_a_legal_basis_is_a_code_and_a_code_alone_lies_in_the_clear(behind):
    unit, hidden, _ = CASES["civil society"]
    taken, _ = await asked(
        behind, unit, "/v1/alerts", red(hidden, legal_basis="PALERMO_ARTICLE_10")
    )
    assert taken[0] == 202
    for basis in (SECRET_WORDS, "palermo_article_10", "", " ", hidden):
        refused, body = await asked(behind, unit, "/v1/alerts", red(hidden, legal_basis=basis))
        assert refused[0] == 422
        assert body["errors"][0] == {"path": "distribution.legal_basis", "code": "CODE_UNKNOWN"}
