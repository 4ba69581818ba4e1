"""`lali run`: one role in a process of its own."""

import asyncio
from collections.abc import Callable

from broker.app import Parts, Role, make_parts, make_role, run_roles
from broker.collector import keep_apart
from broker.errors import KafkaRefused, KafkaUnavailable
from broker.logs import configure_logs
from broker.observed import observed
from broker.settings import load_settings
from broker.stop_time import end_in_time
from broker.wire.welcome import require_welcome


def run(role: str) -> None:
    """Run one role until it is stopped: accept, route, deliver or gateway.

    Several processes of one role share its work. The topics must exist: `lali topics apply`.

    Example: `lali run route`

    Args:
        role: accept, route, deliver or gateway.
    """
    settings = load_settings()
    configure_logs(settings.log_form, settings.log_level)
    parts = make_parts(settings)
    made = make_role(parts, role)
    keep_apart()
    with asyncio.Runner(loop_factory=_loop_of(role)) as runner:
        runner.run(_run(parts, role, made))


def _loop_of(role: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the event loop of *role*: the gateway's many sockets are uvloop's."""
    if role != "gateway":
        return None
    try:
        import uvloop
    except ImportError:  # not made for every system
        return None
    return uvloop.new_event_loop


async def _run(parts: Parts, role: str, made: Role) -> None:
    try:
        await require_welcome(parts.connection(role))
    except KafkaRefused:
        raise
    except KafkaUnavailable:
        pass  # the role itself waits for a cluster that is starting
    with observed(parts, [role]) as watches:
        await run_roles([parts.agreed(role, made), *watches], asked_to_stop=end_in_time)
