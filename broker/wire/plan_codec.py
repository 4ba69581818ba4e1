"""Plans to records and back, and the digest that names one."""

import hashlib

from broker.model.decision import Outcome, Plan, PlanGroup, Recipient, Verdict
from broker.model.reason import Reason
from broker.wire import codec


def make_plan(bundle_digest: bytes, groups: tuple[PlanGroup, ...]) -> Plan:
    """Return the plan of *groups*, with its digest: SHA-256 of its framed record."""
    unnamed = Plan(bundle_digest=bundle_digest, groups=groups, digest=b"")
    digest = hashlib.sha256(encode_plan(unnamed)).digest()
    return Plan(bundle_digest=bundle_digest, groups=groups, digest=digest)


def encode_plan(plan: Plan) -> bytes:
    """Return *plan* as a framed record. Equal plans are equal bytes."""
    groups = [_group(group) for group in plan.groups]
    return codec.encode("plan", {"bundle_digest": plan.bundle_digest, "groups": groups})


def decode_plan(value: bytes) -> Plan:
    """Return the plan in a framed record that route wrote."""
    record = codec.decode_trusted(value, "plan")
    groups = tuple(
        PlanGroup(
            outcome=Outcome(
                verdict=Verdict(group["verdict"]),
                compartments=group["compartments"],
                rules=tuple(group["rules"]),
                reason=Reason(group["reason"]) if group["reason"] else None,
                acknowledge_within_seconds=group["acknowledge_within_seconds"],
                held=tuple(group["held"]),
            ),
            recipients=tuple(Recipient(**recipient) for recipient in group["recipients"]),
        )
        for group in record["groups"]
    )
    return Plan(record["bundle_digest"], groups, hashlib.sha256(value).digest())


def _group(group: PlanGroup) -> codec.Record:
    outcome = group.outcome
    return {
        "verdict": outcome.verdict.value,
        "compartments": outcome.compartments,
        "rules": list(outcome.rules),
        "reason": outcome.reason.value if outcome.reason else None,
        "acknowledge_within_seconds": outcome.acknowledge_within_seconds,
        "held": list(outcome.held),
        "recipients": [
            {"feed": r.feed, "unit": r.unit, "purpose": r.purpose} for r in group.recipients
        ],
    }
