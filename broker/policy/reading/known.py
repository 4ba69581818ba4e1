"""What is known of every request for a feed, before any alert is looked at."""

from broker.model.community import Feed
from broker.policy.bundle import Bundle
from broker.policy.entities import context_of, unit_attributes


def known_of(feed: Feed, bundle: Bundle) -> dict[str, object]:
    """Return what rules may take as settled of *feed* and its unit, by path.

    An alert's age is left open: it may expire, or be under embargo.
    """
    units = bundle.community.units
    unit = unit_attributes(bundle.community, units[feed.unit])
    context = context_of(feed, expired=False, embargoed=False)
    settled = {f"context.{name}": context[name] for name in ("purpose", "operational")}
    for name, value in unit.items():
        settled[f"principal.{name}"] = frozenset(value) if isinstance(value, list) else value
    return settled
