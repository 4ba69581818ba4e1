"""Lengths of TLS traffic, as whoever shares a page with another unit's secret sees them."""

import contextlib
import gzip
import re
import socket
import ssl

from attack.asking import HOST
from attack.site import FEED, ORIGINATOR, READER, until
from attack.trying import NotRun, attack, held

OTHER = "fiji-police"
SECRET = "SYNTHETIC: held in Room 4, Blue Lagoon Guesthouse, Nadi"
#: As long as one another, and equally hard to compress by themselves.
RIGHT, WRONG = "in Room 4, Blue Lagoon Guesthouse", "by Room 9, Coral Harbour Reef Inn"
_ROUNDS = 4


@attack(
    1, "guesses beside another unit's summary, by the length of TLS", "right is as long as wrong"
)
def lengths_of_compressed_pages(site):
    seen, joined = {RIGHT: [], WRONG: []}, {RIGHT: [], WRONG: []}
    for _ in range(_ROUNDS):
        for guess in (RIGHT, WRONG):
            start = _page(site, "")[0]["next"]
            for originator, text in ((OTHER, SECRET), (ORIGINATOR, guess * 3)):
                _published(site, originator, text, start)
            page, length = _page(site, start)
            seen[guess].append(length)
            headlines = (each["compartments"]["summary"]["headline"] for each in page["items"])
            joined[guess].append(len(gzip.compress("\n".join(headlines).encode())))
    if max(joined[RIGHT]) >= min(joined[WRONG]):
        raise NotRun("the guesses would not be told apart if all were compressed together")
    right, wrong = sorted(seen[RIGHT]), sorted(seen[WRONG])
    apart = right[-1] < wrong[0] or wrong[-1] < right[0]
    return held(not apart, f"bytes of TLS, right guess {right}, wrong {wrong}")


def _published(site, originator, text, start):
    before = len(_page(site, start)[0]["items"])
    site.publish(originator, text)
    if not until(lambda: len(_page(site, start)[0]["items"]) > before):
        raise NotRun(f"what {originator} publishes does not reach {FEED}")


def _page(site, cursor):
    """Return a page, read without compression, and the bytes of TLS of it, compressed."""
    path = f"/v1/feeds/{FEED}?limit=500" + (f"&cursor={cursor}" if cursor else "")
    plain = site.ask("GET", path, headers=site.headers(READER)).json()
    gzipped = {**site.headers(READER), "Accept-Encoding": "gzip"}
    return plain, _ciphertext(site, path, gzipped)


def _ciphertext(site, path, headers):
    """Return how many bytes come back after the handshake, as who listens counts them."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = site.client_context().wrap_bio(incoming, outgoing, server_hostname=HOST)
    lines = {"Host": f"{HOST}:{site.port}", "Connection": "close", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    with site.plain() as wire:
        _finished(tls.do_handshake, wire, incoming, outgoing)
        tls.write(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        wire.sendall(outgoing.read())
        return _one_answer(wire, tls, incoming)


def _finished(step, wire: socket.socket, incoming, outgoing):
    while True:
        try:
            step()
        except ssl.SSLWantReadError:
            wire.sendall(outgoing.read())
            incoming.write(wire.recv(1 << 16))
        else:
            return wire.sendall(outgoing.read())


def _one_answer(wire, tls, incoming):
    """Return how many bytes of TLS come until an answer is whole."""
    length, plain = 0, b""
    while not _is_whole(plain):
        part = wire.recv(1 << 16)
        if not part:
            raise ConnectionError("the answer broke off")
        length += len(part)
        incoming.write(part)
        with contextlib.suppress(ssl.SSLWantReadError):
            while more := tls.read(1 << 16):
                plain += more
    return length


def _is_whole(plain):
    head, separator, body = plain.partition(b"\r\n\r\n")
    told = re.search(rb"content-length: (\d+)", head.lower())
    return bool(separator) and len(body) >= int(told[1])
