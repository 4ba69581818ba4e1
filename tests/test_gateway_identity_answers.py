"""What a caller is told: problems without values, one answer for absent and forbidden, rates."""

import asyncio
import json
from typing import Annotated
from uuid import UUID

import aiohttp
import pytest
from credentials import HOST, TokenIssuer, doorkeeper_of, gateway_app, key_of, served
from fastapi import Depends
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, field_validator

from broker.errors import KafkaUnavailable, Rejected, SettingsInvalid
from broker.gateway.caller import Caller, Right, needs
from broker.gateway.limits import Limiter
from broker.gateway.moving_window import MovingWindow
from broker.gateway.problems import Problem, not_found, problem_of
from broker.model.reason import Reason
from broker.settings import Settings


@pytest.fixture
def deployment(tmp_path):
    return Settings(data_folder=tmp_path / "data")


class Draft(BaseModel):
    model_config = ConfigDict(extra="forbid")
    count: int
    alert: UUID | None = None

    @field_validator("count")
    @classmethod
    def _not_seven(cls, count):
        if count == 7:
            raise ValueError(Reason.TIMES_INVALID.value)
        return count


def _app(deployment):
    app = gateway_app(doorkeeper_of(deployment))
    reader = Annotated[Caller, Depends(needs(Right.READ))]

    @app.get("/v1/things/{thing}")
    async def thing(thing: UUID, caller: reader, limit: int = 3):
        raise not_found()

    @app.post("/v1/drafts")
    async def drafts(draft: Draft, caller: reader):
        return {}

    @app.get("/v1/raise/{what}")
    async def raises(what: str):
        raise {
            "rejected": Rejected(Reason.OVERSIZED, "label.tlp"),
            "kafka": KafkaUnavailable("TIMED_OUT: Sina Synthetic"),
            "settings": SettingsInvalid("Sina Synthetic"),
            "fault": ValueError("Sina Synthetic"),
        }[what]

    return app


async def _ask(port, path, key=None, method="GET", data=None):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if data is not None:
        headers["Content-Type"] = "application/json"
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            method, f"http://{HOST}:{port}{path}", headers=headers, data=data
        ) as answer,
    ):
        kept = {name: answer.headers.get(name) for name in ("Content-Type", "Retry-After", "Allow")}
        return answer.status, await answer.read(), kept, answer.headers


async def test_absent_and_forbidden_are_the_same_bytes(deployment):
    reader = key_of(deployment, "fiji-tcu", Right.READ)
    publisher = key_of(deployment, "fiji-tcu", Right.PUBLISH)
    there = "/v1/things/00000000-0000-4000-8000-000000000000"
    async with served(_app(deployment), deployment) as port:
        answers = [
            await _ask(port, there, reader),
            await _ask(port, there, publisher),
            await _ask(port, "/v1/nothing-of-this-name", reader),
            await _ask(port, "/v1/things/no-id-at-all", reader),
        ]

    first = answers[0]
    assert first[0] == 404
    assert json.loads(first[1]) == {
        "type": "urn:lali:problem:NOT_FOUND",
        "title": "Not Found",
        "status": 404,
        "code": "NOT_FOUND",
        "errors": [],
    }
    for status, body, kept, headers in answers:
        assert (status, body, kept) == first[:3]
        assert set(headers) == set(first[3])


async def test_every_bad_credential_is_told_the_same(deployment, tmp_path):
    issuer = TokenIssuer(tmp_path)
    (tmp_path / "identities.toml").write_text(issuer.entry())
    deployment = deployment.model_copy(update={"gateway_identities": tmp_path / "identities.toml"})
    key = key_of(deployment, "fiji-tcu", Right.READ)
    gone = key_of(deployment, "gone", Right.READ)
    async with served(_app(deployment), deployment) as port:
        answers = [
            await _ask(port, "/v1/things/x", bad)
            for bad in (None, "x", key[:-1] + "~", gone, issuer.token(exp=1), "a.b.c", "a" * 20_000)
        ]

    for status, body, _, headers in answers:
        assert (status, body) == (401, answers[0][1])
        assert headers["WWW-Authenticate"].startswith("Bearer ")
        assert "Basic " in headers["WWW-Authenticate"]
        assert headers["Content-Type"] == "application/problem+json"
        assert "Strict-Transport-Security" not in headers  # in the clear, on loopback


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (b'{"count": "Sina Synthetic"}', [("body.count", "FIELD_INVALID")]),
        (b'{"count": 7}', [("body.count", "TIMES_INVALID")]),
        (b'{"count": 1, "Sina Synthetic": 1}', [("body.?", "FIELD_UNKNOWN")]),
        (b'{"alert": "Sina Synthetic"}', [("body.count", "FIELD_MISSING"),
                                          ("body.alert", "FIELD_INVALID")]),
        (b'{"count": Sina Synthetic', [("body", "JSON_SYNTAX")]),
        (b"", [("body", "FIELD_MISSING")]),
    ],
)  # fmt: skip
async def test_a_body_at_fault_is_told_by_path_and_code_and_never_by_value(
    deployment, body, errors
):
    key = key_of(deployment, "fiji-tcu", Right.READ)
    async with served(_app(deployment), deployment) as port:
        status, answer, *_ = await _ask(port, "/v1/drafts", key, "POST", body)

    told = json.loads(answer)
    assert (status, told["code"]) == (422, errors[0][1])
    assert [(each["path"], each["code"]) for each in told["errors"]] == errors
    assert b"Synthetic" not in answer


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("rejected", 422, "OVERSIZED"),
        ("kafka", 503, "KAFKA_UNAVAILABLE"),
        ("settings", 500, "INTERNAL"),
        ("fault", 500, "INTERNAL"),
    ],
)
async def test_an_error_of_any_kind_is_a_problem(deployment, what, status, code):
    async with served(_app(deployment), deployment) as port:
        answered, body, kept, headers = await _ask(port, f"/v1/raise/{what}")

    assert (answered, json.loads(body)["code"]) == (status, code)
    assert kept["Content-Type"] == "application/problem+json"
    assert headers["Cache-Control"] == "no-store"
    assert (kept["Retry-After"] == "5") == (what == "kafka")
    assert b"Synthetic" not in body


async def test_a_method_that_is_not_there_names_those_that_are(deployment):
    async with served(_app(deployment), deployment) as port:
        status, body, kept, _ = await _ask(port, "/v1/drafts", method="DELETE")
    assert (status, json.loads(body)["code"], kept["Allow"]) == (405, "METHOD_NOT_ALLOWED", "POST")


def test_a_problem_may_name_several_faults():
    told = Problem(422, "BATCH", errors=[("[0].label", "A"), ("[1]", "B")]).details()
    assert [(each.path, each.code) for each in told.errors] == [("[0].label", "A"), ("[1]", "B")]
    assert Problem(429, "X", retry_after=0.2).response().headers["Retry-After"] == "1"
    assert problem_of(Problem(413, "OVERSIZED", "label")).details().errors[0].path == "label"


def test_a_rate_is_for_each_identity_and_says_how_long_to_wait():
    limiter = Limiter("3/minute")
    for _ in range(3):
        limiter.count("key:a")
    with pytest.raises(Problem) as refused:
        limiter.count("key:a")
    assert (refused.value.status, refused.value.code) == (429, "RATE_LIMITED")
    assert 1 <= refused.value.retry_after <= 60
    limiter.count("key:b")


def test_several_rates_hold_together():
    limiter = Limiter("2/second;100/hour")
    limiter.count("key:a")
    limiter.count("key:a")
    with pytest.raises(Problem) as refused:
        limiter.count("key:a")
    assert refused.value.retry_after <= 2


def test_strangers_share_the_network_that_one_subscriber_has():
    limiter = Limiter("1/hour", strangers="2/hour")
    limiter.count_stranger("2001:db8:1:2::1")
    limiter.count_stranger("2001:db8:1:2:ffff::9")
    for address in ("2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6"):
        with pytest.raises(Problem):
            limiter.count_stranger(address)
    limiter.count_stranger("2001:db8:1:3::1")
    limiter.count_stranger("192.0.2.1")
    limiter.count_stranger("192.0.2.2")
    limiter.count_stranger("")


def test_11_14_a_customer_with_many_networks_of_ipv6_is_bounded_too():
    limiter = Limiter("1/hour", strangers="2/hour")
    for number in range(20):
        limiter.count_stranger(f"2001:db8:1:{number:x}::1")
    with pytest.raises(Problem):
        limiter.count_stranger("2001:db8:1:ffff::1")
    limiter.count_stranger("2001:db8:2::1")


def test_11_14_more_addresses_than_are_remembered_cost_no_more(monkeypatch):
    monkeypatch.setattr("broker.gateway.limits._REMEMBERED", 10)
    limiter = Limiter("1/hour", strangers="1/hour")
    for number in range(50):
        limiter.count_stranger(f"192.0.2.{number}")
    (window,) = limiter._sites
    assert len(window) == 10
    with pytest.raises(Problem):
        limiter.count_stranger("192.0.2.49")  # the newest are remembered


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), max_size=200))
def test_11_14_a_window_refuses_what_a_list_of_all_events_would(events):
    now = [0]
    window = MovingWindow(3, 60, 100, clock=lambda: now[0])
    taken = []
    for name, passed in events:
        now[0] += passed
        recent = [at for who, at in taken if who == name and at > now[0] - 60]
        wait = window.hit(name)
        assert (wait is None) == (len(recent) < 3)
        if wait is None:
            taken.append((name, now[0]))
        else:
            assert wait == recent[-3] + 60 - now[0]


@pytest.mark.parametrize("rate", ["", "often", "10", "0/minute", "-1/minute", "5/fortnight"])
def test_a_rate_that_cannot_be_read_stops_the_gateway(rate):
    with pytest.raises(SettingsInvalid, match="gateway_rate"):
        Limiter(rate)


async def test_requests_at_once_are_all_counted(deployment):
    key = key_of(deployment, "fiji-tcu", Right.PUBLISH)
    app = gateway_app(doorkeeper_of(deployment), Limiter("20/hour"))
    async with served(app, deployment) as port:
        answers = await asyncio.gather(
            *(_ask(port, "/publish", key, "POST", b"{}") for _ in range(40))
        )
    assert sorted(status for status, *_ in answers) == [200] * 20 + [429] * 20
