"""Kafka's ACLs and our rights: the one as the other, and which of those that exist are ours."""

from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)

from broker.wire.access import Access
from broker.wire.rights import Kind, Right

_TYPES = {
    Kind.TOPIC: ResourceType.TOPIC,
    Kind.GROUP: ResourceType.GROUP,
    Kind.TRANSACTION: ResourceType.TRANSACTIONAL_ID,
    Kind.CLUSTER: ResourceType.CLUSTER,
}
_EVERYBODY = "User:*"


def acl_of(right: Right) -> ACL:
    """Return *right* as Kafka's client has it."""
    pattern = ACLResourcePatternType.PREFIXED if right.prefixed else ACLResourcePatternType.LITERAL
    return ACL(
        f"User:{right.principal}",
        "*",
        ACLOperation[right.operation],
        ACLPermissionType.ALLOW,
        ResourcePattern(_TYPES[right.kind], right.name, pattern),
    )


def line_of(acl: ACL) -> str:
    """Return *acl* in words."""
    pattern = acl.resource_pattern
    star = "…" if pattern.pattern_type is ACLResourcePatternType.PREFIXED else ""
    what = f"{acl.permission_type.name} {acl.operation.name}"
    where = f"{pattern.resource_type.name.lower()} {pattern.resource_name}{star}"
    return f"{acl.principal} {what} {where} from {acl.host}"


def is_ours(acl: ACL, access: Access) -> bool:
    """Whether *acl* is of one of our principals, or gives everybody something of ours."""
    principal = acl.principal.removeprefix("User:")
    if access.names.owns(principal):
        return True
    return acl.principal == _EVERYBODY and _touches(acl, access)


def is_foreign(acl: ACL, access: Access) -> bool:
    """Whether *acl* gives somebody who is not ours something of ours."""
    allows = acl.permission_type is ACLPermissionType.ALLOW
    return allows and not is_ours(acl, access) and _touches(acl, access)


def _touches(acl: ACL, access: Access) -> bool:
    """Whether *acl* is about a resource of ours, by name, by prefix or by wildcard."""
    pattern = acl.resource_pattern
    if pattern.resource_type is ResourceType.CLUSTER or pattern.resource_name == "*":
        return True
    names = [*access.topic_names(), *access.groups(), *access.transactions()]
    if pattern.pattern_type is ACLResourcePatternType.PREFIXED:
        return any(name.startswith(pattern.resource_name) for name in names)
    return pattern.resource_name in names
