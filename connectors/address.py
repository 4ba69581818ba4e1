"""Which network addresses a connector may reach: public ones, unless settings say more.

Checked on the address that is connected to, not on the name, so that a name which changes
its answer cannot lead a connector to this machine, a neighbour, or a metadata service.
"""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: RFC 6052: an IPv4 address in the last four bytes.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
#: Metadata services of clouds that sit in private ranges; the others are link-local.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200")))


class PublicOnlyResolver(AbstractResolver):
    """Resolves names, and keeps only the addresses that may be reached.

    Raises:
        OSError: From `resolve`, where no address is left.
    """

    def __init__(self, *, allow_loopback: bool = False, allow_private: bool = False) -> None:
        self._inner = ThreadedResolver()
        self._allow_loopback = allow_loopback
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of *host* that may be reached."""
        found = await self._inner.resolve(host, port, family)
        allowed = [result for result in found if self._may_reach(result["host"])]
        if not allowed:
            raise OSError("ADDRESS_NOT_ALLOWED")
        return allowed

    async def close(self) -> None:
        """Close the resolver."""
        await self._inner.close()

    def _may_reach(self, host: str) -> bool:
        return may_reach(
            host, allow_loopback=self._allow_loopback, allow_private=self._allow_private
        )


def socket_guard(
    *, allow_loopback: bool = False, allow_private: bool = False
) -> Callable[[tuple[Any, ...]], socket.socket]:
    """Return what makes a socket for one answer of `getaddrinfo`, about to be connected to.

    Args:
        allow_loopback: This machine may be reached.
        allow_private: Private networks may be reached.

    Raises:
        OSError: From what is returned: ADDRESS_NOT_ALLOWED, however it came to be meant.
    """

    def make(found: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = found
        if not may_reach(address[0], allow_loopback=allow_loopback, allow_private=allow_private):
            raise OSError("ADDRESS_NOT_ALLOWED")
        return socket.socket(family, kind, protocol)

    return make


def host_of(url: str) -> str:
    """Return the host that a client connects to for *url*: normalised, as IDNA writes it.

    `１２７.0.0.1` and `①②⑦.0.0.1` are this machine (RFC 3986 §3.2.2, UTS 46).

    Raises:
        ValueError: There is none, or it cannot be written so.
    """
    host = yarl.URL(url).raw_host
    if not host:
        raise ValueError("ADDRESS_INVALID")
    return host


def may_reach(host: str, *, allow_loopback: bool = False, allow_private: bool = False) -> bool:
    """Whether the address *host* may be connected to.

    An IPv6 address that stands for an IPv4 one is judged as that one.
    """
    address = _meant(ipaddress.ip_address(host.partition("%")[0]))
    if address.is_loopback:
        return allow_loopback
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    if address.is_reserved or address in _METADATA:
        return False
    return address.is_global or allow_private


def literal_address(host: str) -> str | None:
    """Return *host* if it is an address and no name: then no resolver is ever asked."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return None


def _meant(address: _Address) -> _Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def is_loopback(host: str) -> bool:
    """Whether *host* is written as a loopback address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
