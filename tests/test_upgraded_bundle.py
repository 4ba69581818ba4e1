"""After an upgrade that changes the bundle a site says what to do before it starts anything."""

import shutil
import sys

import pytest

import broker.cli
import broker.cli.up as up_module
from broker.errors import SettingsInvalid
from broker.keys import agree_to_shipped, init_keys
from broker.policy.bundle import load_bundle
from broker.protect.change import ChangeKind
from broker.protect.development import agree
from broker.protect.key_folder import KeyFolder
from broker.settings import Settings

BEFORE = "ab" * 32


class NeverStarts:
    """A Kafka that must not be started."""

    def __init__(self, *_, **__):
        self.started = False

    def __enter__(self):
        raise AssertionError("Kafka was started")


@pytest.fixture
def upgraded(tmp_path):
    """A site whose bundle in force is the one of a version before."""
    settings = Settings(data_folder=tmp_path / ".lali", protection="required")
    init_keys(settings)
    agree(KeyFolder(settings.key_folder()), ChangeKind.BUNDLE, BEFORE)
    return settings


def test_12_9_a_site_for_development_agrees_to_what_came_with_the_version(upgraded):
    digest = load_bundle(upgraded.bundle).digest

    assert agree_to_shipped(upgraded) == digest.hex()
    KeyFolder(upgraded.key_folder()).require_bundle(digest)
    assert agree_to_shipped(upgraded) is None


@pytest.mark.parametrize("why", ["real", "own bundle"])
def test_12_9_whoever_must_agree_themselves_is_told_both_commands_whole(upgraded, why, tmp_path):
    if why == "real":
        (upgraded.key_folder() / "officers" / "second-officer.pem").unlink()
    else:
        own = tmp_path / "own"
        shutil.copytree(upgraded.bundle, own)
        upgraded = upgraded.model_copy(update={"bundle": own})

    with pytest.raises(SettingsInvalid) as told:
        agree_to_shipped(upgraded)

    assert "`lali change propose-bundle --officer ONE`" in str(told.value)
    assert "`lali change approve ID --officer ANOTHER`" in str(told.value)
    assert KeyFolder(upgraded.key_folder()).bundle.approved().change.digest == BEFORE


@pytest.mark.parametrize("more", [{"protection": "off"}, {"data_folder": "fresh"}])
def test_12_9_where_nothing_is_protected_or_made_yet_nothing_is_agreed_to(upgraded, more, tmp_path):
    if "data_folder" in more:
        more = {"data_folder": tmp_path / "fresh"}

    assert agree_to_shipped(upgraded.model_copy(update=more)) is None


def test_12_9_up_says_so_before_kafka_is_started(upgraded, monkeypatch, capsys, tmp_path):
    (upgraded.key_folder() / "officers" / "second-officer.pem").unlink()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(up_module, "load_settings", lambda: upgraded)
    monkeypatch.setattr(up_module, "LocalKafka", NeverStarts)
    monkeypatch.setattr("broker.cli.configure_logs", lambda **_: None)
    monkeypatch.setattr(up_module, "configure_logs", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["lali", "up"])

    with pytest.raises(SystemExit) as end:
        broker.cli.main()

    said = " ".join(capsys.readouterr().err.split())
    assert end.value.code == 2
    assert "NOT_APPROVED" in said
    assert "Lali is up" not in said
