"""A release is read whole, as the record of one signed label, or it is refused."""

from uuid import uuid4

import pytest
from sealed import (
    OWN,
    flipped,
    keeper_with,
    opener,
    reason_of,
    shown,
)
from signing import release

from broker.model.release import ReleaseKind
from broker.pipeline.open_release import read_verified
from broker.testing import make_alert, make_recall
from broker.wire import codec
from broker.wire.alert_bytes import UUID_BYTES
from broker.wire.alert_codec import encode_alert
from broker.wire.sealing import ReleaseParts


def test_a_recipient_reads_no_release_that_stands_for_another_alert():
    # Alert id and revision stand before the label, too; only those in the label are signed.
    value = release()
    start = value.index(ReleaseParts(value).alert_id)
    keyless = opener(OWN, unwrapper=keeper_with())
    assert read_verified(value, keyless).sealed

    for place in (start, start + UUID_BYTES):
        refused = reason_of(read_verified, flipped(value, place * 8 + 2), keyless)
        assert refused[0] == "FIELD_INVALID"


def release_record(**fields) -> bytes:
    """Return the release with fields of its record changed, as who writes topics could."""
    record = codec.decode(release(), "release")
    return codec.encode("release", record | fields)


def test_content_without_a_label_is_not_read_as_if_it_were_signed():
    forged = codec.decode(encode_alert(make_alert(mark="FORGED")), "alert")["compartments"]
    bare = {"feed_key": None, "slot_keys": None, "label": None, "compartments": forged}

    for kind in ("RELEASE", "RECALL", "UNKNOWN"):
        refused = reason_of(read_verified, release_record(kind=kind, **bare), opener(OWN))
        assert refused[0] in {"FIELD_MISSING", "FIELD_INVALID", "CODE_UNKNOWN"}


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"kind": "UNKNOWN"}, ("CODE_UNKNOWN", "kind")),
        ({"kind": "RECALL"}, ("FIELD_INVALID", "label")),
        ({"label": None}, ("FIELD_MISSING", "label")),
        ({"compartments": None}, ("FIELD_MISSING", "compartments")),
        ({"signature": None}, ("SIGNATURE_MISSING", "signature")),
        ({"distribution_commitment": None}, ("SIGNATURE_MISSING", "signature")),
        ({"distribution_commitment": bytes(32)}, ("SIGNATURE_INVALID", "signature.value")),
    ],
)
def test_a_release_is_whole_or_refused(fields, refused):
    assert reason_of(read_verified, release_record(**fields), opener(OWN)) == refused


def test_a_recall_carries_nothing_and_is_read_as_it_is():
    recall = make_recall(uuid4(), 2).value

    view = read_verified(recall, opener(OWN))

    assert (view.kind, view.label, shown(view)) == (ReleaseKind.RECALL, None, 0)
