"""Logs that cannot tell who a victim is: only allow-listed keys pass.

A deny-list leaks the first key that nobody thought of. Values of unknown keys are replaced,
exceptions are reduced to their type, and control characters are escaped, so that no value
can forge a line.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

#: Keys whose values are ids, codes, counts or names of our own making.
ALLOWED = frozenset(
    "event level timestamp reason path code alert_id feed originator partition offset topic "
    "count counts ledger failures seconds role bundle servers version state records folder library "
    "host port what uid kind of on days file unit alerts hours nothing_destroyed_for_hours waits "
    "missing at advice part node next_offset"
    .split()
)  # fmt: skip

_HIDDEN = "[hidden]"
#: An event is named, never told: ``feed.stopped``.
_EVENT = re.compile(r"[a-z_]+(\.[a-z_]+)*")
_Event = MutableMapping[str, Any]


def configure_logs(form: str = "lines", level: str = "info", stream: TextIO | None = None) -> None:
    """Set up structlog for this process.

    Args:
        form: ``lines`` for people, ``json`` for machines.
        level: Least important level that is written.
        stream: Where to; standard error if None.
    """
    renderer: Any = structlog.processors.JSONRenderer(sort_keys=True)
    if form == "lines":
        renderer = structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            only_allowed,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Out(stream))),
        cache_logger_on_first_use=False,
    )
    # The Kafka client logs the contents of requests at debug, and retries as errors.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    # This one logs its whole configuration, passwords too, at debug.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if not isinstance(h, _Foreign)] + [_Foreign()]


class _Out:
    """Where lines go; what cannot be written there is lost, and stops nobody.

    A role must not stand still because somebody closed its standard error.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write *text*, if there is still somewhere to write it."""
        with suppress(ValueError, OSError):
            (self._stream or sys.stderr).write(text)

    def flush(self) -> None:
        """Pass on what is buffered."""
        with suppress(ValueError, OSError):
            (self._stream or sys.stderr).flush()


class _Foreign(logging.Handler):
    """Says that a library logged something, and never what: its texts may quote values."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the library's name and the type of the exception, if there is one."""
        if sys.is_finalizing():
            return  # nothing can be written any more
        error = record.exc_info[1] if record.exc_info else None
        code = type(error).__name__ if error else record.levelname
        structlog.get_logger().warning("library.warned", library=record.name, code=code)


def only_allowed(_logger: Any, _method: str, event: _Event) -> _Event:
    """Keep what may be logged; say that something else was there."""
    error = event.pop("exc_info", None)
    kept = {key: _escaped(v) if key in ALLOWED else _HIDDEN for key, v in event.items()}
    if not _EVENT.fullmatch(str(event.get("event", ""))):
        kept["event"] = _HIDDEN  # a text with something formatted into it
    if error:
        kept["code"] = _type_of(error)
    return kept


def _type_of(error: Any) -> str:
    if isinstance(error, tuple):
        error = error[1]
    if not isinstance(error, BaseException):
        error = sys.exc_info()[1]
    return type(error).__name__


def _escaped(value: Any) -> Any:
    if isinstance(value, (int, float, bool)) or value is None:
        return value
    if isinstance(value, dict):
        return {_escaped(str(key)): _escaped(item) for key, item in value.items()}
    return str(value).encode("unicode_escape").decode("ascii")
