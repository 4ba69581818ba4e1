"""The webhook: signed posts, and what each answer of a recipient means."""

import asyncio
import base64
import hashlib
import hmac
import time
from email.utils import formatdate

import pytest
from connecting import (
    FEED,
    KEY,
    SECRET,
    HttpPartner,
    release_of,
)

from broker.connector import NotPermitted, permit_of
from broker.errors import RecipientRefused, RecipientUnavailable
from connectors import make_connector


@pytest.fixture
async def http(monkeypatch):
    made = HttpPartner(monkeypatch)
    made.settings = await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def webhook(http):
    made = make_connector("webhook", http.settings, FEED)
    await made.open()
    yield made
    await made.close()


async def test_a_post_is_signed_as_standard_webhooks_says(webhook, http):
    release = release_of()
    before = int(time.time())

    await webhook.deliver(release)

    ((headers, body),) = http.posts
    stamp, name = headers["webhook-timestamp"], headers["webhook-id"]
    signed = name.encode() + b"." + stamp.encode() + b"." + body
    expected = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert before <= int(stamp) <= int(time.time())
    assert name == headers["idempotency-key"] == release.idempotency_key(FEED)
    assert headers["content-type"] == "application/json"


async def test_while_secrets_change_both_sign(http, monkeypatch):
    old = bytes(range(32, 64))
    monkeypatch.setenv("APIA_OLD", "whsec_" + base64.b64encode(old).decode())
    made = make_connector("webhook", http.settings | {"previous_secret": {"env": "APIA_OLD"}}, FEED)
    await made.open()

    await made.deliver(release_of())

    await made.close()
    ((headers, body),) = http.posts
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in (KEY, old)]
    assert headers["webhook-signature"].split() == [f"v1,{each}" for each in expected]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 409])
async def test_these_answers_are_a_receipt(webhook, http, status):
    http.answer = (status, {})
    receipt = await webhook.deliver(release_of())
    assert receipt.reference == f"HTTP_{status}"


@pytest.mark.parametrize(
    "status", [401, 403, 404, 405, 407, 408, 410, 418, 421, 425, 426, 429, 500, 502, 503, 504, 511]
)
async def test_b17_these_answers_mean_that_the_link_is_out(webhook, http, status):
    http.answer = (status, {})
    with pytest.raises(RecipientUnavailable) as away:
        await webhook.deliver(release_of())
    assert (away.value.code, away.value.retry_after_seconds) == (f"HTTP_{status}", None)


@pytest.mark.parametrize("status", [400, 406, 413, 415, 422])
async def test_b17_these_answers_refuse_the_release(webhook, http, status):
    http.answer = (status, {})
    with pytest.raises(RecipientRefused) as refused:
        await webhook.deliver(release_of())
    assert refused.value.code == f"HTTP_{status}"


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [("0", 0, 0), ("17", 17, 17), ("9" * 40, 3600, 3600), ("date", 60, 121), ("past", 0, 0)],
)
async def test_the_wait_that_a_recipient_asks_for_is_told(webhook, http, said, least, most):
    moment = {"date": time.time() + 120, "past": time.time() - 120}.get(said)
    http.answer = (503, {"Retry-After": formatdate(moment, usegmt=True) if moment else said})
    with pytest.raises(RecipientUnavailable) as away:
        await webhook.deliver(release_of())
    assert least <= away.value.retry_after_seconds <= most


@pytest.mark.parametrize("said", ["soon", "-5", "1.5", "", "²", "Thu, 99 Foo"])
async def test_a_wait_that_cannot_be_read_is_none(webhook, http, said):
    http.answer = (429, {"Retry-After": said})
    with pytest.raises(RecipientUnavailable) as away:
        await webhook.deliver(release_of())
    assert away.value.retry_after_seconds is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_b17_a_redirect_is_never_followed_and_refuses_nothing(webhook, http, status):
    http.answer = (status, {"Location": f"http://127.0.0.1:{http.port}/elsewhere"})
    with pytest.raises(RecipientUnavailable) as refused:
        await webhook.deliver(release_of())
    assert refused.value.code == f"HTTP_{status}"
    assert http.other_paths == []
    assert len(http.posts) == 1


async def test_a_recipient_that_never_answers_is_unavailable(monkeypatch):
    held = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    monkeypatch.setenv("APIA_SECRET", SECRET)
    port = server.sockets[0].getsockname()[1]
    settings = {
        "url": f"http://127.0.0.1:{port}/in",
        "secret": {"env": "APIA_SECRET"},
        "allow_loopback": True,
        "timeout_seconds": 0.3,
    }
    made = make_connector("webhook", settings, FEED)
    await made.open()

    with pytest.raises(RecipientUnavailable):
        await made.deliver(release_of())

    held.set()
    await made.close()
    server.close()


async def test_a11_nothing_leaves_that_may_not_be_handed_over_once_the_connection_stands(
    webhook, http
):
    async def forbidden() -> None:
        raise NotPermitted

    with permit_of(forbidden), pytest.raises(NotPermitted):
        await webhook.deliver(release_of())

    assert http.posts == []
    assert (await webhook.deliver(release_of())).reference == "HTTP_204"
    ((headers, body),) = http.posts
    assert int(headers["content-length"]) == len(body)
