"""What one partition's router did, for Prometheus: noted alert by alert, counted at commit."""

from collections import Counter
from collections.abc import Sequence

from broker.metrics.flow import Routed
from broker.model.decision import Verdict
from broker.model.reason import Reason
from broker.pipeline.known import Decided, Known


class RouteTally:
    """Notes cost a list's append; what they mean is worked out once a transaction."""

    def __init__(self) -> None:
        self._firsts: list[tuple[Known, Decided]] = []
        self._later: list[tuple[Known, Decided, Sequence[str], Sequence[str], bool]] = []
        self._duplicates: list[str] = []
        self._quarantined: list[str] = []

    def first(self, known: Known, decided: Decided) -> None:
        """Note a first revision: whoever may have it received it."""
        self._firsts.append((known, decided))

    def later(
        self, known: Known, decided: Decided, released: Sequence[str], recalled: Sequence[str],
        *, cancels: bool,
    ) -> None:  # fmt: skip
        """Note an update or a cancel, with the feeds that received it or its recall."""
        self._later.append((known, decided, released, recalled, cancels))

    def duplicate(self, originator: str) -> None:
        """Note a revision that was published once more."""
        self._duplicates.append(originator)

    def quarantined(self, reason: Reason) -> None:
        """Note an original that was set aside."""
        self._quarantined.append(reason.value)

    def forget(self) -> None:
        """Drop what is noted: its transaction did not come to pass."""
        for noted in (self._firsts, self._later, self._duplicates, self._quarantined):
            noted.clear()

    def count(self) -> None:
        """Count what is noted: its transaction is committed."""
        routed = Routed()
        routed.duplicates.update(self._duplicates)
        routed.quarantined.update(self._quarantined)
        self._count_firsts(routed)
        for known, decided, released, recalled, cancels in self._later:
            routed.accepted[known.originator] += 1
            _count_decisions(routed, decided, 1, cancels=cancels)
            routed.releases.update(released)
            routed.recalls.update(recalled)
        self.forget()
        routed.count()

    def _count_firsts(self, routed: Routed) -> None:
        """Alerts of one label share what was decided, so each such group is looked at once."""
        groups = {id(decided): (known, decided) for known, decided in self._firsts}
        times = Counter([id(decided) for _, decided in self._firsts])
        for name, (known, decided) in groups.items():
            count = times[name]
            routed.accepted[known.originator] += count
            cancels = known.cancels
            _count_decisions(routed, decided, count, cancels=cancels)
            for audience in () if cancels else decided.audiences:
                for feed in audience.feeds:
                    routed.releases[feed] += count


def _count_decisions(routed: Routed, decided: Decided, count: int, *, cancels: bool) -> None:
    for group in decided.plan.groups:
        number = count * len(group.recipients)
        if cancels:  # whatever policy says of its label, a cancel is released to nobody
            routed.withheld[Reason.CANCELLED.value] += number
        elif group.outcome.verdict is Verdict.RELEASE:
            routed.released += number
        else:
            reason = group.outcome.reason or Reason.UNEXPECTED
            routed.withheld[reason.value] += number
