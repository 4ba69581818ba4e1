"""Requests to the HTTP doors: by route and class of status, never by address or caller."""

from collections.abc import Callable

from prometheus_client import Counter, Gauge, Histogram

from broker.metrics.registry import OTHER, REGISTRY, Codes

#: Seconds. The doors answer from memory and a local file, or after Kafka has an alert.
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset("DELETE GET HEAD OPTIONS PATCH POST PUT".split())

_REQUESTS = Counter(
    "lali_http_requests", "Requests answered, by route template and class of status.",
    ["route", "method", "status"], registry=REGISTRY,
)  # fmt: skip
_SECONDS = Histogram(
    "lali_http_request_seconds", "From the request to the head of its answer.", ["route"],
    buckets=_BUCKETS, registry=REGISTRY,
)  # fmt: skip
_OPEN = Gauge(
    "lali_http_requests_in_progress", "Requests under way; an open stream is one.",
    registry=REGISTRY,
)  # fmt: skip
_PROBLEMS = Counter(
    "lali_http_problems", "Refusals by the HTTP doors, by code.", ["code"], registry=REGISTRY
)

_READ = Gauge(
    "lali_feed_read_timestamp_seconds", "When the feed was last read through the gateway.",
    ["feed"], registry=REGISTRY,
)  # fmt: skip
_BEHIND = Gauge(
    "lali_gateway_behind_seconds", "Since the gateway last saw the end of what it follows.",
    ["what"], registry=REGISTRY,
)  # fmt: skip

_codes = Codes()


def began() -> None:
    """Note a request that begins."""
    _OPEN.inc()


def ended() -> None:
    """Note that a request is over, its answer sent or broken off."""
    _OPEN.dec()


def count_answer(route: str, method: str, status: int, seconds: float) -> None:
    """Count an answer.

    Args:
        route: The route's template, which holds no value.
        method: HTTP method; one that no route has is counted as OTHER.
        status: HTTP status.
        seconds: Until its head was sent.
    """
    _REQUESTS.labels(route, known_method(method), f"{status // 100}xx").inc()
    _SECONDS.labels(route).observe(seconds)


def note_read(feed: str) -> None:
    """Note that *feed* was read, by somebody who may."""
    _READ.labels(feed).set_to_current_time()


def show_behind(what: str, seconds: Callable[[], float]) -> None:
    """Show how long ago the end of *what* was seen, asked whenever somebody scrapes."""
    _BEHIND.labels(what).set_function(seconds)


def known_method(method: str) -> str:
    """Return *method*, or OTHER for one that no route has: it may be any text."""
    return method if method in _METHODS else OTHER


def count_problem(code: str) -> None:
    """Count a refusal."""
    _PROBLEMS.labels(_codes.bounded(code)).inc()
