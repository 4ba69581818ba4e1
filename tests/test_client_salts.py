"""Salts follow from a key of the unit's own and from the alert, and none is used twice in it."""

from pathlib import Path

import pytest

from broker.client.salts import derived_salts, kept_key
from broker.errors import SettingsInvalid
from broker.testing import alert_id_of, make_alert


def test_salts_depend_on_the_key_and_on_everything_in_the_alert():
    alert, other = make_alert(alert_id=alert_id_of(1)), make_alert(alert_id=alert_id_of(2))
    changed = make_alert(alert_id=alert_id_of(1), mark="OTHER")

    def first(key, alert):
        return derived_salts(key, alert)()

    key = b"k" * 32
    assert first(key, alert) == first(key, alert)
    assert len({first(key, alert), first(key, other), first(key, changed)}) == 3
    assert first(b"l" * 32, alert) != first(key, alert)


def test_no_salt_is_used_twice_within_an_alert():
    salts = derived_salts(b"k" * 32, make_alert())

    assert len({salts() for _ in range(12)}) == 12


def test_a_key_is_made_once_and_kept_for_its_owner_only(tmp_path: Path):
    path = tmp_path / "keys" / "unit.key"

    key = kept_key(path)

    assert len(key) == 32
    assert kept_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_damaged_key_is_refused(tmp_path: Path):
    (tmp_path / "unit.key").write_bytes(b"short")

    with pytest.raises(SettingsInvalid):
        kept_key(tmp_path / "unit.key")
