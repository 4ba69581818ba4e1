"""Decisions: for one feed, release or withhold, which compartments, by which rules.

Decisions of one label are many and repeat, so they form a plan: grouped by equal outcome,
named by its digest, written once.
"""

from dataclasses import dataclass
from enum import StrEnum

from broker.model.reason import Reason


class Verdict(StrEnum):
    """The two outcomes of a decision."""

    RELEASE = "RELEASE"
    WITHHOLD = "WITHHOLD"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided, without for whom: equal outcomes are shared by many feeds.

    Attributes:
        verdict: Release or withhold.
        compartments: Mask of the compartments policy lets this recipient see; 0 if withheld.
            Bits may be set for compartments that the alert leaves empty.
        rules: Ids of the rules that decided, sorted: permits and forbids, of every action.
        reason: Why withheld; None for a release.
        acknowledge_within_seconds: Obligation: how soon the recipient must acknowledge.
        held: Ids of rules that would permit more once two people approve; their permits
            are not counted in *compartments*.
    """

    verdict: Verdict
    compartments: int
    rules: tuple[str, ...]
    reason: Reason | None = None
    acknowledge_within_seconds: int | None = None
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipient:
    """For whom a decision is: the feed, its unit, and the purpose it receives for."""

    feed: str
    unit: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome for one feed under one bundle."""

    recipient: Recipient
    outcome: Outcome
    bundle_digest: bytes


@dataclass(frozen=True, slots=True)
class PlanGroup:
    """Recipients with equal outcome, sorted by feed."""

    outcome: Outcome
    recipients: tuple[Recipient, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The decisions of every feed of the community for one label, under one bundle.

    Attributes:
        bundle_digest: SHA-256 that names the bundle.
        groups: Every active feed of the bundle in exactly one group; releases first.
        digest: SHA-256 over bundle digest and groups in one canonical form; names the plan.
    """

    bundle_digest: bytes
    groups: tuple[PlanGroup, ...]
    digest: bytes
