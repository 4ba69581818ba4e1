"""Traces (OpenTelemetry), where an operator asked for them; otherwise nothing, at no cost.

Spans hold codes, counts and ids of units and feeds. Nothing of OpenTelemetry is imported
unless a setting names where traces go: it is an optional extra, ``lali[tracing]``.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from broker.errors import DependencyMissing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

#: What a span may say.
Attribute = str | int


class Span(Protocol):
    """A piece of work under way."""

    def set_attribute(self, key: str, value: Attribute) -> None:
        """Say something of it: a code, a count, or the id of a unit or feed."""


class _NoSpan:
    def set_attribute(self, key: str, value: Attribute) -> None:
        pass


_NOTHING: AbstractContextManager[Span] = nullcontext(_NoSpan())


class _Tracing:
    """Where spans go in this process; nowhere until it is told."""

    tracer: "Tracer | None" = None
    provider: "TracerProvider | None" = None


def span(
    name: str, *, parent: str | None = None, **attributes: Attribute
) -> AbstractContextManager[Span]:
    """Return a context that is one span; one that does nothing while tracing is off.

    Args:
        name: What is done, such as ``route.transaction``.
        parent: W3C ``traceparent`` of who asked for it.
        attributes: Codes, counts, ids of units and feeds.
    """
    if _Tracing.tracer is None:
        return _NOTHING
    return _spanning(_Tracing.tracer, name, parent, attributes)


def start_tracing(
    endpoint: str | None, service: str, exporter: "SpanExporter | None" = None
) -> None:
    """Send the spans of this process to *endpoint* from now on.

    Args:
        endpoint: OTLP over HTTP, such as ``http://127.0.0.1:4318/v1/traces``. None: no tracing.
        service: Name of this process in traces, such as ``lali-route``.
        exporter: Where spans go instead.

    Raises:
        DependencyMissing: OpenTelemetry is not installed.
    """
    if endpoint is None and exporter is None:
        return
    try:
        _Tracing.provider = _provider(endpoint, service, exporter)
    except ImportError:
        raise DependencyMissing(
            "tracing_endpoint is set, and OpenTelemetry is not installed: pip install lali[tracing]"
        ) from None
    _Tracing.tracer = _Tracing.provider.get_tracer("lali")


def stop_tracing() -> None:
    """Send what is left, and make no more spans."""
    provider, _Tracing.provider, _Tracing.tracer = _Tracing.provider, None, None
    if provider is not None:
        provider.shutdown()


def _provider(
    endpoint: str | None, service: str, exporter: "SpanExporter | None"
) -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # Its own resource: the detected one tells command line and host.
    provider = TracerProvider(resource=Resource({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter(endpoint)))
    return provider


@contextmanager
def _spanning(
    tracer: "Tracer", name: str, parent: str | None, attributes: dict[str, Attribute]
) -> Iterator[Span]:
    # Not the SDK's own record of exceptions: their texts may quote values.
    with tracer.start_as_current_span(
        name,
        context=_context(parent),
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        try:
            yield made
        except BaseException as fault:
            made.set_attribute("error.type", type(fault).__name__)
            raise


def _context(parent: str | None) -> Any:
    if parent is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent})
