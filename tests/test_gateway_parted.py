"""11.1: nobody learns by an answer's length what another originator wrote (BREACH)."""

import gzip
import json
import zlib
from itertools import pairwise

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from broker.gateway.answers import answer
from broker.gateway.items import page_parts
from broker.gateway.parted import by_originator, compress_parts, size_class

SECRET = "SYNTHETIC: held in Room 4, Blue Lagoon Guesthouse, Nadi"
FRAMES = ["in Room 4, Blue Lagoon", "in Room 7, Coral Reef Inn"]


def page(guess):
    """A page that another unit's alert and the guesser's share."""
    items = [
        ("fiji-police", json.dumps({"headline": SECRET, "alert_id": "a" * 36}).encode()),
        ("made-up-unit", json.dumps({"headline": guess * 3, "alert_id": "b" * 36}).encode()),
    ]
    return page_parts("samoa-tcu-investigate", items, "behind", more=False)


def travelled(parts, accepted="gzip"):
    request = Request({"type": "http", "headers": [(b"accept-encoding", accepted.encode())]})
    return answer(request, parts)


def test_a_right_guess_is_as_long_as_a_wrong_one():
    # The two guesses cost the same by themselves, so that only the secret could tell them apart.
    right, wrong = "Blue Lagoon Guesthouse", "Glue Baloon Huesthouseg"[:22]
    alone = [len(compress_parts([guess.encode()])) for guess in (right, wrong)]
    assert alone[0] == alone[1]

    joined = [gzip.compress(b"".join(page(guess))) for guess in (right, wrong)]
    assert len(joined[0]) < len(joined[1])  # as it was
    assert len(compress_parts(page(right))) == len(compress_parts(page(wrong)))


@given(st.binary(max_size=400), st.binary(max_size=400), st.binary(max_size=400))
def test_the_length_of_a_part_depends_on_no_other(secret, guess, before):
    def grown(parts):
        stream = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        return [len(stream.compress(p) + stream.flush(zlib.Z_FULL_FLUSH)) for p in parts]

    together = grown([before, secret, guess])
    assert together[2] == grown([guess])[0]
    # And the product compresses so: what it adds to that is the head, the padding and the tail.
    whole = compress_parts([before, secret, guess])
    assert len(whole) == size_class(len(whole))


@given(st.lists(st.binary(max_size=3000), max_size=12))
def test_it_is_one_ordinary_gzip_stream(parts):
    packed = compress_parts(parts)
    whole = b"".join(parts)
    assert gzip.decompress(packed) == whole
    assert bytes(cramjam.gzip.decompress(packed)) == whole
    inflating = zlib.decompressobj(31)
    assert inflating.decompress(packed) == whole
    assert inflating.eof
    assert not inflating.unused_data


@given(st.integers(1, 10_000_000))
def test_sizes_are_few_and_at_most_an_eighth_larger(size):
    found = size_class(size)
    assert found >= size
    assert size_class(found) == found
    assert found <= max(512, size * 1.13 + 1)


def test_there_are_few_sizes():
    assert len({size_class(size) for size in range(1, 100_000)}) < 80


@pytest.mark.parametrize("accepted", ["zstd", "identity", "", "br", "gzip;q=0"])
def test_what_cannot_be_kept_apart_is_not_compressed(accepted):
    parts = page("x" * 400)
    sent = travelled(parts, accepted)
    assert "content-encoding" not in sent.headers
    assert sent.body == b"".join(parts)


def test_a_page_is_the_same_however_it_travels():
    parts = page("x" * 400)
    sent = travelled(parts, "zstd, gzip")
    assert sent.headers["content-encoding"] == "gzip"
    read = json.loads(gzip.decompress(sent.body))
    assert [item["headline"] for item in read["items"]] == [SECRET, "x" * 1200]


@given(st.lists(st.tuples(st.one_of(st.none(), st.sampled_from("ab")), st.binary(max_size=5))))
def test_parts_are_of_one_originator_and_lose_nothing(items):
    parts = by_originator(items)
    assert b"".join(parts) == b"".join(body for _, body in items)
    changes = sum(
        1 for before, after in pairwise(items)
        if before[0] != after[0] or after[0] is None
    )  # fmt: skip
    assert len(parts) == (changes + 1 if items else 0)
