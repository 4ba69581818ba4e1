"""Make a cluster agree with `broker.wire.access`: passwords, ACLs, quotas.

Everything is repeated safely: what is right already is left alone. Principals below the
community's prefix are Lali's; a right of theirs that should not be is removed, and so is
what everybody (``User:*``) was given of ours. Rights of others are reported, never touched.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from kafka.protocol.admin import AlterClientQuotasRequest, DescribeAclsRequest

from broker.errors import KafkaRefused, KafkaUnavailable
from broker.private_files import Passwords
from broker.wire.access import Access
from broker.wire.acls import acl_of, is_foreign, is_ours, line_of
from broker.wire.wide_client import WideClient, errors_named

_MECHANISM = ScramMechanism.SCRAM_SHA_512
#: Passwords are 32 random bytes: guessing is hopeless at any count.
_ROUNDS = 8192
_SETTLE_SECONDS = 60.0


@dataclass(slots=True)
class Applied:
    """What was changed, by name.

    Attributes:
        foreign: Rights to our resources of principals that are not ours; left as they are.
    """

    users_added: list[str] = field(default_factory=list)
    users_removed: list[str] = field(default_factory=list)
    acls_added: list[str] = field(default_factory=list)
    acls_removed: list[str] = field(default_factory=list)
    quotas_set: int = 0
    foreign: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Quotas:
    """Bytes a second of one unit, on each broker."""

    producer_bytes: int
    consumer_bytes: int


def apply_users(
    client: WideClient, access: Access, passwords: Passwords, *, rotate: Sequence[str] = ()
) -> Applied:
    """Give every principal a password, and take it from those who are no longer there.

    Args:
        client: The administrator's.
        access: Who should be.
        passwords: Where they are kept; new ones go there before they are valid.
        rotate: Principals that get a new one although they have one.

    Raises:
        KafkaRefused: The cluster refused a change.
    """
    wanted = sorted(access.principals())
    known = _known_users(client)
    gone = sorted(user for user in known.difference(wanted) if access.names.owns(user))
    for user in wanted:
        if user in rotate or not passwords.has(user):
            passwords.stage(user)
    changed = [user for user in wanted if user not in known or passwords.is_staged(user)]
    changes: list[object] = [UserScramCredentialDeletion(user, _MECHANISM) for user in gone]
    changes += [
        UserScramCredentialUpsertion(
            user, _MECHANISM, passwords.newest(user).get_secret_value(), iterations=_ROUNDS
        )
        for user in changed
    ]
    _alter_users(client, changes)
    for user in changed:
        passwords.settle(user)
    for user in gone:
        passwords.forget(user)
    return Applied(users_added=changed, users_removed=gone)


def apply_acls(client: WideClient, access: Access) -> Applied:
    """Add the rights that are missing, remove those too many, and wait until it is so.

    Raises:
        KafkaRefused: The cluster refused a change.
        KafkaUnavailable: Not every broker knew of the changes in time.
    """
    wanted = {acl_of(right) for right in access.rights()}
    present = set(_describe(client))
    ours = {acl for acl in present if is_ours(acl, access)}
    missing, surplus = wanted - present, ours - wanted
    if surplus:
        _delete(client, surplus)
    if missing:
        _create(client, missing)
    _await(client, lambda acls: {acl for acl in acls if is_ours(acl, access)} == wanted)
    foreign = [acl for acl in present - ours if is_foreign(acl, access)]
    return Applied(
        acls_added=sorted(map(line_of, missing)),
        acls_removed=sorted(map(line_of, surplus)),
        foreign=sorted(map(line_of, foreign)),
    )


def apply_quotas(client: WideClient, access: Access, quotas: Quotas) -> Applied:
    """Bound what each unit may send and fetch; roles are not bound, they carry everybody's.

    Raises:
        KafkaRefused: The cluster refused a change.
    """
    units = [access.names.unit(unit) for unit in access.units]
    values = [
        ("producer_byte_rate", float(quotas.producer_bytes), False),
        ("consumer_byte_rate", float(quotas.consumer_bytes), False),
    ]
    entries = [([("user", unit)], values) for unit in units]
    answer = client.ask(AlterClientQuotasRequest(entries=entries, validate_only=False))
    if any(entry.error_code for entry in answer.entries):
        raise KafkaRefused("NOT_AUTHORISED: quotas were not set")
    return Applied(quotas_set=len(units))


def foreign_rights(client: WideClient, access: Access) -> list[str]:
    """Return rights to our resources of principals that are not ours."""
    return sorted(line_of(acl) for acl in _describe(client) if is_foreign(acl, access))


def revoke(client: WideClient, principal: str) -> None:
    """Take password and rights from *principal*, and wait until every broker knows.

    A certificate of its cannot be taken back: it connects until it ends, and may do nothing.

    Raises:
        KafkaRefused: The cluster refused a change.
        KafkaUnavailable: Not every broker knew of it in time.
    """
    user = f"User:{principal}"
    held = {acl for acl in _describe(client) if acl.principal == user}
    if held:
        _delete(client, held)
        _await(client, lambda acls: all(acl.principal != user for acl in acls))
    if principal in _known_users(client):
        _alter_users(client, [UserScramCredentialDeletion(principal, _MECHANISM)])


def _known_users(client: WideClient) -> set[str]:
    with errors_named():
        users = client.admin.describe_user_scram_credentials()
    return {user for user, state in users.items() if state["credential_infos"]}


def _alter_users(client: WideClient, changes: Sequence[object]) -> None:
    if not changes:
        return
    with errors_named():
        outcome = client.admin.alter_user_scram_credentials(changes)
    if failed := sorted(user for user, error in outcome.items() if error):
        raise KafkaRefused(f"NOT_AUTHORISED: passwords were not set: {', '.join(failed)}")


_ANYTHING = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)


def _describe(client: WideClient, node: int | None = None) -> list[ACL]:
    everything = DescribeAclsRequest(
        resource_type_filter=ResourceType.ANY,
        resource_name_filter=None,
        pattern_type_filter=ACLResourcePatternType.ANY,
        principal_filter=None,
        host_filter=None,
        operation=ACLOperation.ANY,
        permission_type=ACLPermissionType.ANY,
    )
    answer = client.ask(everything, node)
    if answer.error_code:
        raise KafkaRefused("NOT_AUTHORISED: the rights cannot be read, or there is no authoriser")
    found, _ = client.admin._convert_describe_acls_response_to_acls(answer)  # noqa: SLF001
    return list(found)


def _create(client: WideClient, acls: Iterable[ACL]) -> None:
    with errors_named():
        outcome = client.admin.create_acls(sorted(acls, key=line_of))
    if outcome["failed"]:
        raise KafkaRefused("NOT_AUTHORISED: rights were not added")


def _delete(client: WideClient, acls: Iterable[ACL]) -> None:
    filters = [
        ACLFilter(
            acl.principal,
            acl.host,
            acl.operation,
            acl.permission_type,
            ResourcePatternFilter(
                acl.resource_pattern.resource_type,
                acl.resource_pattern.resource_name,
                acl.resource_pattern.pattern_type,
            ),
        )
        for acl in acls
    ]
    with errors_named():
        outcome = client.admin.delete_acls(filters)
    if any(error.errno for _, _, error in outcome):
        raise KafkaRefused("NOT_AUTHORISED: rights were not removed")


def _await(client: WideClient, is_so: Callable[[list[ACL]], bool]) -> None:
    # Each broker learns of changes by itself; a check right after must not come too early.
    deadline = time.monotonic() + _SETTLE_SECONDS
    for node in client.nodes():
        while not is_so(_describe(client, node)):
            if time.monotonic() > deadline:
                raise KafkaUnavailable("rights were set, but not every broker knows of them")
            time.sleep(0.1)
