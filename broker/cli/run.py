"""`lali run`: one role in a process of its own."""

import asyncio

from broker.app import Parts, Role, make_parts, make_role, run_roles
from broker.errors import KafkaRefused, KafkaUnavailable
from broker.logs import configure_logs
from broker.observed import observed
from broker.settings import load_settings
from broker.wire.welcome import require_welcome


def run(role: str) -> None:
    """Run one role until it is stopped: accept, route or deliver.

    Several processes of one role share its work. The topics must exist: `lali topics apply`.

    Example: `lali run route`

    Args:
        role: accept, route or deliver.
    """
    settings = load_settings()
    configure_logs(settings.log_form, settings.log_level)
    parts = make_parts(settings)
    made = make_role(parts, role)
    asyncio.run(_run(parts, role, made))


async def _run(parts: Parts, role: str, made: Role) -> None:
    try:
        await require_welcome(parts.connection(role))
    except KafkaRefused:
        raise
    except KafkaUnavailable:
        pass  # the role itself waits for a cluster that is starting
    with observed(parts, [role]) as watches:
        await run_roles([made, *watches])
