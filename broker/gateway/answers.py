"""Answers: compressed as the caller takes it, with a tag by which an unchanged one stays away."""

import gzip
import hashlib

import cramjam
from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from broker.gateway.parted import Parts, compress_parts

#: A smaller body gains nothing.
_WORTH_COMPRESSING = 400
_ZSTD_LEVEL, _GZIP_LEVEL = 6, 6


def answer(
    request: Request,
    body: BaseModel | bytes | Parts,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    media_type: str = "application/json",
    tagged: bool = False,
) -> Response:
    """Return *body* as an answer to *request*.

    Args:
        request: What is answered.
        body: A model, or JSON already; in parts where several originators wrote it, which are
            then not compressed together.
        status: HTTP status.
        headers: More headers.
        media_type: Of the body.
        tagged: With an ETag, and 304 where the caller has it already (RFC 9110, section 13).
    """
    content, parts = _content(body)
    sent = {"Vary": "Accept-Encoding, Authorization", **(headers or {})}
    if tagged:
        # Weak: the same page, however it is compressed.
        sent["ETag"] = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
        if _has(request, sent["ETag"]):
            return Response(status_code=304, headers=sent)
    coding, content = _compressed(request, content, parts)
    if coding:
        sent["Content-Encoding"] = coding
    return Response(content, status, headers=sent, media_type=media_type)


def _has(request: Request, tag: str) -> bool:
    known = request.headers.get("if-none-match", "")
    return tag in (each.strip() for each in known.split(",")) or known.strip() == "*"


def _content(body: BaseModel | bytes | Parts) -> tuple[bytes, Parts | None]:
    if isinstance(body, BaseModel):
        return body.model_dump_json(exclude_none=True).encode(), None
    return (body, None) if isinstance(body, bytes) else (b"".join(body), body)


def _compressed(request: Request, content: bytes, parts: Parts | None) -> tuple[str | None, bytes]:
    if len(content) < _WORTH_COMPRESSING:
        return None, content
    taken = _codings(request.headers.get("accept-encoding", ""))
    if parts is not None:  # zstd has no such flush
        return ("gzip", compress_parts(parts)) if "gzip" in taken else (None, content)
    if "zstd" in taken:
        return "zstd", bytes(cramjam.zstd.compress(content, level=_ZSTD_LEVEL))
    if "gzip" in taken:
        return "gzip", gzip.compress(content, _GZIP_LEVEL, mtime=0)
    return None, content


def _codings(header: str) -> set[str]:
    taken = set()
    for each in header.lower().split(","):
        name, _, weight = each.partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            taken.add(name.strip())
    return taken
