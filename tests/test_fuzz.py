"""No bytes from outside crash, hang or bloat a reader, or come back in an error text.

Atheris changes the seeds for as many executions as each target's share; every seed, and every
input that ever crashed, is read without it too. docs/fuzzing.md says more.
"""

import importlib
import importlib.util
import os
import re
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from fuzz.harness import (
    MARK,
    MOST_BYTES,
    MOST_SECONDS,
    Target,
    TooLarge,
    TooSlow,
    ValueRepeated,
)
from fuzz.names import SHARES

from broker.errors import Rejected
from broker.model.reason import Reason

HERE = Path(__file__).parent
#: Other tests run beside, where the run is shared out.
AT_ONCE = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2
_EXECUTED = re.compile(r"number_of_executed_units: (\d+)")
_TOOK = re.compile(r"Done \d+ runs in (\d+) second")

KEPT = [
    (file.parent.name, file)
    for kind in ("seeds", "crashers")
    for file in sorted((HERE / "fuzz" / kind).glob("*/*"))
]


def target(name):
    return importlib.import_module(f"fuzz.{name}").TARGET


@pytest.mark.parametrize(("name", "file"), KEPT, ids=[f"{n}-{f.name}" for n, f in KEPT])
def test_what_was_kept_is_read_or_refused(name, file):
    target(name).feed(file.read_bytes())


@pytest.mark.parametrize("name", SHARES)
def test_seeds_are_taken(name):
    # A seed that is refused at once would lead the fuzzer nowhere.
    for file in sorted((HERE / "fuzz" / "seeds" / name).iterdir()):
        target(name).read(file.read_bytes())


@pytest.mark.parametrize("name", SHARES)
def test_every_target_has_seeds(name):
    assert list((HERE / "fuzz" / "seeds" / name).iterdir())


def busy(_data):
    until = time.thread_time() + MOST_SECONDS * 1.2
    while time.thread_time() < until:
        pass


@pytest.mark.parametrize(
    ("read", "found"),
    [
        (lambda data: data[0], IndexError),
        (busy, TooSlow),
        (lambda _data: b"x" * (8 * MOST_BYTES), TooLarge),
    ],
)
def test_what_must_never_be_is_found(read, found):
    with pytest.raises(found):
        Target(read, dict).feed(b"")


def test_a_value_in_an_error_text_is_found():
    def read(data):
        raise Rejected(Reason.FIELD_INVALID, data.decode())

    Target(read, dict).feed(b"path")
    with pytest.raises(ValueRepeated):
        Target(read, dict).feed(b"path." + MARK.encode())


class Runs:
    """Every target under Atheris, two at a time, and the table of what was executed."""

    def __init__(self, chosen: list[str]) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._ended: dict[str, Future[subprocess.CompletedProcess[str]]] = {
            name: self._pool.submit(_run, name) for name in chosen
        }

    def executed(self, name: str) -> tuple[int, int]:
        """How often it was executed, and in how many seconds."""
        ended = self._ended[name].result()
        assert ended.returncode == 0, ended.stderr[-4000:]
        return int(_EXECUTED.search(ended.stderr)[1]), int(_TOOK.search(ended.stderr)[1])

    def stop(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def _run(name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fuzz.run", name, str(SHARES[name])]
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    return subprocess.run(
        command, cwd=HERE.parent, env=environment, capture_output=True, text=True,
        errors="replace", check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(request):
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("not run: there is no Atheris for this Python")
    asked = [item.callspec.params["name"] for item in request.session.items
             if item.name.startswith("test_no_change_of_the_seeds")]  # fmt: skip
    running = Runs(asked)
    yield running
    running.stop()


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", SHARES)
def test_no_change_of_the_seeds_crashes(runs, name, say):
    executed, seconds = runs.executed(name)
    say(f"fuzz: {name:20} {executed:>9,} executions {executed // max(seconds, 1):>7,}/s")
    assert executed >= SHARES[name]
