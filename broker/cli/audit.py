"""Read the audit log for a command, and say on the error output what could not be read."""

import asyncio
import sys

from broker.app import make_parts
from broker.audit.log import AuditLog, read_audit
from broker.settings import load_settings


def read_log(client_id: str) -> AuditLog:
    """Return the audit log as it stands now."""
    parts = make_parts(load_settings())
    asyncio.run(parts.compare(client_id))
    log = asyncio.run(read_audit(parts.connection(client_id), parts.topics))
    if log.unreadable:
        sys.stderr.write(
            f"lali: {log.unreadable} records of the audit log are no entries of Lali, or name a "
            "plan that is nowhere, and are left out: see who may write to it (lali secure check)\n"
        )
    return log
