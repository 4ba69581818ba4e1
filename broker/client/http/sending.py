"""Send alerts to a gateway until it has each of them, or refuses it, or patience ends."""

from collections.abc import Sequence

from broker.client.http.batches import Outcome, ask_of, outcomes_of
from broker.client.http.link import GatewayLink
from broker.client.http.retrying import Patience
from broker.client.payload import Payload
from broker.errors import GatewayRefused, GatewayUnavailable, KafkaUnavailable, Rejected


class Sending:
    """Sends batches, one behind the other."""

    def __init__(self, link: GatewayLink) -> None:
        self._link = link

    async def send(self, payloads: Sequence[Payload], patience: Patience) -> list[Outcome]:
        """Return what became of each of *payloads*, in their order; raises nothing for them.

        What the gateway has is not sent again. A batch that it refuses as a whole is halved,
        so that one alert stops no other.
        """
        found: dict[int, Outcome] = {}
        try:
            await patience.of(lambda: self._once(payloads, found))
        except Rejected as rejected:
            await self._halves(payloads, found, rejected, patience)
        except KafkaUnavailable as error:
            return [found.get(index, error) for index in range(len(payloads))]
        return [found[index] for index in range(len(payloads))]

    async def _once(self, payloads: Sequence[Payload], found: dict[int, Outcome]) -> None:
        """Send what is not settled; note in *found* what is settled by the answer."""
        open_ones = [index for index in range(len(payloads)) if index not in found]
        sent = [payloads[index] for index in open_ones]
        answer = await self._link.once(ask_of(sent))
        missed: GatewayUnavailable | None = None
        for index, outcome in zip(open_ones, outcomes_of(sent, answer), strict=True):
            if isinstance(outcome, GatewayUnavailable):
                missed = outcome
            else:
                found[index] = outcome
        if missed is not None:
            raise missed

    async def _halves(
        self,
        payloads: Sequence[Payload],
        found: dict[int, Outcome],
        rejected: Rejected,
        patience: Patience,
    ) -> None:
        open_ones = [index for index in range(len(payloads)) if index not in found]
        if len(open_ones) == 1:
            found[open_ones[0]] = rejected
            return
        middle = len(open_ones) // 2
        for half in (open_ones[:middle], open_ones[middle:]):
            outcomes = await self.send([payloads[index] for index in half], patience)
            found.update(zip(half, outcomes, strict=True))


def is_passing(outcome: Outcome) -> bool:
    """Whether the alert may be taken later."""
    return isinstance(outcome, KafkaUnavailable) and not isinstance(outcome, GatewayRefused)
