"""All attacks: each module of a family defines its own when it is imported."""

from attack import (  # noqa: F401
    certificates,
    deployment,
    folders,
    key_service,
    lengths,
    listening,
    peers,
    readings,
    requests,
    sessions,
    tokens,
)
from attack.trying import ATTACKS, in_order

#: Every attack, in the order of the run.
IN_ORDER = in_order(ATTACKS)
