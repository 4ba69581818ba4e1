"""Before `make test` the browser is installed where that can be done; nowhere does it stop."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "deploy" / "chromium.sh"
ROOT_USER, NOBODY = "echo 0", "echo 1000"
#: Installs the browser at the try with this number.
APT = """echo "$*" >> "$(dirname "$0")/said"
case "$*" in *install*) n=$(grep -c install "$(dirname "$0")/said"); [ "$n" -ge {tries} ];; esac"""


@pytest.fixture
def machine(tmp_path):
    for tool in ("bash", "dirname", "grep"):
        (tmp_path / tool).symlink_to(shutil.which(tool))

    def run(**programs):
        for name, script in programs.items():
            file = tmp_path / name.replace("_", "-")
            file.write_text(f"#!/bin/sh\n{script}\n")
            file.chmod(0o755)
        done = subprocess.run(
            [tmp_path / "bash", SCRIPT], env={"PATH": str(tmp_path)},
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        said = tmp_path / "said"
        return done.stderr, said.read_text() if said.exists() else ""

    return run


@pytest.mark.parametrize("name", ["chromium", "chromium_browser"])
def test_where_the_browser_is_nothing_is_said_or_done(machine, name):
    assert machine(id=ROOT_USER, apt_get=APT.format(tries=1), **{name: ""}) == ("", "")


def test_who_may_not_install_is_told_what_will_not_run(machine):
    told, done = machine(id=NOBODY, apt_get=APT.format(tries=1))
    assert "apt-get install chromium" in told
    assert len(told.splitlines()) == 1
    assert done == ""


@pytest.mark.parametrize("tries", [1, 2], ids=["at once", "after an update"])
def test_root_on_debian_gets_the_browser(machine, tries):
    told, done = machine(id=ROOT_USER, apt_get=APT.format(tries=tries))
    assert told == "lali setup: installing chromium\n"
    assert done.count("install -y") == tries
    assert done.count("update") == tries - 1


def test_a_browser_that_cannot_be_had_stops_nothing(machine):
    told, _ = machine(id=ROOT_USER, apt_get=APT.format(tries=99))
    assert "will not run" in told
