"""What a look at a site finds: each with a code, in words, and with what to do."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from broker.model.base import Model


class Weight(StrEnum):
    """How much a finding matters."""

    FINE = "FINE"
    SOON = "SOON"
    WRONG = "WRONG"
    NOT_LOOKED = "NOT_LOOKED"


class Finding(Model):
    """One thing that was looked at.

    Attributes:
        subject: What: keys, clock, topics, disk …
        code: For machines; of what is fine, FINE.
        says: What was found, in words; no value of an alert, no secret.
        advice: What to do about it; empty where there is nothing to do.
    """

    weight: Weight
    subject: str
    code: str
    says: str
    advice: str = ""


class Report(Model):
    """A whole look.

    Attributes:
        verdict: The worst of the findings; what could not be looked at is no verdict.
    """

    version: str
    verdict: Literal["FINE", "SOON", "WRONG"]
    findings: tuple[Finding, ...]


def fine(subject: str, says: str) -> Finding:
    """Return that *subject* is as it should be."""
    return Finding(weight=Weight.FINE, subject=subject, code="FINE", says=says)


def wrong(subject: str, code: str, says: str, advice: str) -> Finding:
    """Return what is wrong with *subject* now."""
    return Finding(weight=Weight.WRONG, subject=subject, code=code, says=says, advice=advice)


def soon(subject: str, code: str, says: str, advice: str) -> Finding:
    """Return what will be wrong with *subject*, or is not yet as it should be."""
    return Finding(weight=Weight.SOON, subject=subject, code=code, says=says, advice=advice)


def not_looked(subject: str, code: str, says: str, advice: str = "") -> Finding:
    """Return that *subject* could not be looked at: that says neither good nor ill of it."""
    weight = Weight.NOT_LOOKED
    return Finding(weight=weight, subject=subject, code=code, says=says, advice=advice)


def report(version: str, findings: Iterable[Finding]) -> Report:
    """Return a whole look, the worst first."""
    order = (Weight.WRONG, Weight.SOON, Weight.NOT_LOOKED, Weight.FINE)
    found = tuple(sorted(findings, key=lambda each: order.index(each.weight)))
    weights = {each.weight for each in found}
    verdict: Literal["FINE", "SOON", "WRONG"] = "FINE"
    if Weight.WRONG in weights:
        verdict = "WRONG"
    elif Weight.SOON in weights:
        verdict = "SOON"
    return Report(version=version, verdict=verdict, findings=found)
