"""Network addresses as those are counted who have no credential."""

import ipaddress

#: The network of one IPv6 subscriber (RFC 6177): who has one has all of its addresses.
_IPV6_SITE = 64
#: The network of a customer with many of them (RFC 6177).
_IPV6_CUSTOMER = 48


def site_of(address: str) -> str:
    """Return what *address* is counted as: itself, or of IPv6 the subscriber's network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, _IPV6_SITE), strict=False))
    return address


def wider_site_of(address: str) -> str | None:
    """Return the network of one customer that *address* is in, for IPv6; else None."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv4Address) or parsed.ipv4_mapped is not None:
        return None
    return str(ipaddress.ip_network((parsed, _IPV6_CUSTOMER), strict=False))


def plain_address(address: str) -> str:
    """Return *address*; of an IPv4 one that is written as IPv6 (RFC 4291 §2.5.5.2) the IPv4 one.

    A socket that listens on `::` names its IPv4 clients so.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped) if mapped is not None else address
