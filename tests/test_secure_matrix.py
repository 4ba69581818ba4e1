"""The rights that a cluster grants are those that the code needs, and no others."""

import asyncio
from collections import Counter

import pytest
from kafka import TopicPartition
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)
from kafka.protocol.admin import DescribeClientQuotasRequest
from secured import parts_on, provisioned

from broker.private_files import Passwords
from broker.provisioning import check, provision
from broker.wire.access import Access
from broker.wire.access_check import check_access
from broker.wire.identity import ADMIN
from broker.wire.provision import apply_acls, apply_users, revoke
from broker.wire.rights import Kind
from broker.wire.wide_client import wide_client

PREFIX = "matrix."
SOME = ("role.route", "role.deliver", "unit.fiji-tcu", "unit.samoa-tcu", "unit.pifs")


@pytest.fixture(scope="module")
def parts(secure_kafka):
    return provisioned(secure_kafka, PREFIX)


@pytest.fixture
def admin(parts):
    with wide_client(parts.connection_of(ADMIN)) as client:
        yield client
    provision(parts)


def _wrong(parts, names=SOME):
    principals = [PREFIX + name for name in names]
    matrix = asyncio.run(check_access(parts.rights(), parts.connection_of, principals))
    return matrix.wrong()


def _plant(client, principal, operation, kind, name, pattern="LITERAL", permission="ALLOW"):
    acl = ACL(
        f"User:{principal}",
        "*",
        ACLOperation[operation],
        ACLPermissionType[permission],
        ResourcePattern(ResourceType[kind], name, ACLResourcePatternType[pattern]),
    )
    assert client.admin.create_acls([acl])["succeeded"]


@pytest.mark.kafka
def test_every_principal_can_do_what_it_should_and_nothing_else(parts):
    checked = check(parts)
    cells = checked.matrix.cells

    assert checked.right, checked.matrix.wrong()[:5]
    assert len(cells) > 50_000
    assert {cell.principal for cell in cells} == set(parts.rights().principals())
    allowed = Counter(cell.kind for cell in cells if cell.observed)
    assert all(allowed[kind] for kind in (Kind.TOPIC, Kind.GROUP, Kind.TRANSACTION))


@pytest.mark.kafka
def test_applying_again_changes_nothing(parts):
    done = provision(parts)

    assert (done.users_added, done.users_removed) == ([], [])
    assert (done.acls_added, done.acls_removed, done.foreign) == ([], [], [])


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (("matrix.unit.fiji-tcu", "READ", "TOPIC", "*"), (Kind.TOPIC, "READ")),
        (("*", "READ", "TOPIC", "matrix.feed.samoa-tcu-investigate"), (Kind.TOPIC, "READ")),
        (("matrix.unit.fiji-tcu", "ALL", "TOPIC", "matrix.f", "PREFIXED"), (Kind.TOPIC, "ALTER")),
        (("matrix.unit.pifs", "READ", "GROUP", "matrix.unit.", "PREFIXED"), (Kind.GROUP, "READ")),
        (("*", "DESCRIBE", "GROUP", "*"), (Kind.GROUP, "DESCRIBE")),
        (("matrix.role.deliver", "WRITE", "TRANSACTIONAL_ID", "*"), (Kind.TRANSACTION, "WRITE")),
        (("*", "ALTER", "CLUSTER", "kafka-cluster"), (Kind.CLUSTER, "ALTER")),
        (
            ("matrix.role.route", "WRITE", "TOPIC", "matrix.ledger", "LITERAL", "DENY"),
            (Kind.TOPIC, "WRITE"),
        ),
    ],
    ids=lambda value: ".".join(map(str, value)),
)  # fmt: skip
def test_a_planted_right_is_found_and_taken_away(parts, admin, planted, found):
    assert _wrong(parts) == []
    _plant(admin, *planted)

    wrong = _wrong(parts)
    done = provision(parts)

    assert found in {(cell.kind, cell.operation) for cell in wrong}
    assert len(done.acls_removed) == 1
    assert _wrong(parts) == []


@pytest.mark.kafka
def test_a_right_that_is_missing_is_found_and_given_again(parts, admin):
    revoke(admin, "matrix.role.route")

    wrong = _wrong(parts, ["role.route"])
    done = provision(parts)

    assert {cell.operation for cell in wrong} >= {"CONNECT", "READ", "WRITE"}
    assert done.users_added == ["matrix.role.route"]
    assert _wrong(parts) == []


@pytest.mark.kafka
def test_rights_of_a_stranger_are_told_and_left_alone(parts, admin, secure_kafka):
    _plant(admin, "backup", "READ", "TOPIC", "matrix.", "PREFIXED")
    line = "User:backup ALLOW READ topic matrix.… from *"
    try:
        assert provision(parts).foreign == [line]
        checked = check(parts)
        assert checked.matrix.wrong() == []
        assert not checked.right

        trusting = parts_on(secure_kafka, PREFIX, other_principals=("backup",))
        assert check(trusting).right
    finally:
        revoke(admin, "backup")


@pytest.mark.kafka
def test_a_unit_that_is_gone_loses_password_and_rights(parts, admin):
    access = parts.rights()
    gone = "tuvalu-tcu"
    principal = parts.principals().unit(gone)
    smaller = Access(
        access.topics,
        tuple(unit for unit in access.publishers if unit != gone),
        {feed: unit for feed, unit in access.feeds.items() if unit != gone},
        tuple(unit for unit in access.units if unit != gone),
    )
    passwords = Passwords(parts.settings.credentials)
    removed = apply_acls(admin, smaller).acls_removed
    users = apply_users(admin, smaller, passwords).users_removed

    assert any(line.startswith(f"User:{principal} ") for line in removed)
    assert users == [principal]
    assert not passwords.has(principal)


@pytest.mark.kafka
def test_rotation_changes_one_password_and_the_old_one_is_refused(parts):
    principal = f"{PREFIX}unit.pifs"
    before = parts.connection_of(principal)
    bystander = parts.connection_of(f"{PREFIX}unit.oco")

    done = provision(parts, [principal])

    after = parts.connection_of(principal)
    assert done.users_added == [principal]
    assert after.security.password != before.security.password
    assert parts.connection_of(f"{PREFIX}unit.oco") == bystander
    matrix = asyncio.run(check_access(parts.rights(), lambda _: before, [principal]))
    assert matrix.shut_out[principal].startswith("AUTHENTICATION_FAILED")
    assert _wrong(parts, ["unit.pifs"]) == []


@pytest.mark.kafka
def test_a_rotation_that_broke_off_is_finished_by_the_next_apply(parts):
    principal = f"{PREFIX}unit.pifs"
    passwords = Passwords(parts.settings.credentials)
    passwords.stage(principal)

    done = provision(parts)

    assert done.users_added == [principal]
    assert not passwords.is_staged(principal)
    assert _wrong(parts, ["unit.pifs"]) == []


@pytest.mark.kafka
def test_a_topic_that_is_missing_is_wrong_and_not_merely_denied(parts, admin):
    name = parts.topics.plans
    admin.admin.delete_topics([name])
    try:
        wrong = _wrong(parts, ["role.topics"])
    finally:
        asyncio.run(parts.apply_topics())

    assert {(cell.name, cell.observed) for cell in wrong} == {(name, None)}


@pytest.mark.kafka
def test_every_unit_has_its_quotas_and_no_role_has_any(parts, admin):
    answer = admin.ask(DescribeClientQuotasRequest(components=[("user", 2, None)], strict=True))
    found = {
        entry.entity[0].entity_name: {value.key: value.value for value in entry.values}
        for entry in answer.entries
        if entry.entity[0].entity_name.startswith(PREFIX)
    }

    units = {parts.principals().unit(unit) for unit in parts.community.units}
    assert set(found) == units
    settings = parts.settings
    assert all(
        limits == {
            "producer_byte_rate": settings.unit_producer_bytes,
            "consumer_byte_rate": settings.unit_consumer_bytes,
        }
        for limits in found.values()
    )  # fmt: skip


@pytest.mark.kafka
def test_checking_reads_and_writes_nothing_and_leaves_no_group_and_no_transaction(parts, admin):
    before = _state(parts, admin)

    assert check(parts).right

    assert _state(parts, admin) == before


def _state(parts, client):
    latest = {
        TopicPartition(name, partition): -1
        for name in parts.rights().topic_names()
        for partition in range(1 if name.endswith((".audit", ".plans")) else 2)
    }
    ends = client.admin.list_partition_offsets(latest)
    groups = sorted(group["group_id"] for group in client.admin.list_groups())
    transactions = sorted(map(repr, client.admin.list_transactions().items()))
    return {each: found.offset for each, found in ends.items()}, groups, transactions
