"""On a machine where something is missing or too old, one line says what to install."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from broker.cluster import jars
from broker.errors import DependencyMissing

ROOT = Path(__file__).parents[1]
_TOOLS = "bash cat cut dirname grep head sed sha256sum id env tr".split()
JAVA_OLD = "echo 'openjdk version \"11.0.2\" 2019' >&2"
JAVA_8 = "echo 'java version \"1.8.0_292\"' >&2"
JAVA_NEW = "echo 'openjdk version \"21.0.1\" 2023' >&2"
SAYS_NOTHING = "exit 1"


class Machine:
    """A PATH of its own, and a copy of the script beside files that only setup reads."""

    def __init__(self, folder):
        self.path = folder / "bin"
        self.path.mkdir()
        self.project = folder / "project"
        (self.project / "deploy").mkdir(parents=True)
        shutil.copy(ROOT / "deploy" / "setup.sh", self.project / "deploy")
        for name in ("requirements.lock", "pyproject.toml"):
            (self.project / name).write_text("")
        for tool in _TOOLS:
            (self.path / tool).symlink_to(shutil.which(tool))
        self.has("id", "echo 1000")  # nobody who may install packages

    def has(self, name, script):
        """Put an executable called *name* on the path."""
        file = self.path / name
        file.unlink(missing_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def has_python(self):
        (self.path / "python3").symlink_to(sys.executable)

    def has_environment(self, jars="exit 0"):
        """Make it look as if the locked dependencies were installed."""
        venv = self.project / ".venv"
        (venv / "bin").mkdir(parents=True)
        python = venv / "bin" / "python"
        python.write_text(f"#!/bin/sh\n{jars}\n")
        python.chmod(0o755)
        said = subprocess.run(
            "cat requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1",
            shell=True, cwd=self.project, capture_output=True, text=True, check=True,
        )  # fmt: skip
        (venv / ".lali-lock").write_text(said.stdout)

    def set_up(self):
        return subprocess.run(
            ["bash", "deploy/setup.sh"], cwd=self.project, env={"PATH": str(self.path)},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def _stopped(done):
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("lali setup: ")
    return line


def test_with_everything_there_setup_says_nothing(machine):
    machine.has_python()
    machine.has_environment()
    machine.has("java", JAVA_NEW)
    done = machine.set_up()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("script", [None, "exit 1"], ids=["missing", "too old"])
def test_without_a_python_setup_says_what_to_install(machine, script):
    if script:
        machine.has("python3", script)
    assert "apt-get install python3 python3-venv" in _stopped(machine.set_up())


def test_a_python_without_venv_is_told_what_to_install(machine):
    real = sys.executable
    machine.has("python3", f'case "$2" in *ensurepip*) exit 1;; esac\nexec {real} "$@"')
    assert "apt-get install python3-venv" in _stopped(machine.set_up())


@pytest.mark.parametrize(
    "java", [None, JAVA_OLD, JAVA_8, SAYS_NOTHING], ids=["missing", "11", "8", "says nothing"]
)
def test_without_a_java_that_can_run_kafka_setup_says_what_to_install(machine, java):
    machine.has_python()
    machine.has_environment()
    if java:
        machine.has("java", java)
    assert "apt-get install openjdk-17-jre-headless" in _stopped(machine.set_up())


def test_without_maven_setup_says_what_to_install(machine):
    machine.has_python()
    machine.has_environment(jars="exit 1")
    machine.has("java", JAVA_NEW)
    assert "apt-get install maven" in _stopped(machine.set_up())


def test_where_the_jars_are_there_maven_is_not_needed(machine):
    machine.has_python()
    machine.has_environment(jars="exit 0")
    machine.has("java", JAVA_NEW)
    assert machine.set_up().returncode == 0


@pytest.mark.parametrize(
    "java", [None, JAVA_OLD, JAVA_8, SAYS_NOTHING], ids=["missing", "11", "8", "says nothing"]
)
def test_lali_too_says_which_java_to_install(machine, java, monkeypatch):
    if java:
        machine.has("java", java)
    monkeypatch.setenv("PATH", str(machine.path))
    with pytest.raises(DependencyMissing, match="openjdk-17-jre-headless") as missing:
        jars.java()
    assert "\n" not in str(missing.value)


def test_lali_takes_a_java_that_is_new_enough(machine, monkeypatch):
    machine.has("java", JAVA_NEW)
    monkeypatch.setenv("PATH", str(machine.path))
    assert jars.java() == str(machine.path / "java")


@pytest.mark.parametrize(
    ("maven", "said"),
    [(None, "apt-get install maven"), ("exit 1", "could not resolve"), ("exit 0", "resolve")],
    ids=["missing", "fails", "brings nothing"],
)
def test_lali_too_says_what_is_wrong_with_maven(machine, maven, said, monkeypatch, tmp_path):
    if maven:
        machine.has("mvn", maven)
    monkeypatch.setenv("PATH", str(machine.path))
    monkeypatch.setenv("LALI_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(DependencyMissing, match=said) as missing:
        jars.jars()
    assert "\n" not in str(missing.value)
    assert not jars.cache_folder().exists()
    assert list((tmp_path / "cache").glob("partial-*")) == []
