"""A scenario: days of alerts, revisions, repetitions and poison, as steps in order of time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from broker.model.alert import Alert
from broker.model.codes import Status
from broker.model.reason import Reason
from broker.simulate.cast import Cast, Community
from broker.simulate.chance import chance, rota
from broker.simulate.lives import LIVES, Beat, Expectation, live
from broker.simulate.poison import POISONS, SEALED_POISONS, Seal, key_of, unsealed
from broker.simulate.sketch import Story
from broker.simulate.stories import STORIES, WITH_VICTIMS
from broker.simulate.telling import Case, Telling, secret_of, tell, to_bytes

#: One poisoned input for so many alerts, and at least one of each kind in a long scenario.
_ALERTS_PER_POISON = 8
_LONG = 40

_SPECIALS = {"": 18, "exercise": 2, "test": 1, "embargoed": 1, "expired": 1}
_FOLLOW_UP_DAYS = 5
_AFTERWARDS = timedelta(days=60)

#: Signs and seals the plain form of an alert for its originator, by 32 secret bytes.
SealWith = Callable[[Alert, bytes, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that an originator sends, and what the broker must make of it.

    Attributes:
        at: When it is sent.
        kind: What it is: new, update, narrow, cancel, again, conflict, or a kind of poison.
        originator: The unit whose intake topic it goes to.
        key: Kafka key.
        value: Kafka value; None is a null record.
        expectation: Accepted, recognised as a duplicate, or quarantined.
        reason: Why quarantined.
        alert: The alert whose text is in it; for poison, what it was before it was spoilt.
    """

    at: datetime
    kind: str
    originator: str
    key: bytes | None
    value: bytes | None
    expectation: Expectation
    reason: Reason | None
    alert: Alert


class Scenario:
    """Days in a region, told step by step; the same arguments give the same bytes.

    Args:
        seed: Names the scenario.
        alerts: How many different alerts are published; repetitions, later revisions and
            poison come on top.
        community: Whose units publish and receive.
        start: When it begins. For expectations to hold, the scenario must lie in the past of
            whoever accepts it, and by less than eighty days: see `past_start`.
        days: How many days first revisions are spread over; later ones may follow after.
        seal: Signs and seals each alert for its originator, given the alert, its plain form
            and 32 secret bytes; by default nothing is sealed.

    Example:
        for step in Scenario(seed=7, alerts=40, community=bundle.community, start=monday):
            await send(step.originator, step.key, step.value)
    """

    def __init__(
        self,
        *,
        seed: int,
        alerts: int,
        community: Community,
        start: datetime,
        days: int = 3,
        seal: SealWith | None = None,
    ) -> None:
        self._seed = seed
        self._alerts = alerts
        self._cast = Cast.of(community)
        self._start = start
        self._days = days
        self._seal = seal
        self._poisons = POISONS | (SEALED_POISONS if seal else {})

    def __iter__(self) -> Iterator[Step]:
        """Yield the steps in order of time; each is made when it is asked for."""
        planned = [*self._lives(), *self._poison()]
        planned.sort(key=lambda plan: plan[0])
        for _, _, make in planned:
            yield make()

    def _lives(self) -> Iterator["_Planned"]:
        random = chance(self._seed, "lives")
        stories = rota(random, STORIES, self._alerts)
        lives = rota(random, LIVES, self._alerts)
        specials = rota(random, _SPECIALS, self._alerts)
        for number in range(self._alerts):
            case = self._case(f"{self._seed}/{number}", stories[number], specials[number])
            acts = ("new",) if case.expired_at else lives[number]
            for order, beat in enumerate(live(acts, random, case.first_at)):
                yield beat.at, (number, order), partial(self._step, case, _as_is(case, beat))

    def _poison(self) -> Iterator["_Planned"]:
        random = chance(self._seed, "poison")
        count = self._alerts // _ALERTS_PER_POISON
        poisons = self._poisons
        count = max(count, len(poisons)) if self._alerts >= _LONG else count
        for number, name in enumerate(rota(random, dict.fromkeys(poisons, 1), count)):
            story = WITH_VICTIMS[number % len(WITH_VICTIMS)]
            case = self._case(f"{self._seed}/poison/{number}", story)
            yield case.first_at, (-1, number), partial(self._poisoned, case, name)

    def _case(self, seed: str, story: Story, special: str = "") -> Case:
        minutes = chance(seed, "at").randrange(self._days * 24 * 60)
        status = {"exercise": Status.EXERCISE, "test": Status.TEST}.get(special, Status.ACTUAL)
        after = self._start + timedelta(days=self._days) + _AFTERWARDS
        return Case(
            seed,
            story,
            self._start + timedelta(minutes=minutes),
            status,
            after if special == "embargoed" else None,
            self._start - timedelta(days=1) if special == "expired" else None,
        )

    def _step(self, case: Case, beat: Beat) -> Step:
        alert = tell(case, beat.telling, self._cast)
        value = self._sealing(case, beat.telling)(alert, to_bytes(case, beat.telling, alert))
        origin = alert.label.originator
        expected = beat.expectation, beat.reason
        return Step(beat.at, beat.kind, origin, key_of(alert), value, *expected, alert)

    def _poisoned(self, case: Case, name: str) -> Step:
        telling = Telling(1, case.first_at)
        alert = tell(case, telling, self._cast)
        seal = self._sealing(case, telling)
        spoilt = self._poisons[name](alert, to_bytes(case, telling, alert), seal)
        origin = alert.label.originator
        expected = Expectation.QUARANTINED, spoilt.reason
        return Step(case.first_at, name, origin, spoilt.key, spoilt.value, *expected, alert)

    def _sealing(self, case: Case, telling: Telling) -> Seal:
        seal = self._seal
        if seal is None:
            return unsealed
        secret = secret_of(case, telling)
        return lambda alert, plain: seal(alert, plain, secret)


def past_start(now: datetime, days: int) -> datetime:
    """Return the midnight from which a scenario of *days* lies wholly before *now*."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days + _FOLLOW_UP_DAYS)


_Planned = tuple[datetime, tuple[int, int], "partial[Step]"]


def _as_is(case: Case, beat: Beat) -> Beat:
    if case.expired_at is None:
        return beat
    expired = {"expectation": Expectation.QUARANTINED, "reason": Reason.EXPIRED_ON_ARRIVAL}
    return replace(beat, **expired)  # type: ignore[arg-type]
