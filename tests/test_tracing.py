"""Traces: the spans that were promised, nothing that tells whose alert it is, nothing when off."""

import asyncio
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from delivering import FEED, Partner, Region
from gatewaying import Behind, draft, settings_of
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from broker import tracing
from broker.errors import DependencyMissing, RecipientUnavailable
from broker.testing import make_alert

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
#: All that any span may say.
ALLOWED = {
    "method", "route", "status", "records", "partition", "alerts", "feed", "attempt", "error.type",
}  # fmt: skip


@pytest.fixture
def spans():
    """Return the spans made so far, once they are exported."""
    exporter = InMemorySpanExporter()
    tracing.start_tracing(None, "lali-test", exporter)

    def made(name):
        tracing._Tracing.provider.force_flush()
        return [each for each in exporter.get_finished_spans() if each.name == name]

    made.exporter = exporter
    yield made
    tracing.stop_tracing()


def test_nothing_of_opentelemetry_is_imported_while_it_is_off():
    code = (
        "import sys, broker.app, broker.observed\n"
        "from broker.tracing import span, start_tracing\n"
        "start_tracing(None, 'lali')\n"
        "with span('accept.batch', records=1) as work: work.set_attribute('alerts', 2)\n"
        "print([name for name in sys.modules if 'opentelemetry' in name])\n"
        "import broker.gateway.app\n"  # FastAPI looks for the interface itself
        "print([name for name in sys.modules if 'opentelemetry.sdk' in name])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]


def test_without_the_extra_the_setting_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(DependencyMissing, match=r"lali\[tracing\]"):
        tracing.start_tracing("http://127.0.0.1:9/v1/traces", "lali")


def test_a_fault_is_told_by_its_type_and_never_by_its_text(spans):
    with pytest.raises(ValueError, match="SYNTHETIC"), tracing.span("accept.batch", records=1):
        raise ValueError("SYNTHETIC Ana Perez")
    (made,) = spans("accept.batch")
    assert dict(made.attributes) == {"records": 1, "error.type": "ValueError"}
    assert (list(made.events), made.status.description) == ([], None)
    assert "SYNTHETIC" not in made.to_json()


def test_a_parent_that_is_none_starts_a_trace_of_its_own(spans):
    for parent in ("", "SYNTHETIC", f"00-{'0' * 32}-{PARENT}-01"):
        with tracing.span("gateway.request", parent=parent):
            pass
    traces = {each.context.trace_id for each in spans("gateway.request")}
    assert len(traces) == 3
    assert all(each.parent is None for each in spans("gateway.request"))


def test_spans_reach_an_endpoint_over_http():
    taken = threading.Event()
    paths = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            taken.set()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        tracing.start_tracing(f"http://127.0.0.1:{server.server_port}/v1/traces", "lali-route")
        with tracing.span("route.transaction", partition=0):
            pass
        tracing.stop_tracing()
        assert taken.wait(60)
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
    assert paths == ["/v1/traces"]


@pytest.mark.kafka
async def test_a_request_an_accepted_batch_and_a_transaction_are_spans(
    kafka, topics, tmp_path, spans
):
    async with Behind(settings_of(kafka, topics.prefix, tmp_path)) as behind:
        status, _, body = await behind.call(
            "POST", "/v1/alerts", "fiji-immigration", json=draft(originator="fiji-immigration"),
            headers={"traceparent": f"00-{TRACE}-{PARENT}-01"},
        )  # fmt: skip
        assert status == 202
        await behind.shown(body["alert_id"])

    (request,) = [s for s in spans("gateway.request") if s.attributes["method"] == "POST"]
    assert dict(request.attributes) == {"method": "POST", "route": "/v1/alerts", "status": 202}
    assert format(request.context.trace_id, "032x") == TRACE
    assert format(request.parent.span_id, "016x") == PARENT
    (accepted,) = spans("accept.batch")
    assert dict(accepted.attributes) == {"records": 1}
    (routed,) = spans("route.transaction")
    assert routed.attributes["alerts"] == 1
    made = spans.exporter.get_finished_spans()
    assert {name for each in made for name in each.attributes} <= ALLOWED
    told = "".join(each.to_json() for each in made)
    assert body["alert_id"] not in told
    assert "longliner" not in told
    assert dict(made[0].resource.attributes) == {"service.name": "lali-test"}


@pytest.mark.kafka
async def test_each_attempt_to_deliver_is_a_span(connection, topics, spans):
    region = Region(connection, topics)
    await region.prepare()
    await region.route(make_alert())
    partner = Partner(RecipientUnavailable("HTTP_503"))
    async with region.delivering({FEED: partner}):
        async with asyncio.timeout(90):
            while not partner.taken:  # noqa: ASYNC110 - it lies in Kafka
                await asyncio.sleep(0.05)
    first, second = spans("deliver.attempt")
    assert dict(first.attributes) == {
        "feed": FEED, "attempt": 1, "error.type": "RecipientUnavailable",
    }  # fmt: skip
    assert dict(second.attributes) == {"feed": FEED, "attempt": 2}


_FRAMEWORK = """
import asyncio, os
os.environ["FASTAPI_OTEL_AUTO_CONFIGURE"] = "true"
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
from unittest.mock import MagicMock
from broker.gateway.app import make_app
from broker.settings import Settings

async def ask(app):
    scope = {"type": "http", "method": "GET", "path": "/SYNTHETIC", "raw_path": b"/SYNTHETIC",
             "query_string": b"name=SYNTHETIC", "headers": [], "http_version": "1.1",
             "scheme": "http", "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2),
             "root_path": ""}
    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}
    sent = []
    async def send(message):
        sent.append(message)
    await app(scope, receive, send)
    return sent[0]["status"]

app = make_app(MagicMock(settings=Settings(), secret=bytes(32)))
print(asyncio.run(ask(app)), len(exporter.get_finished_spans()))
"""


def test_the_frameworks_own_telemetry_which_keeps_paths_and_bodies_stays_off():
    done = subprocess.run(
        [sys.executable, "-c", _FRAMEWORK], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["404", "0"], done.stderr[-500:]
