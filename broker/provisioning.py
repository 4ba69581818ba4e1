"""Provision a cluster for a community, and check it: what `lali secure` and `lali up` share."""

import asyncio
from dataclasses import dataclass

from broker.agreement import require_partitions
from broker.app import Parts
from broker.errors import SettingsInvalid
from broker.private_files import Passwords
from broker.wire.access_check import Matrix, check_access
from broker.wire.identity import ADMIN, connection_as
from broker.wire.provision import (
    Applied,
    Quotas,
    apply_acls,
    apply_quotas,
    apply_users,
    foreign_rights,
)
from broker.wire.welcome import require_welcome
from broker.wire.wide_client import wide_client


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found.

    Attributes:
        foreign: Rights to our resources of principals that no setting names.
    """

    matrix: Matrix
    foreign: list[str]

    @property
    def right(self) -> bool:
        """Whether the cluster is as it should be."""
        return not self.matrix.wrong() and not self.foreign


def passwords_of(parts: Parts) -> Passwords:
    """Return where passwords are kept.

    Raises:
        SettingsInvalid: No folder is set.
    """
    folder = parts.settings.in_effect().credentials
    if folder is None:
        raise SettingsInvalid("set credentials: the folder in which passwords are kept")
    return Passwords(folder)


def provision(parts: Parts, rotate: list[str] | None = None) -> Applied:
    """Make the cluster agree with the community: passwords, ACLs, quotas.

    Topics need not exist: a right is to a name.

    Args:
        parts: The community and the cluster; who connects must be a super user.
        rotate: Principals that get a new password.

    Raises:
        KafkaRefused: We are not let in, or may not do this.
        KafkaUnavailable: The cluster does not answer.
        SettingsInvalid: No folder for passwords is set, or the cluster has another number of
            partitions.
    """
    connection = connection_as(parts.settings, "lali-secure", ADMIN)
    passwords, access = passwords_of(parts), parts.rights()
    settings = parts.settings
    quotas = Quotas(settings.unit_producer_bytes, settings.unit_consumer_bytes)
    asyncio.run(require_welcome(connection))
    # Route's transactional ids are counted by partitions: rights for another number would stop it.
    asyncio.run(require_partitions(connection, parts.topics))
    with wide_client(connection) as client:
        # Rights first: one too many is gone before anything else can fail.
        acls = apply_acls(client, access)
        users = apply_users(client, access, passwords, rotate=rotate or ())
        limits = apply_quotas(client, access, quotas)
    return Applied(
        users.users_added,
        users.users_removed,
        acls.acls_added,
        acls.acls_removed,
        limits.quotas_set,
        _unnamed(parts, acls.foreign),
    )


def check(parts: Parts) -> Checked:
    """Ask the cluster, as every principal, what it lets them do.

    Raises:
        KafkaRefused: The administrator is not let in.
        KafkaUnavailable: The cluster does not answer.
        SettingsInvalid: A password is missing, or the cluster has another number of partitions.
    """
    connection = connection_as(parts.settings, "lali-secure", ADMIN)
    asyncio.run(require_welcome(connection))
    asyncio.run(require_partitions(connection, parts.topics))
    with wide_client(connection) as client:
        foreign = foreign_rights(client, parts.rights())
    credentials = parts.settings.in_effect().credentials
    if credentials is None:
        raise SettingsInvalid("set credentials: the check connects as every principal")
    own = parts.settings.in_effect().model_copy(update={"user": None})

    matrix = asyncio.run(
        check_access(parts.rights(), lambda who: connection_as(own, f"lali-check-{who}", who))
    )
    return Checked(matrix, _unnamed(parts, foreign))


def _unnamed(parts: Parts, foreign: list[str]) -> list[str]:
    named = {f"User:{name}" for name in parts.settings.other_principals}
    return [line for line in foreign if line.split(" ", 1)[0] not in named]
