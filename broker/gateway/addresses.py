"""Network addresses as those are counted who have no credential."""

import ipaddress

#: The network of one IPv6 subscriber (RFC 6177): who has one has all of its addresses.
_IPV6_SITE = 64


def site_of(address: str) -> str:
    """Return what *address* is counted as: itself, or of IPv6 the subscriber's network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, _IPV6_SITE), strict=False))
    return address
