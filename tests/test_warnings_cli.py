"""Warnings in `lali policy who` and `lali publish`: told, without a value, and stopping nothing."""

import json
import sys

import pytest

import broker.cli
from broker.cli.warnings import warning_line
from broker.model.warning import AlertWarning, WarningCode
from broker.resources import shipped

PACIFIC = shipped("policies") / "pacific"
SAMPLES = shipped("schemas") / "alert" / "samples"
DURING = "2026-06-02T00:00:00Z"
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked:UserWarning")


@pytest.fixture
def lali(monkeypatch, capsys, tmp_path):
    """Run a command as the shell does; return exit code, output and error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LALI_DATA_FOLDER", str(tmp_path / "data"))
    monkeypatch.setattr("broker.cli.configure_logs", lambda **_: None)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["lali", *map(str, words)])
        code = 0
        try:
            broker.cli.main()
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def telling(tmp_path):
    """A draft whose summary names a victim, for a unit that receives nothing."""
    draft = json.loads((SAMPLES / "fishing-crew.json").read_text())
    victim = draft["compartments"]["victims"]["persons"][0]
    victim["names"] = ["Kalsakau Testarae"]
    draft["compartments"]["summary"]["headline"] = "Found: kalsakau testarae, alive"
    draft["distribution"]["not_releasable_to"] = ["samoa-tuc"]
    file = tmp_path / "telling.json"
    file.write_text(json.dumps(draft))
    return file


EXPECTED = [
    {
        "code": "NAME_IN_SUMMARY",
        "path": "compartments.summary.headline",
        "start": 7,
        "end": 24,
    },
    {
        "code": "VICTIM_NAME_ELSEWHERE",
        "path": "compartments.summary.headline",
        "start": 7,
        "end": 24,
        "confirm": True,
    },
    {"code": "RECIPIENT_UNKNOWN", "path": "distribution.not_releasable_to[0]"},
]


def test_who_warns_of_what_the_summary_says_and_whom_the_label_misses(telling, lali):
    words = ("policy", "who", "--alert", telling, "--at", DURING, "--bundle", PACIFIC)

    code, out, err = lali(*words, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["warnings"] == EXPECTED

    code, out, err = lali(*words)
    assert (code, err) == (0, "")
    warned = [line for line in out.splitlines() if line.startswith("warning: ")]
    assert warned[0] == (
        "warning: NAME_IN_SUMMARY at compartments.summary.headline, characters 7 to 24: "
        "identifies somebody; the summary is written for release"
    )
    assert [line.split()[1] for line in warned] == [each["code"] for each in EXPECTED]
    assert "alsakau" not in out
    assert "samoa-tuc" not in out


def test_who_has_no_warning_for_a_sample(lali):
    sample = SAMPLES / "fishing-crew.json"
    words = ("policy", "who", "--alert", sample, "--at", DURING, "--bundle", PACIFIC)

    assert json.loads(lali(*words, "--json")[1])["warnings"] == []
    assert "warning" not in lali(*words)[1]


def test_publish_warns_on_standard_error_and_goes_on(telling, lali):
    code, out, err = lali("publish", telling, "--dry-run", "--confirm-warnings")

    assert code == 0
    assert "1 not refused, 0 refused" in out
    first = err.splitlines()[0]
    assert first.startswith("telling.json:1: warning: NAME_IN_SUMMARY at compartments.summary")
    assert "alsakau" not in err
    assert "samoa-tuc" not in err


def test_a03_publish_asks_for_a_flag_before_a_victim_is_named_elsewhere(telling, lali):
    code, out, err = lali("publish", telling, "--dry-run", "--json")

    (result,) = json.loads(out)["results"]
    assert code == 1
    assert (result["outcome"], result["reason"]) == ("refused", "WARNINGS_UNCONFIRMED")
    assert result["path"] == "compartments.summary.headline"
    _, out, err = lali("publish", telling, "--dry-run")
    assert "VICTIM_NAME_ELSEWHERE" in err
    assert "to be confirmed" in err
    assert "alsakau" not in out + err


def test_publish_tells_machines_the_warnings_of_each_alert(telling, lali):
    quiet = telling.with_name("quiet.json")
    quiet.write_text((SAMPLES / "cancel.json").read_text())
    refused = telling.with_name("refused.json")
    refused.write_text("{}")

    code, out, err = lali(
        "publish", telling, quiet, refused, "--dry-run", "--json", "--confirm-warnings"
    )

    assert (code, err) == (1, "")
    results = {each["file"]: each for each in json.loads(out)["results"]}
    codes = {name: {w["code"] for w in each["warnings"]} for name, each in results.items()}
    assert codes["telling.json"] >= {"NAME_IN_SUMMARY", "RECIPIENT_UNKNOWN"}
    assert "NAME_IN_SUMMARY" not in codes["quiet.json"]
    assert codes["refused.json"] == set()
    assert results["telling.json"]["outcome"] == "would be published"


def test_publish_needs_no_bundle_and_still_reads_the_summary(telling, lali, monkeypatch):
    monkeypatch.setenv("LALI_BUNDLE", str(telling.parent / "absent"))

    code, out, _ = lali("publish", telling, "--dry-run", "--json", "--confirm-warnings")

    assert code == 0
    (result,) = json.loads(out)["results"]
    codes = {each["code"] for each in result["warnings"]}
    assert "NAME_IN_SUMMARY" in codes
    assert "RECIPIENT_UNKNOWN" not in codes


def test_nothing_is_said_of_the_reach_of_an_originator_that_the_bundle_does_not_know(telling, lali):
    draft = json.loads(telling.read_text())
    draft["label"]["originator"] = "another-community"
    telling.write_text(json.dumps(draft))

    _, out, _ = lali("publish", telling, "--dry-run", "--json", "--confirm-warnings")

    codes = {each["code"] for each in json.loads(out)["results"][0]["warnings"]}
    assert "NAME_IN_SUMMARY" in codes
    assert not {"REACHES_NOBODY", "RECIPIENT_UNKNOWN"} & codes


def test_policy_is_asked_about_so_many_and_it_is_said_where_that_ends(telling, lali, monkeypatch):
    monkeypatch.setattr("broker.cli.warnings._MOST_ASKED", 2)
    lines = telling.with_name("many.jsonl")
    lines.write_text(f"{json.dumps(json.loads(telling.read_text()))}\n" * 3)

    code, out, err = lali("publish", lines, "--dry-run", "--json", "--confirm-warnings")

    assert (code, err) == (0, "policy was asked about the first 2 alerts only\n")
    first, second, third = ([w["code"] for w in r["warnings"]] for r in json.loads(out)["results"])
    assert "RECIPIENT_UNKNOWN" in first
    assert second == first
    assert "NAME_IN_SUMMARY" in third
    assert "RECIPIENT_UNKNOWN" not in third


@pytest.mark.parametrize("code", WarningCode)
def test_every_warning_says_what_to_look_at(code):
    in_text = code.value.endswith("_IN_SUMMARY")
    line = warning_line(AlertWarning(code=code, path="label"))
    said = line.removeprefix(f"warning: {code} at label: ")

    assert said != line
    assert ("the summary is written for release" in said) is in_text
