"""Alerts and releases that the seeds are made of: the same bytes whenever they are made."""

import hashlib
from datetime import timedelta

from fuzz.harness import MARK
from fuzz.keys import FEED, HELD, NAMED, NOW, REGISTER, UNIT, vault

from broker.model.compartment import ALL_COMPARTMENTS
from broker.pipeline.accepted import intake_header, read_accepted, statement_header
from broker.pipeline.project import Projector, encode_moment
from broker.pipeline.seal import OriginatorSeal
from broker.pipeline.seal_release import ReleaseSealer
from broker.pipeline.unseal import Unsealer
from broker.protect.release_seal import new_release_key
from broker.protect.vault import Row
from broker.testing import NOON, alert_id_of, make_alert, make_recall
from broker.wire.alert_bytes import read_attributes
from broker.wire.alert_codec import encode_alert
from broker.wire.consumer import ConsumerRecord
from broker.wire.release_bytes import encode_acknowledge

ALL = ALL_COMPARTMENTS
SECRET = hashlib.sha256(b"fuzz secret").digest()
MOMENT = encode_moment(int(NOON.timestamp() * 1000))


def register():
    return REGISTER


def alerts():
    """Return readable alerts, full and small, for many and for named recipients only."""
    full = make_alert(mark=MARK, alert_id=alert_id_of(1), originator=UNIT)
    small = make_alert(compartments={}, alert_id=alert_id_of(2), originator=UNIT)
    named = {"named_recipients": [NAMED], "legal_basis": "OTHER"}
    red = make_alert(
        mark=MARK, alert_id=alert_id_of(3), originator=UNIT, tlp="RED", distribution=named
    )
    return {"full": full, "small": small, "red": red}


def plain_alerts():
    return {name: encode_alert(alert, salts=lambda: bytes(32)) for name, alert in alerts().items()}


def sealed_alerts():
    sealer = OriginatorSeal(UNIT, register, HELD, lambda: NOW)
    plain = plain_alerts()
    return {name: sealer.seal(plain[name], alert, SECRET) for name, alert in alerts().items()}


def plain_releases():
    found = {name: _projector(value).project(ALL, encode_acknowledge(None)).value
             for name, value in plain_alerts().items()}  # fmt: skip
    found["part"] = _projector(plain_alerts()["full"]).project(5, encode_acknowledge(60)).value
    found["recall"] = make_recall(alert_id_of(1), 2).value
    return found


def sealed_releases():
    kept = vault()
    unsealer = Unsealer(register, HELD, kept, lambda: NOW)
    return {name: _sealed(unsealer.open(value, UNIT), kept)
            for name, value in sealed_alerts().items()}  # fmt: skip


def _sealed(unsealed, kept):
    statement = unsealed.statement
    headers = (
        intake_header(0, 1),
        statement_header(statement.digest, statement.distribution_commitment),
    )
    record = consumer_record(unsealed.forwarded, headers)
    accepted = read_accepted(record)
    projector = _projector(accepted.value)
    sealer = ReleaseSealer(register, kept, {FEED: NAMED})
    if unsealed.alert_key is None:
        closing = sealer.end_to_end(accepted, FEED)
        return projector.project(ALL, encode_acknowledge(None), closing).value
    end = int((NOW + timedelta(days=9)).timestamp() * 1000)
    kept.keep([Row(statement.digest, unsealed.alert_id, unsealed.alert_key, end)])
    sealer.expect([record], int(NOW.timestamp() * 1000))
    sealed = sealer.sealed(accepted, projector.slots_end)
    key = new_release_key()
    value = projector.project(ALL, encode_acknowledge(None), sealed.closing(ALL, key)).value
    (own,) = sealer.ends(sealed, [FEED], key)
    return value[: -len(own)] + own


def _projector(value):
    from broker.wire.alert_bytes import read_head

    _, revision, _, start = read_head(value)
    _, label_end, slots_at = read_attributes(value, start)
    return Projector(value, revision, label_end, slots_at, MOMENT)


def consumer_record(value, headers, key=b"key"):
    return ConsumerRecord("alerts", 0, 0, 0, 0, key, value, None, 0, 0, tuple(headers))
