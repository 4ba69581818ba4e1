"""Commands that need a Kafka, where there is none: one line, and an exit code that is not 0."""

import json
import os
import subprocess
import sys

import pytest

NOWHERE = "127.0.0.1:9"


@pytest.mark.parametrize(
    "command",
    [
        "trace 7b0c1f6e-33a8-4e4f-9a53-1f0d8c1f4d52",
        "flows",
        "topics apply",
        "subscribe ptccc-coordinate --from-start",
        "up",
    ],
)
def test_without_a_kafka_a_command_says_so_in_one_line(command, tmp_path):
    done = _lali(command, tmp_path, LALI_BOOTSTRAP_SERVERS=NOWHERE)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("lali: ")
    assert "Kafka" in line
    assert "unexpected" not in line


@pytest.mark.parametrize(
    "command",
    ["flows", "topics apply", *(f"run {role}" for role in ("accept", "route", "deliver"))],
)
def test_where_none_is_set_and_none_runs_it_says_how_to_start_one(command, tmp_path):
    done = _lali(command, tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "lali up" in line


@pytest.mark.parametrize("form", ["", " --json"])
def test_publishing_many_files_without_a_kafka_is_one_line_too(form, tmp_path):
    label = {"originator": "fiji-police", "tlp": "AMBER", "source_type": "AGENCY"}
    case = json.dumps({"label": label, "persons": [{"pid": "p1", "roles": ["SUSPECT"]}]})
    (tmp_path / "one.json").write_text(case)
    (tmp_path / "many.jsonl").write_text(f"{case}\n" * 20)
    command = f"publish one.json many.jsonl{form}"

    done = _lali(command, tmp_path, LALI_BOOTSTRAP_SERVERS=NOWHERE)

    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("lali: Kafka does not answer")


def _lali(command, folder, **more):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LALI_")}
    environment |= {"LALI_PROTECTION": "off"} | more
    return subprocess.run(
        [sys.executable, "-m", "broker", *command.split()],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_reader_that_has_seen_enough_is_no_fault():
    topics = f"{sys.executable} -m broker topics list"
    command = f"{topics} | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.stderr == ""
    assert ended.stdout.strip() in ("0", "141")
