"""A release that is not what its label says, or has none, is never taken for a verified one."""

import pytest
from fuzz import samples
from fuzz.keys import FEED, HELD

from broker.errors import Rejected
from broker.pipeline.accepted import read_accepted, statement_digest
from broker.pipeline.open_release import ReleaseOpener, read_verified
from broker.wire import codec

OPENER = ReleaseOpener(FEED, samples.register, HELD)


def changed(name, **fields):
    record = codec.decode(samples.sealed_releases()[name], "release")
    return codec.encode("release", record | fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "UNKNOWN"}, "CODE_UNKNOWN at kind"),
        ({"kind": "RECALL"}, "FIELD_INVALID at label"),
        ({"label": None}, "FIELD_MISSING at label"),
        ({"compartments": None}, "FIELD_MISSING at compartments"),
        ({"revision": -1}, "FIELD_INVALID at revision"),
        ({"revision": 2}, "FIELD_INVALID at revision"),
        ({"alert_id": bytes(16)}, "FIELD_INVALID at alert_id"),
    ],
)
@pytest.mark.parametrize("name", ["full", "small", "red"])
def test_a_release_says_what_its_label_says(name, fields, said):
    with pytest.raises(Rejected) as refused:
        read_verified(changed(name, **fields), OPENER)
    assert str(refused.value) == said


def test_as_route_wrote_it_it_opens():
    assert read_verified(changed("full"), OPENER).compartments.summary is not None


@pytest.mark.parametrize("statement", [None, b"", bytes(63), bytes(65)])
def test_a_statement_header_is_whole_or_the_record_is_no_alert(statement):
    headers = (("lali-intake", b"0:1"), ("lali-statement", statement))
    record = samples.consumer_record(samples.plain_alerts()["small"], headers)

    assert statement_digest(record) is None
    with pytest.raises(Rejected, match="NOT_ACCEPTED"):
        read_accepted(record)
