"""Read request bodies within bounds, and the drafts and alerts in them."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from fastapi import Request

from broker.errors import Rejected
from broker.gateway.problems import Problem
from broker.model.reason import Reason
from broker.wire import strict
from connectors.intake import lali_json

JSON = "application/json"
JSON_LINES = "application/x-ndjson"
AVRO = "application/vnd.apache.avro"
#: Several framed alerts: each behind its length, four bytes, big-endian.
AVRO_BATCH = "application/vnd.lali.alerts"

#: Most alerts in one request.
MOST_ALERTS = 1000
_LENGTH_BYTES = 4
T = TypeVar("T")
_GZIP = 16 + zlib.MAX_WBITS
#: A body that is too large is read, and dropped, up to so many times the limit: who is cut off
#: while sending gets no answer to read.
_READ_PAST = 8

Draft = Mapping[str, Any]
#: A draft, or framed Avro; refused ones keep their place in the batch.
Sent = Draft | bytes | Rejected
Form = Literal["one", "batch"]


def drafts(most: int) -> dict[str, Any]:
    """Return the OpenAPI schema of one draft, or of an array of at most *most*."""
    part = {"type": "object"}
    parts = dict.fromkeys(("label", "distribution", "compartments"), part)
    one = {
        "type": "object",
        "description": "docs/publishing.md has every field.",
        "properties": {
            **parts,
            **{name: {"type": "array"} for name in ("persons", "documents")},
            "confirm_warnings": {"type": "boolean", "description": "Its warnings are meant."},
        },
        "required": ["label"],
        "additionalProperties": False,
    }
    # In an array each is looked at by itself: one that is no draft is refused alone.
    return {"oneOf": [one, {"type": "array", "items": {}, "minItems": 1, "maxItems": most}]}


async def read_body(request: Request, most: int) -> bytes:
    """Return the body, decompressed if it says that it is gzip.

    Raises:
        Problem: 413 if it is larger than *most*, compressed or not; 415 for another coding;
            400 if it is no gzip.
    """
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding not in ("identity", "gzip"):
        raise Problem(415, "CODING_UNKNOWN")
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most:
            body += chunk
        elif size > _READ_PAST * most:
            break
    if size > most:
        raise Problem(413, Reason.OVERSIZED.value)
    return _inflated(bytes(body), most) if coding == "gzip" else bytes(body)


def _inflated(body: bytes, most: int) -> bytes:
    stream = zlib.decompressobj(_GZIP)
    try:
        inflated = stream.decompress(body, most)
    except zlib.error:
        raise Problem(400, "CODING_BROKEN") from None
    if stream.unconsumed_tail:
        raise Problem(413, Reason.OVERSIZED.value)
    if not stream.eof or stream.unused_data:
        raise Problem(400, "CODING_BROKEN")
    return inflated


def media_type(request: Request) -> str:
    """Return the media type of the body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def alerts_in(body: bytes, kind: str) -> tuple[Form, Sequence[Sent]]:
    """Return what a body of media type *kind* holds, in its order.

    Raises:
        Problem: 415 for a type that holds no alerts; 413 for too many.
        Rejected: The body as a whole cannot be read.
    """
    match kind:
        case "application/json":
            return _json(body)
        case "application/x-ndjson":
            lines = [line for line in body.split(b"\n") if line.strip()]
            return "batch", [_line(line) for line in _bounded(lines)]
        case "application/vnd.apache.avro":
            return "one", [body]
        case "application/vnd.lali.alerts":
            return "batch", _bounded(_framed(body))
        case _:
            raise Problem(415, "MEDIA_TYPE_UNKNOWN")


def _json(body: bytes) -> tuple[Form, Sequence[Sent]]:
    if body.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] == b"[":
        return "batch", _bounded(lali_json.parse_array(body))
    return "one", [lali_json.parse(body)]


def _line(line: bytes) -> Sent:
    try:
        return lali_json.parse(line)
    except Rejected as rejected:
        return rejected


def _framed(body: bytes) -> list[bytes]:
    found, place = [], 0
    while place < len(body):
        start = place + _LENGTH_BYTES
        length = int.from_bytes(body[place:start], "big")
        place = start + length
        if length > strict.LIMITS.max_bytes:
            raise Rejected(Reason.OVERSIZED)
        if start > len(body) or place > len(body):
            raise Rejected(Reason.TRUNCATED)
        found.append(body[start:place])
    return found


def _bounded(found: list[T]) -> list[T]:
    if not found:
        raise Rejected(Reason.EMPTY)
    if len(found) > MOST_ALERTS:
        raise Problem(413, Reason.ITEMS.value)
    return found
