"""Client certificates that should not count, shown directly and forwarded by a listed proxy."""

from urllib.parse import quote

from client_paths import UNIT, pem
from cryptography.hazmat.primitives import serialization

from attack.asking import HOST
from attack.site import PROXY
from attack.trying import attack, held
from broker.certificates import Pair

WHO = "/v1/feeds"


def forwarded(site, chain, proxy, more=None):
    """Ask as the proxy that shows *proxy* and says that a client showed *chain*."""
    told = f'Cert="{quote(chain[0], safe="")}"'
    if len(chain) > 1:
        told += f';Chain="{quote("".join(chain), safe="")}"'
    headers = {"X-Forwarded-Client-Cert": told, **(more or {})}
    return site.ask("GET", WHO, headers=headers, source=PROXY, pair=proxy).status


def _good(site):
    return [site.ca.issue_client(UNIT).certificate.read_text()]


@attack(6, "certificates of weak paths, directly and forwarded", "refused both ways", quick=True)
def weak_client_certificates(site):
    good = forwarded(site, _good(site), site.proxy)
    taken = []
    for kind, (_, middle, (certificate, key)) in site.weak.items():
        chain = [certificate, *(each.certificate for each in middle)]
        texts = [pem(each).decode() for each in chain]
        for way, status in (
            ("forwarded", forwarded(site, texts, site.proxy)),
            ("directly", _shown(site, chain, key)),
        ):
            if status not in (401, 0):  # 0: the handshake itself ended
                taken.append(f"{kind} {way}: {status}")
    return held(
        good == 200 and not taken,
        f"a good one: {good}; taken of {len(site.weak)} weak ones, both ways: {taken or 'none'}",
    )


def _shown(site, chain, key):
    pair = Pair(site.folder / "weak.pem", site.folder / "weak.key")
    pair.certificate.write_bytes(pem(*chain))
    pair.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = site.client_context()
    context.set_ciphers("ALL:@SECLEVEL=0")  # this client would even show a weak key
    context.load_cert_chain(pair.certificate, pair.key)
    try:
        with context.wrap_socket(site.plain(), server_hostname=HOST) as connection:
            lines = f"GET {WHO} HTTP/1.1\r\nHost: {HOST}:{site.port}\r\nConnection: close\r\n\r\n"
            connection.sendall(lines.encode())
            first = connection.recv(1 << 12)
            return int(first.split(b" ")[1]) if first else 0
    except OSError:
        return 0


@attack(7, "forwarding as a proxy that was refused, and as none", "believed in nothing", quick=True)
def a_refused_proxy(site):
    good = _good(site)
    seen = {
        "listed": forwarded(site, good, site.proxy),
        "refused": forwarded(site, good, site.refused_proxy),
        "without a certificate": forwarded(site, good, None),
    }
    claims = [
        forwarded(site, good, site.refused_proxy, {"X-Forwarded-For": f"198.51.100.{number}"})
        for number in range(40)
    ]
    return held(
        list(seen.values()) == [200, 401, 401] and 429 in claims and 200 not in claims,
        ", ".join(f"{n}: {s}" for n, s in seen.items())
        + f"; 40 addresses claimed: 429 × {claims.count(429)}",
    )
