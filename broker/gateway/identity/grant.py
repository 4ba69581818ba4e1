"""What a credential is worth: its own bounds, cut to what its unit may do.

What a unit may do follows from the community file. A unit that publishes may publish, preview
and follow its alerts, and one of civil society may use the form; a unit with active feeds may
read them and say what became of alerts. Roles and credentials narrow that, and never widen it.
"""

from dataclasses import dataclass

from broker.gateway.caller import Caller, Right
from broker.gateway.identity.refused import CredentialRefused
from broker.model.codes import RecipientClass
from broker.policy.directory import Directory

_PUBLISHING = frozenset({Right.PUBLISH, Right.PREVIEW, Right.FOLLOW})
_READING = frozenset({Right.READ, Right.ACKNOWLEDGE})


@dataclass(frozen=True, slots=True)
class Grant:
    """What a credential says of itself, once it is known to be genuine.

    Attributes:
        unit: The unit that it speaks for.
        identity: Its stable name, for rate limits and logs.
        rights: What it is limited to; None: nothing less than its unit.
        roles: Roles that it is limited to; None: none.
        feeds: Feeds that it is limited to; None: all of its unit.
    """

    unit: str
    identity: str
    rights: frozenset[Right] | None = None
    roles: frozenset[str] | None = None
    feeds: frozenset[str] | None = None


def caller_of(grant: Grant, community: Directory) -> Caller:
    """Return who *grant* makes the caller.

    Raises:
        CredentialRefused: The community has no such unit.
    """
    if grant.unit not in community.units:
        raise CredentialRefused("UNIT_UNKNOWN")
    feeds = frozenset(feed.id for feed in community.listed.values() if feed.unit == grant.unit)
    if grant.feeds is not None:
        feeds &= grant.feeds
    rights = unit_rights(grant.unit, community)
    if grant.roles is not None:
        rights &= _role_rights(grant.roles, community)
    if grant.rights is not None:
        rights &= grant.rights
    return Caller(grant.unit, rights if feeds else rights - _READING, feeds, grant.identity)


def unit_rights(unit_id: str, community: Directory) -> frozenset[Right]:
    """Return everything that any credential of a unit could allow."""
    unit = community.units[unit_id]
    rights: frozenset[Right] = frozenset()
    if unit.publishes:
        rights |= _PUBLISHING
        if unit.kind is RecipientClass.CIVIL_SOCIETY:
            rights |= {Right.REPORT}
    if any(feed.unit == unit_id for feed in community.listed.values()):
        rights |= _READING
    return rights


def _role_rights(roles: frozenset[str], community: Directory) -> frozenset[Right]:
    # An identity provider lists roles of other systems too; those allow nothing here.
    known = [community.roles[role] for role in roles if role in community.roles]
    return frozenset(right for role in known for right in role.rights)
