"""The wheel is whole: built, installed apart from this checkout, and used from another folder."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Folder of this checkout to where the wheel has it.
DATA = {"schemas": "schemas", "policies": "policies", "deploy/kafka": "kafka"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    _run(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder),
        str(ROOT), cwd=folder,
    )  # fmt: skip
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment with the wheel; of this one it sees the locked packages only."""
    folder = tmp_path_factory.mktemp("installed")
    packages = _without_lali(Path(sysconfig.get_path("purelib")), folder / "locked")
    venv.create(folder / "venv", with_pip=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "locked.pth").write_text(f"{packages}\n")
    python = folder / "venv" / "bin" / "python"
    _run(
        str(python), "-m", "pip", "install", "--no-deps", "--no-index",
        "--disable-pip-version-check", str(wheel), cwd=folder,
    )  # fmt: skip
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    return python.with_name("lali"), elsewhere


def _without_lali(packages, folder):
    """Return *folder*, where all of *packages* is but the editable install of this checkout."""
    folder.mkdir()
    for each in packages.iterdir():
        if "lali" not in each.name and each.suffix != ".pth":
            (folder / each.name).symlink_to(each)
    return folder


def _run(*command, cwd):
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("LALI_", "PYTHON"))}
    done = subprocess.run(
        command, cwd=cwd, env=kept, capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_wheel_holds_the_code_and_what_it_reads_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    code = {
        str(file.relative_to(ROOT))
        for package in ("broker", "connectors")
        for file in _tracked(package)  # pages of the form, too
    }
    data = {
        f"broker/_data/{there}/{file.relative_to(ROOT / here)}"
        for here, there in DATA.items()
        for file in _tracked(here)
    }
    others = {name for name in names if ".dist-info/" not in name} - code - data
    assert code <= names
    assert data <= names
    assert others == set()


def _tracked(folder):
    return [
        file for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    ]  # fmt: skip


def test_the_licence_and_the_command_are_in_the_wheel(wheel):
    archive = zipfile.ZipFile(wheel)
    (entry,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
    assert "lali = broker.cli:main" in archive.read(entry).decode()
    assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())


def test_the_installed_package_is_the_one_that_is_used(installed):
    lali, elsewhere = installed
    said = _run(str(lali.with_name("python")), "-c", "import broker; print(broker.__file__)",
                cwd=elsewhere)  # fmt: skip
    assert Path(said.strip()).is_relative_to(lali.parents[1])


@pytest.mark.parametrize("command", ["--version", "schema check", "policy test", "policy check"])
def test_an_installed_lali_works_from_another_folder(installed, command):
    lali, elsewhere = installed
    assert _run(str(lali), *command.split(), cwd=elsewhere)
