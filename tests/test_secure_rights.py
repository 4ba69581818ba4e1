"""The rights that the code asks for are one unit's or one role's, and no wider than needed."""

from collections import Counter

from broker.wire.access import Access
from broker.wire.rights import Kind, Operation, Right
from broker.wire.topics import Topics

SMALL = Access(Topics("", 2), ("a", "a-b"), {"a-own": "a", "b-own": "b"}, ("a", "a-b", "b"))


def test_every_topic_has_somebody_who_writes_it_and_somebody_who_reads_it():
    rights = SMALL.rights()
    written = {r.name for r in rights if r.kind is Kind.TOPIC and r.operation is Operation.WRITE}
    read = {r.name for r in rights if r.kind is Kind.TOPIC and r.operation is Operation.READ}

    assert written == set(SMALL.topic_names())
    # Quarantine is for operators, who come as the administrator.
    # Of the clock topic only the times count that its writers are told.
    kept = {SMALL.topics.clock, SMALL.topics.quarantine}
    assert read == set(SMALL.topic_names()) - kept


def test_each_intake_and_each_feed_is_of_one_unit_only():
    everyones = (SMALL.topics.protected, Operation.DESCRIBE)  # and nothing else of that topic
    units = [
        right
        for right in SMALL.rights()
        if "unit." in right.principal and (right.name, right.operation) != everyones
    ]
    holders = Counter(right.name for right in units if right.kind is Kind.TOPIC)

    assert set(holders.values()) == {1}
    assert {(r.principal, r.name, r.operation) for r in units if r.kind is Kind.TOPIC} == {
        ("unit.a", "intake.a", Operation.WRITE),
        ("unit.a-b", "intake.a-b", Operation.WRITE),
        ("unit.a", "feed.a-own", Operation.READ),
        ("unit.b", "feed.b-own", Operation.READ),
    }


def test_the_only_prefixed_right_ends_where_no_other_id_goes_on():
    prefixed = [right for right in SMALL.rights() if right.prefixed]

    assert {right.name for right in prefixed} == {"unit.a.", "unit.b."}
    (of_a,) = [right for right in prefixed if right.name == "unit.a."]
    assert of_a.covers(Kind.GROUP, "unit.a.desk", Operation.READ)
    assert not of_a.covers(Kind.GROUP, "unit.a-b.desk", Operation.READ)


def test_only_route_has_transactional_ids():
    holders = {r.principal for r in SMALL.rights() if r.kind is Kind.TRANSACTION}

    assert holders == {"role.route"}


def test_nobody_has_a_right_on_the_cluster_or_may_delete_or_alter():
    rights = SMALL.rights()

    assert not any(right.kind is Kind.CLUSTER for right in rights)
    assert {right.operation for right in rights} == {
        Operation.READ, Operation.WRITE, Operation.CREATE, Operation.DESCRIBE,
        Operation.DESCRIBE_CONFIGS,
    }  # fmt: skip


def test_a_right_implies_what_kafka_grants_along_and_no_more():
    right = Right("p", Kind.TOPIC, "t", Operation.WRITE)

    held = {op for op in Operation if right.covers(Kind.TOPIC, "t", op)}
    assert held == {Operation.WRITE, Operation.DESCRIBE}
    assert not right.covers(Kind.GROUP, "t", Operation.WRITE)
    assert not right.covers(Kind.TOPIC, "tt", Operation.WRITE)
