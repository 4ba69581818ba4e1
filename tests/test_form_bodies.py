"""Who comes to the form is asked and counted before a body is read."""

import asyncio

import pytest
from starlette.requests import Request

from broker.gateway.form.entrance import SignInFirst
from broker.gateway.form.received import received
from broker.gateway.limits import Limiter
from broker.gateway.problems import Problem, unauthenticated
from broker.gateway.schema_view import _schema_in

FIELDS = b"headline=SYNTHETIC+crew"


class Counts:
    """An entrance that nobody passes, and whose strangers are counted as the gateway's are."""

    def __init__(self):
        self.limiter = Limiter("600/minute", "3/minute")

    def visitor(self, _request):
        self.limiter.count_stranger("192.0.2.1")
        raise unauthenticated()


def _asking(read):
    async def receive():
        read.append(1)
        return {"type": "http.request", "body": FIELDS, "more_body": False}

    kind = (b"content-type", b"application/x-www-form-urlencoded")
    scope = {"type": "http", "method": "POST", "path": "/report/review", "headers": [kind]}
    return Request(scope, receive)


async def test_11_12_a_stranger_who_failed_too_often_has_nothing_read():
    entrance, read = Counts(), []
    for _ in range(3):
        with pytest.raises(SignInFirst) as first:
            await received(_asking(read), entrance)
        assert first.value.typed.one("headline") == "SYNTHETIC crew"
    assert len(read) == 3

    for _ in range(5):
        with pytest.raises(Problem) as refused:
            await received(_asking(read), entrance)
        assert (refused.value.status, type(refused.value)) == (429, Problem)
    assert len(read) == 3


async def test_11_12_a_stranger_is_counted_though_its_body_never_comes():
    entrance, never = Counts(), asyncio.Event()

    async def silent():
        await never.wait()

    asking = [Request(_asking([]).scope, silent) for _ in range(6)]
    coming = [asyncio.ensure_future(received(each, entrance)) for each in asking]
    done, waiting = await asyncio.wait(coming, timeout=5)
    for each in waiting:
        each.cancel()
    assert [len(waiting), *{each.exception().status for each in done}] == [3, 429]


def test_11_12_asking_whether_somebody_failed_too_often_counts_nothing():
    limiter = Limiter("600/minute", "2/minute")
    for _ in range(5):
        limiter.refuse_stranger("2001:db8::1")
    for _ in range(2):
        limiter.count_stranger("2001:db8::1")

    for refuse in (limiter.refuse_stranger, limiter.count_stranger):
        with pytest.raises(Problem, match="RATE_LIMITED"):
            refuse("2001:db8::2")  # the same site
    limiter.refuse_stranger("2001:db8:1::1")


@pytest.mark.parametrize(
    "body",
    [b'{"schema": "1", "schema": "2"}', '{"schema": "1"}'.encode("utf-16"), b"[1]", b"{"],
)
def test_11_13_a_schema_is_looked_up_by_a_body_that_reads_one_way_only(body):
    assert _schema_in(b'{"schema": "[1]"}') == [1]
    assert _schema_in(body) is None
