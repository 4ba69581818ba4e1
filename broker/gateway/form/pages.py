"""Pages of the form as HTML: escaped, never stored by anybody, with no script."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from broker.gateway.answers import answer

_FOLDER = Path(__file__).parent / "templates"


def stylesheet(name: str) -> bytes:
    """Return a style sheet."""
    return (_FOLDER / f"{name}.css").read_bytes()


STYLE = stylesheet("style")
#: The style sheet's address changes with it, so it is fetched once.
STYLE_PATH = f"/report/{hashlib.sha256(STYLE).hexdigest()[:12]}.css"

#: Cache-Control of what never changes below its address.
FOR_EVER = "public, max-age=31536000, immutable"

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    # With no-referrer a browser would not say that a form comes from here (Origin: null).
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}


def _moment(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["moment"] = _moment
    made.globals["style_path"] = STYLE_PATH
    return made


_ENVIRONMENT = _environment()


def page(request: Request, template: str, /, status: int = 200, **values: Any) -> Response:
    """Return a page.

    Args:
        request: What is answered.
        template: Its name, such as ``sign_in``.
        status: HTTP status.
        values: What the template needs.
    """
    text = _ENVIRONMENT.get_template(f"{template}.html").render(**values)
    kind = "text/html; charset=utf-8"
    return answer(request, text.encode(), status=status, headers=_HEADERS, media_type=kind)


def moved(path: str) -> Response:
    """Return an answer that sends the browser on to *path* with a GET."""
    return Response(status_code=303, headers={**_HEADERS, "Location": path})
