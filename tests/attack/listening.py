"""A second gateway of the site that listens on IPv6 for both."""

import socket

from client_paths import UNIT

from attack.asking import Target
from attack.certificates import WHO, forwarded
from attack.site import PROXY, until
from attack.trying import NotRun, attack, held


class _Other(Target):
    """The other gateway, by IPv4."""

    def __init__(self, site, port):
        self.ca_file, self.port = site.ca_file, port

    def is_ready(self):
        """Whether it answers at all."""
        try:
            return self.ask("GET", "/readyz").status == 200
        except OSError:
            return False


@attack(18, "a proxy and a stranger by IPv4, to a gateway on ::", "the proxy alone is believed")
def proxies_where_ipv6_is_listened_on(site):
    with socket.socket(socket.AF_INET6) as found:
        try:
            found.bind(("::", 0))
        except OSError:
            raise NotRun("this machine has no IPv6") from None
        port = found.getsockname()[1]
    other = _Other(site, port)
    with site.beside("gateway", LALI_GATEWAY_HOST="::", LALI_GATEWAY_PORT=port) as process:
        if not until(other.is_ready, 60):
            raise NotRun(f"the other gateway does not come up: {process.said()[-80:]}")
        good = [site.ca.issue_client(UNIT).certificate.read_text()]
        proxy = forwarded(other, good, site.proxy)
        stranger = other.ask(
            "GET", WHO, pair=site.proxy,
            headers={"X-Forwarded-Client-Cert": 'Cert="x"', "X-Forwarded-For": PROXY},
        ).status  # fmt: skip
    return held(
        (proxy, stranger) == (200, 401),
        f"listed proxy: {proxy}; its certificate from elsewhere: {stranger}",
    )
