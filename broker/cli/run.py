"""`lali run`: one role in a process of its own."""

import asyncio

from broker.app import make_parts, make_role, run_roles
from broker.logs import configure_logs
from broker.settings import load_settings


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
    asyncio.run(run_roles([made]))
