"""Hostile requests: bodies before credentials, two hosts, a byte too many, many addresses."""

import contextlib
import json
import socket
import statistics
import time

from attack.asking import HOST, PATIENCE
from attack.site import BALANCER, FEED, READER, draft, until
from attack.trying import NotRun, attack, held

RECEIPTS = f"/v1/feeds/{FEED}/receipts"
_ALERT = "7b0c1f6e-33a8-4e4f-9a53-1f0d8c1f4d52"
_LINE = f'"alert_id": "{_ALERT}", "state": "RECEIVED"'


@attack(
    12, "bodies that never end, without a credential", "401, and no body waited for", quick=True
)
def bodies_before_credentials(site):
    seen = []
    for path in (RECEIPTS, f"/v1/alerts/{_ALERT}/consent", "/v1/alerts"):
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {HOST}:{site.port}\r\nConnection: close\r\n"
            "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"
        )
        seen.append(site.raw(head.encode()).status)
    return held(seen == [401] * 3, f"answers without the body: {seen}")


@attack(12, "40 failures of one address", "the 31st and later are refused as too many", quick=True)
def failures_uncounted(site):
    source = site.stranger()
    seen = [site.ask("POST", RECEIPTS, body=b"{", source=source).status for _ in range(40)]
    return held(
        seen[:30] == [401] * 30 and set(seen[30:]) == {429},
        f"401 × {seen.count(401)}, 429 × {seen.count(429)}, other × "
        f"{sum(each not in (401, 429) for each in seen)}",
    )


@attack(13, "bodies that two readers read differently", "422 for each", quick=True)
def lenient_bodies(site):
    one = "{" + _LINE + ', "revision": 1}'
    bodies = {
        "a name twice": f'{{"receipts": [], "receipts": [{one}]}}'.encode(),
        "UTF-16": f'{{"receipts": [{one}]}}'.encode("utf-16"),
        "NaN": f'{{"receipts": [{one}], "x": NaN}}'.encode(),
        "revision true": f'{{"receipts": [{{{_LINE}, "revision": true}}]}}'.encode(),
    }
    headers = site.headers(READER)
    seen = {
        name: site.ask("POST", RECEIPTS, headers=headers, body=body).status
        for name, body in bodies.items()
    }
    return held(set(seen.values()) == {422}, ", ".join(f"{n}: {s}" for n, s in seen.items()))


@attack(
    14, "60 addresses claimed by X-Forwarded-For, no listed proxy", "counted as one", quick=True
)
def claimed_addresses(site):
    source = site.stranger()
    seen = [
        site.ask(
            "GET", f"/v1/feeds/{FEED}", source=source,
            headers={"X-Forwarded-For": f"198.51.100.{number}"},
        ).status
        for number in range(60)
    ]  # fmt: skip
    return held(seen.count(429) == 30, f"401 × {seen.count(401)}, 429 × {seen.count(429)}")


@attack(14, "12,000 addresses that fail, behind a listed proxy", "the last cost what the first did")
def more_addresses_than_are_remembered(site):
    took, refused = [], 0
    with site.connect(BALANCER) as connection:
        for number in range(12_000):
            address = f"203.{number >> 16}.{number >> 8 & 255}.{number & 255}"
            began = time.monotonic()
            try:
                refused += _failed_as(site, connection, address) == 401
            except OSError:
                raise NotRun(
                    f"a connection is ended after {refused} failure(s), so 12,000 need as many "
                    "handshakes: minutes. test_gateway_identity_answers.py fills the limiter"
                ) from None
            took.append(time.monotonic() - began)
    first, last = (statistics.median(part) * 1e6 for part in (took[:1000], took[-1000:]))
    return held(
        refused == len(took) and last < 4 * first,
        f"{refused} × 401; median of the first thousand {first:.0f} µs, of the last {last:.0f} µs",
    )


def _failed_as(site, connection, address):
    connection.sendall(
        f"GET /v1/feeds/{FEED} HTTP/1.1\r\nHost: {HOST}:{site.port}\r\n"
        f"X-Forwarded-For: {address}\r\n\r\n".encode()
    )
    return _status_of_next(connection)


def _status_of_next(connection):
    raw = b""
    while b"\r\n\r\n" not in raw:
        part = connection.recv(1 << 16)
        if not part:
            raise ConnectionError("it was ended")
        raw += part
    head, _, body = raw.partition(b"\r\n\r\n")
    named = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    missing = int(named[b"content-length"]) - len(body)
    while missing > 0:
        missing -= len(connection.recv(missing))
    return int(head.split(b" ")[1])


@attack(17, "a byte after the body of an alert", "202 for what is published")
def a_byte_after_the_body(site):
    body = json.dumps(draft()).encode()
    head = (
        f"POST /v1/alerts HTTP/1.1\r\nHost: {HOST}:{site.port}\r\n"
        f"Authorization: {site.headers('fiji-immigration')['Authorization']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    answers = [site.raw(head + body + more) for more in (b"}", b"\0", b"X" * 70_000)]
    seen = [(each.status, each.raw.count(b"HTTP/1.1 ")) for each in answers]
    return held(seen == [(202, 1)] * 3, f"status and answers: {seen}")


@attack(19, "no Host, two, and one of somebody else's", "400, and 421 for another's", quick=True)
def hosts(site):
    heads = {
        "none": b"GET /docs HTTP/1.1\r\nConnection: close\r\n\r\n",
        "two": b"GET /docs HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: b\r\nConnection: close\r\n\r\n",
        "twice": b"GET /docs HTTP/1.1\r\nHost: 127.0.0.1\r\nhost: 127.0.0.1\r\n\r\n",
        "elsewhere": b"GET /docs HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    }
    seen = {name: site.raw(head).status for name, head in heads.items()}
    return held(
        seen == {"none": 400, "two": 400, "twice": 400, "elsewhere": 421},
        ", ".join(f"{n}: {s}" for n, s in seen.items()),
    )


@attack(
    21, "150 half TLS handshakes and heads of one address", "its own oldest are cut; others served"
)
def half_open_connections(site):
    source, opened = site.stranger(), []
    with contextlib.ExitStack() as stack:
        for number in range(150):
            made = stack.enter_context(site.connect(source) if number % 2 else site.plain(source))
            made.sendall(b"GET /docs HTTP/1.1\r\nHo" if number % 2 else b"\x16\x03\x01")
            opened.append(made)
        served = site.ask("GET", "/healthz").status
        began = time.monotonic()
        cut = until(lambda: sum(map(_is_ended, opened)) == len(opened), 60) and len(opened)
        took = time.monotonic() - began
    return held(
        served == 200 and cut == 150,
        f"others: {served}; of 150 all ended: {bool(cut)}, after {took:.0f} s",
    )


@attack(21, "a client that asks for pages and never reads one", "it is cut")
def a_client_that_never_reads(site):
    made = site.plain()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    context = site.client_context()
    with context.wrap_socket(made, server_hostname=HOST) as connection:
        connection.settimeout(PATIENCE)
        ask = f"GET /openapi.json HTTP/1.1\r\nHost: {HOST}:{site.port}\r\n\r\n".encode()
        began, cut = time.monotonic(), False
        while not cut and time.monotonic() < began + 75:
            try:
                connection.settimeout(1)
                connection.sendall(ask)
            except TimeoutError:
                continue
            except OSError:
                cut = True
        took = time.monotonic() - began
    return held(cut, f"cut: {cut}, after {took:.0f} s")


def _is_ended(connection):
    connection.setblocking(False)
    try:
        return not connection.recv(1 << 16)
    except (BlockingIOError, InterruptedError):
        return False
    except OSError as error:
        return "WANT_READ" not in str(getattr(error, "reason", error)) and (
            "did not complete" not in str(error)
        )
