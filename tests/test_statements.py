"""Statements: the same publication is the same statement, and other content is another."""

from sealed import (
    an_alert,
    open_alert,
    protection,
)

from broker.client.salts import derived_salts, derived_secret
from broker.protect.statement import Statement
from broker.wire.alert_codec import encode_alert


def test_the_same_publication_is_one_statement_and_other_content_is_another():
    key = bytes(range(32))
    alert = an_alert()
    same = [_deterministic(key, alert) for _ in range(2)]
    other = _deterministic(key, an_alert(alert_id=alert.label.alert_id, mark="OTHER"))
    elsewhere = _deterministic(bytes(32), alert)

    assert same[0] != same[1]  # HPKE wraps at random
    assert _statement(same[0]) == _statement(same[1])
    assert len({_statement(v).digest for v in (same[0], other, elsewhere)}) == 3


def _deterministic(key: bytes, alert) -> bytes:
    plain = encode_alert(alert, salts=derived_salts(key, alert))
    return protection().seal(alert, plain, derived_secret(key, alert))


def _statement(value: bytes) -> Statement:
    return open_alert(value).statement


def test_the_secret_of_an_alert_follows_from_all_of_it_and_from_the_key():
    alert = an_alert()
    later = alert.model_copy(update={"label": alert.label.model_copy(update={"revision": 2})})
    secrets = {
        derived_secret(bytes(32), alert),
        derived_secret(bytes(31) + b"\x01", alert),
        derived_secret(bytes(32), later),
    }

    assert derived_secret(bytes(32), alert) == derived_secret(bytes(32), alert)
    assert len(secrets) == 3
