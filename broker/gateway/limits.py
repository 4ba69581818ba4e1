"""Rate limits: so many requests in a moving window, for each identity.

Who has no credential that counts is limited by address, and more tightly. It is counted only
after the credential failed: a neighbour's failures never shut out who has a good one. Counts
are in memory, so each process has its own.
"""

from collections.abc import Sequence

from limits import RateLimitItem, parse_many

from broker.errors import SettingsInvalid
from broker.gateway.addresses import site_of, wider_site_of
from broker.gateway.moving_window import MovingWindow
from broker.gateway.problems import Problem
from broker.settings import Settings

#: Failed requests that one address may make. A person mistypes; a program that goes on is ill.
STRANGERS = "30/minute"
#: A wider network of IPv6 may fail so many times as often: one customer can have 65,536 sites.
_WIDER = 10
#: Names remembered at most, of each rate.
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
        self._callers = _windows(_rates(rate, "gateway_rate"))
        rates = _rates(strangers, "strangers")
        self._sites, self._wider = _windows(rates), _windows(rates, _WIDER)

    def count(self, identity: str) -> None:
        """Count a request of *identity*.

        Raises:
            Problem: 429, with the seconds to wait.
        """
        _count(self._callers, identity)

    def count_stranger(self, address: str) -> None:
        """Count a request from *address* whose credential is missing or does not count.

        Raises:
            Problem: 429, with the seconds to wait.
        """
        _count(self._sites, site_of(address))
        if wider := wider_site_of(address):
            _count(self._wider, wider)

    def refuse_stranger(self, address: str) -> None:
        """Refuse what comes from *address* if it has failed too often; count nothing.

        Raises:
            Problem: 429, with the seconds to wait.
        """
        _refuse([window.wait(site_of(address)) for window in self._sites])
        if wider := wider_site_of(address):
            _refuse([window.wait(wider) for window in self._wider])


def _windows(rates: list[RateLimitItem], times: int = 1) -> list[MovingWindow]:
    return [MovingWindow(r.amount * times, r.get_expiry(), _REMEMBERED) for r in rates]


def _count(windows: list[MovingWindow], name: str) -> None:
    for window in windows:
        _refuse([window.hit(name)])


def _refuse(waits: Sequence[float | None]) -> None:
    for wait in waits:
        if wait is not None:
            raise Problem(429, "RATE_LIMITED", retry_after=max(1.0, wait))


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
