"""`lali publish`, `lali subscribe` and `lali simulate`, on a real Kafka where they need one."""

import asyncio
import base64
import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker.cli.plain import card, plain
from broker.cli.publish import LabelOptions, publish
from broker.cli.simulate import simulate
from broker.cli.subscribe import subscribe
from broker.errors import SettingsInvalid
from broker.model.codes import SourceType, Tlp
from broker.model.release import ReleaseKind, ReleaseView
from broker.policy.directory import read_directory
from broker.resources import shipped
from broker.testing import NOON, alert_id_of, make_alert, make_label
from broker.wire.admin import apply_topics
from broker.wire.alert_codec import decode_alert
from broker.wire.tail import read_to_end

UNIT = make_label()["originator"]
COMMUNITY = read_directory(shipped("policies") / "pacific" / "community.toml")


@pytest.fixture
def settings(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LALI_DATA_FOLDER", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def cluster(connection, topics, settings, monkeypatch):
    """Topics of the Pacific community, and settings that point at them."""
    monkeypatch.setenv("LALI_BOOTSTRAP_SERVERS", connection.bootstrap_servers)
    monkeypatch.setenv("LALI_TOPIC_PREFIX", topics.prefix)
    monkeypatch.setenv("LALI_PARTITIONS", str(topics.partitions))
    specs = topics.specs(COMMUNITY.publishers(), list(COMMUNITY.feeds))
    asyncio.run(apply_topics(connection, specs))
    return connection


def _values(connection, *names):
    async def read():
        return [record async for record in read_to_end(connection, names)]

    return asyncio.run(read())


def _said(capsys):
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def _lines(folder: Path, *alerts) -> Path:
    file = folder / "alerts.jsonl"
    file.write_text("".join(alert.model_dump_json() + "\n" for alert in alerts))
    return file


@pytest.mark.kafka
def test_publishing_a_file_twice_sends_equal_bytes(cluster, topics, settings, capsys):
    alerts = [make_alert(alert_id=alert_id_of(n)) for n in range(3)]
    file = _lines(settings, *alerts)

    publish(file, json=True)
    first = _said(capsys)
    publish(file, json=True)

    records = _values(cluster, topics.intake(UNIT))
    assert first["published"] == 3
    assert {line["alert_id"] for line in first["results"]} == {
        str(alert_id_of(n)) for n in range(3)
    }
    assert len(records) == 6
    assert len({record.value for record in records}) == 3
    assert {decode_alert(r.value).label.alert_id for r in records} == {
        alert_id_of(n) for n in range(3)
    }


@pytest.mark.kafka
def test_a_refused_line_ends_in_exit_code_1_and_the_others_are_published(
    cluster, topics, settings, capsys
):
    file = _lines(settings, make_alert(alert_id=alert_id_of(1)))
    file.write_text('{"label": {"tlp": "RED", "tlp": "CLEAR"}}\n' + file.read_text())

    with pytest.raises(SystemExit) as ended:
        publish(file, json=True)

    assert ended.value.code == 1
    said = _said(capsys)
    assert (said["published"], said["refused"]) == (1, 1)
    assert said["results"][0]["reason"] == "DUPLICATE_KEY"
    assert said["results"][0]["line"] == 1
    assert len(_values(cluster, topics.intake(UNIT))) == 1


@pytest.mark.kafka
def test_publishing_as_another_unit_is_refused_before_sending(cluster, topics, settings, capsys):
    file = _lines(settings, make_alert())

    with pytest.raises(SystemExit):
        publish(file, as_="fiji-police", json=True)

    assert _said(capsys)["results"][0]["reason"] == "ORIGINATOR_DIFFERS"
    assert _values(cluster, topics.intake(UNIT), topics.intake("fiji-police")) == []


@pytest.mark.kafka
def test_a_simulation_arrives_as_it_was_told(cluster, topics, settings, capsys):
    start = datetime(2026, 3, 2, tzinfo=UTC)

    simulate(seed=5, alerts=40, start=start, out=settings / "steps.jsonl", publish=True, json=True)

    counts = _said(capsys)
    steps = [json.loads(line) for line in (settings / "steps.jsonl").read_text().splitlines()]
    assert sum(counts[name] for name in ("accepted", "duplicate", "quarantined")) == len(steps)
    told = Counter((step["originator"], step["value"]) for step in steps)
    names = [topics.intake(unit) for unit in COMMUNITY.publishers()]
    arrived = Counter(
        (topics.originator_of(record.topic), _text(record.value))
        for record in _values(cluster, *names)
    )
    assert arrived == told


@pytest.mark.kafka
def test_an_unknown_feed_is_said_so_and_not_waited_for(cluster):
    with pytest.raises(SettingsInvalid, match="no feed"):
        subscribe("atlantis-desk", once=True)


@pytest.mark.kafka
def test_an_empty_feed_followed_once_ends(cluster, capsys):
    subscribe("ptccc-coordinate", once=True, json=True)

    assert capsys.readouterr().out == ""


def test_a_dry_run_needs_no_kafka_and_sends_nothing(settings, capsys):
    sheet = settings / "cases.csv"
    columns = "con_Consent,prs_Birthdate,vic_TraffickingStatus,vic_TypeOfExploitation"
    sheet.write_text(f"{columns}\nTRUE,2001-01-01,PossibleVictimOfTrafficking,ForcedLabour\n")
    options = LabelOptions(tlp=Tlp.AMBER, source_type=SourceType.AGENCY)

    publish(sheet, as_="fiji-police", options=options, dry_run=True, json=True)

    assert _said(capsys)["results"][0]["outcome"] == "would be published"
    assert not (settings / "data").exists()


def test_options_go_before_the_label_file_and_fill_in_documents_only(settings, capsys):
    (settings / "a.json").write_text('{"label": {"originator": "x", "tlp": "RED"}}')
    options = LabelOptions(source_type=SourceType.AGENCY, tlp=Tlp.CLEAR)

    publish(settings / "a.json", options=options, dry_run=True, json=True)

    assert _said(capsys)["refused"] == 0


@pytest.mark.parametrize("name", ["a.pdf", "missing.json", "missing.xlsx", "missing.csv"])
def test_what_cannot_be_read_is_one_refused_line(settings, name, capsys):
    with pytest.raises(SystemExit):
        publish(settings / name, dry_run=True, json=True)

    (result,) = _said(capsys)["results"]
    assert (result["file"], result["line"], result["reason"]) == (name, 0, "FILE_UNREADABLE")


def test_the_command_itself_exits_with_1_and_no_traceback(settings):
    ran = subprocess.run(
        [sys.executable, "-m", "broker", "publish", "nothing.json", "--dry-run"],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )

    assert ran.returncode == 1
    assert "FILE_UNREADABLE" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr


HOSTILE = "\x1b[2J\x1b]0;owned\x07 \u202egnp.exe \u2066 \x9b31m \u2028 [red]x[/red] \U000e0041"


def test_a_card_obeys_nothing_that_a_value_says():
    # No door takes such text; what was taken before is still read.
    release = _view(make_alert())
    text = f"one\n{HOSTILE}\nlabel: CLEAR"
    assessment = release.compartments.assessment.model_copy(update={"text": text})
    parts = release.compartments.model_copy(update={"assessment": assessment})
    release = release.model_copy(update={"compartments": parts})

    shown = card(release)

    for char in "\x1b\x07\u202e\u2066\x9b\u2028\U000e0041":
        assert char not in shown
    assert "[red]x[/red]" in shown
    assert "    │ label: CLEAR" in shown
    assert "\\u{1b}" in shown


def test_names_of_the_region_are_shown_as_they_are():
    for name in ("Faʻatasi", "Tāufa", "Nukuʻalofa", "Cèshì", "කුමාරි", "ක්‍රිෂ්", "सुनीता", "Fo'ana"):
        assert plain(name) == name


def test_a_recall_says_what_to_do():
    recall = ReleaseView(
        kind=ReleaseKind.RECALL, alert_id=alert_id_of(1), revision=3, released_at=NOON
    )

    assert "Stop using this revision and every one before it" in card(recall)


def _view(alert):
    return ReleaseView(
        kind=ReleaseKind.RELEASE,
        alert_id=alert.label.alert_id,
        revision=1,
        released_at=NOON.astimezone(UTC),
        label=alert.label,
        compartments=alert.compartments,
    )


def _text(value):
    return None if value is None else base64.b64encode(value).decode()
