"""Rate limits: so many requests in a moving window, for each identity.

Who has no credential that counts is limited by address, and more tightly. It is counted only
after the credential failed: a neighbour's failures never shut out who has a good one. Counts
are in memory, so each process has its own.
"""

import time

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from broker.errors import SettingsInvalid
from broker.gateway.addresses import site_of
from broker.gateway.problems import Problem
from broker.settings import Settings

#: Failed requests that one address may make. A person mistypes; a program that goes on is ill.
STRANGERS = "30/minute"
#: Names remembered at most; beyond it those with nothing in their window are dropped.
_REMEMBERED = 10_000


class Limiter:
    """Counts requests and refuses those beyond the rate.

    Args:
        rate: Such as ``600/minute``; several are joined by ``;``, and all hold.
        strangers: The same, for each address without a credential that counts.

    Raises:
        SettingsInvalid: A rate cannot be read.
    """

    def __init__(self, rate: str, strangers: str = STRANGERS) -> None:
        self._rates = _rates(rate, "gateway_rate")
        self._stranger_rates = _rates(strangers, "strangers")
        self._storage = MemoryStorage()
        self._window = MovingWindowRateLimiter(self._storage)

    def count(self, identity: str) -> None:
        """Count a request of *identity*.

        Raises:
            Problem: 429, with the seconds to wait.
        """
        self._count(self._rates, "identity", identity)

    def count_stranger(self, address: str) -> None:
        """Count a request from *address* whose credential is missing or does not count.

        Raises:
            Problem: 429, with the seconds to wait.
        """
        self._forget_the_quiet()
        self._count(self._stranger_rates, "address", site_of(address))

    def _count(self, rates: list[RateLimitItem], kind: str, name: str) -> None:
        for rate in rates:
            if not self._window.hit(rate, kind, name):
                reset = self._window.get_window_stats(rate, kind, name).reset_time
                raise Problem(429, "RATE_LIMITED", retry_after=max(1.0, reset - time.time()))

    def _forget_the_quiet(self) -> None:
        # The storage keeps an empty list for every name that it ever saw.
        events = self._storage.events
        if len(events) > _REMEMBERED:
            for key in [key for key, kept in list(events.items()) if not kept]:
                self._storage.clear(key)


def make_limiter(settings: Settings) -> Limiter:
    """Return the limiter that the settings describe.

    Raises:
        SettingsInvalid: gateway_rate cannot be read.
    """
    return Limiter(settings.gateway_rate)


def _rates(text: str, name: str) -> list[RateLimitItem]:
    try:
        rates = parse_many(text)
    except ValueError:
        rates = []
    if not rates or any(rate.amount < 1 for rate in rates):
        raise SettingsInvalid(f"{name}: a rate is such as 600/minute")
    return rates
