"""The gateway as an ASGI application: every group of routes, and nothing else."""

from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig

from broker.gateway import (
    alert_routes,
    asyncapi_route,
    feed_routes,
    health,
    preview,
    publish_routes,
    receipt_routes,
    reference,
    schema_view,
    stream_routes,
    taxii,
)
from broker.gateway.doors import Doors
from broker.gateway.form import routes as form
from broker.gateway.problems import install_problems

_DESCRIPTION = """Publish alerts of suspected human trafficking, and read what policy releases.

Refusals are problem details (RFC 9457): a code and field paths, never a value. What is absent
and what is not yours look the same.
"""

#: FastAPI's own telemetry keeps paths, bodies and the texts of errors, and one variable of the
#: environment sends it away. Ours (`broker.gateway.measured`) keeps templates and codes.
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}

_GROUPS = (
    publish_routes,
    preview,
    alert_routes,
    feed_routes,
    stream_routes,
    receipt_routes,
    form,
    schema_view,
    taxii,
    asyncapi_route,
    reference,
    health,
)


def make_app(doors: Doors) -> FastAPI:
    """Return the application that serves *doors*."""
    app = FastAPI(
        title="Lali gateway",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        telemetry=_NO_TELEMETRY,
        # A redirect would name the host that the request named, whoever that is.
        redirect_slashes=False,
    )
    app.state.doors = doors
    install_problems(app)
    for routes in _routers(doors):
        app.include_router(routes)
    return app


def _routers(doors: Doors) -> list[APIRouter]:
    return [group.router(doors) for group in _GROUPS]
