"""What an attack is, and what came of it."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

HELD, NOT_HELD, NOT_RUN = "held", "NOT held", "not run"


class NotHeld(Exception):
    """The site did not hold; the text says what was seen, without any value of its."""


class NotRun(Exception):
    """The attack could not be done here; the text says why."""


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        number: As docs/security.md has it, 1 to 24.
        tried: What is tried, in a few words.
        must: What must hold.
        quick: Whether it is in the selection of the suite.
        last: Whether it stops the site, so that nothing runs after it.
    """

    name: str
    number: int
    tried: str
    must: str
    run: Callable[..., str]
    quick: bool
    last: bool


@dataclass(frozen=True)
class Outcome:
    """What came of one attack."""

    attack: str
    number: int
    tried: str
    must: str
    outcome: str
    evidence: str
    seconds: float


#: Every attack that was defined, in the order of the modules.
ATTACKS: list[Attack] = []


def attack(number, tried, must, *, quick=False, last=False):
    """Make an attack of a function of the site."""

    def made(function):
        name = function.__name__.replace("_", " ")
        ATTACKS.append(Attack(name, number, tried, must, function, quick, last))
        return function

    return made


def held(condition, evidence):
    """Return *evidence* where *condition* is so.

    Raises:
        NotHeld: It is not.
    """
    if not condition:
        raise NotHeld(evidence)
    return evidence


def try_one(each: Attack, site) -> Outcome:
    """Do one attack to *site*."""
    began = time.monotonic()
    try:
        outcome, evidence = HELD, each.run(site)
    except NotHeld as seen:
        outcome, evidence = NOT_HELD, str(seen)
    except NotRun as why:
        outcome, evidence = NOT_RUN, str(why)
    except Exception as error:
        outcome, evidence = NOT_HELD, f"nothing was shown: {type(error).__name__}: {error}"[:160]
    seconds = round(time.monotonic() - began, 1)
    return Outcome(each.name, each.number, each.tried, each.must, outcome, evidence, seconds)


def in_order(attacks: Iterable[Attack]) -> list[Attack]:
    """Return *attacks* by number, those that stop the site last."""
    return sorted(attacks, key=lambda each: (each.last, each.number, each.name))


def whole_of(outcomes: Iterable[Outcome], seconds: float) -> dict[str, object]:
    """Return all of it as one object."""
    rows = [asdict(each) for each in outcomes]
    counts = {kind: sum(row["outcome"] == kind for row in rows) for kind in (HELD, NOT_HELD)}
    return {
        "attacks": rows,
        "held": counts[HELD],
        "not_held": counts[NOT_HELD],
        "not_run": len(rows) - sum(counts.values()),
        "seconds": round(seconds, 1),
    }
