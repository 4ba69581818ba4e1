"""Settings: from the environment and a file; whatever is not understood stops the command."""

import pytest

from broker.errors import SettingsInvalid
from broker.settings import load_settings


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LALI_SETTINGS", raising=False)


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    (tmp_path / "lali.toml").write_text("partitions = 8\nheap_mb = 300\n")
    monkeypatch.setenv("LALI_PARTITIONS", "16")

    settings = load_settings()

    assert (settings.partitions, settings.heap_mb) == (16, 300)


def test_an_unknown_setting_in_the_file_is_named(tmp_path):
    (tmp_path / "lali.toml").write_text('partitons = "SYNTHETIC"\n')
    with pytest.raises(SettingsInvalid, match="partitons: no such setting") as refused:
        load_settings()
    assert "SYNTHETIC" not in str(refused.value)


def test_a_misspelt_setting_in_the_environment_is_named(monkeypatch):
    monkeypatch.setenv("LALI_PARTITONS", "8")
    with pytest.raises(SettingsInvalid, match=r"LALI_PARTITONS.*is LALI_PARTITIONS meant"):
        load_settings()


def test_other_names_may_start_alike(monkeypatch):
    monkeypatch.setenv("LALI_SAMOA_SECRET", "x")
    monkeypatch.setenv("LALI_CONNECTORS_FILE", "x")
    load_settings()


def test_a_settings_file_that_is_named_must_exist(tmp_path, monkeypatch):
    monkeypatch.setenv("LALI_SETTINGS", str(tmp_path / "absent.toml"))
    with pytest.raises(SettingsInvalid, match=r"absent\.toml: cannot be read"):
        load_settings()


def test_a_value_that_does_not_fit_is_not_repeated(monkeypatch):
    monkeypatch.setenv("LALI_HEAP_MB", "SYNTHETIC")
    with pytest.raises(SettingsInvalid, match="heap_mb") as refused:
        load_settings()
    assert "SYNTHETIC" not in str(refused.value)


def test_a_damaged_note_of_what_runs_is_named(tmp_path):
    (tmp_path / ".lali").mkdir()
    (tmp_path / ".lali" / "running.json").write_text("{")
    with pytest.raises(SettingsInvalid, match=r"running\.json is damaged"):
        load_settings().servers()


def test_two_in_one_folder_are_told_apart(tmp_path):
    from broker.cli.up import _alone

    with (
        _alone(tmp_path),
        pytest.raises(SettingsInvalid, match="another `lali up` runs"),
        _alone(tmp_path),
    ):
        pytest.fail("both got the folder")
    with _alone(tmp_path):
        pass
