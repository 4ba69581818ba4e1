"""A selection of `make attack` on one real site, and its frame, which must be able to fail."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from attack.__main__ import _tried, table_of
from attack.deployment import COMPOSE
from attack.families import IN_ORDER
from attack.peers import growth
from attack.site import Site
from attack.trying import HELD, NOT_HELD, NOT_RUN, Attack, NotHeld, NotRun, try_one, whole_of
from attack.undefended import Undefended
from rich.console import Console

QUICK = [each for each in IN_ORDER if each.quick]
NAMED = {each.name: each for each in IN_ORDER}
#: Attacks that a gateway without any defence must fail.
PLANTED = (
    "bodies before credentials", "failures uncounted", "lenient bodies", "claimed addresses",
    "hosts", "other sites", "half letters", "weak client certificates", "a refused proxy",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("attack")) as it:
        yield it


@pytest.fixture(scope="module")
def undefended(tmp_path_factory):
    with Undefended(tmp_path_factory.mktemp("undefended")) as it:
        yield it


@pytest.mark.kafka
@pytest.mark.parametrize("each", QUICK, ids=lambda each: f"{each.number} {each.name}")
def test_11_the_site_holds(site, each):
    found = try_one(each, site)

    assert found.outcome == HELD, found


@pytest.mark.parametrize("name", PLANTED)
def test_11_what_has_no_defence_does_not_hold(undefended, name):
    found = try_one(NAMED[name], undefended)

    assert found.outcome == NOT_HELD
    assert not found.evidence.startswith("nothing was shown")


def test_11_a_folder_that_others_may_read_does_not_hold(tmp_path):
    for number in range(30):
        (tmp_path / "gateway").mkdir(mode=0o700, exist_ok=True)
        (tmp_path / "gateway" / f"{number}.secret").touch(mode=0o600)
    loose = SimpleNamespace(data=tmp_path)
    kept = NAMED["modes of the data folder"]
    assert try_one(kept, loose).outcome == HELD

    (tmp_path / "gateway" / "7.secret").chmod(0o644)

    assert try_one(kept, loose).outcome == NOT_HELD


@pytest.mark.parametrize("mount", ["deliveries:/var/lib/lali", "./connectors.toml:/etc/it"])
def test_11_a_service_that_reaches_partners_files_does_not_hold(tmp_path, mount):
    attack = NAMED["mounts of compose"]
    assert try_one(attack, None).outcome == HELD
    file = tmp_path / "docker-compose.yml"
    said = yaml.safe_load(COMPOSE.read_text())
    said["services"]["accept"]["volumes"] = [mount]
    file.write_text(yaml.safe_dump(said))

    assert try_one(attack, SimpleNamespace(compose=file)).outcome == NOT_HELD


def test_11_a_process_that_takes_all_memory_is_ended_and_does_not_hold():
    killed = []
    sizes = iter([10 << 20, 20 << 20, 900 << 20])
    site = SimpleNamespace(
        memory_bytes=lambda: next(sizes), process=SimpleNamespace(kill=lambda: killed.append(1))
    )
    with pytest.raises(NotHeld, match="grew by 890 MiB"), growth(site, 256 << 20) as grown:
        grown.watch(60)
    assert killed


def _attack(run):
    return Attack("made up", 1, "anything", "nothing", run, quick=False, last=False)


def _raising(error):
    def run(_site):
        raise error

    return run


@pytest.mark.parametrize(
    ("run", "outcome"),
    [
        (lambda _site: "seen", HELD),
        (_raising(NotHeld("seen")), NOT_HELD),
        (_raising(NotRun("why")), NOT_RUN),
        (_raising(ConnectionError("a client that broke")), NOT_HELD),
        (_raising(TimeoutError()), NOT_HELD),
    ],
)
def test_11_an_attack_that_breaks_has_not_shown_that_anything_holds(run, outcome):
    assert try_one(_attack(run), None).outcome == outcome


def test_11_what_was_not_tried_is_never_said_to_hold():
    began_long_ago = -(10**9)
    found = _tried([_attack(lambda _site: "seen")], None, Console(quiet=True), began_long_ago)

    assert [each.outcome for each in found] == [NOT_RUN]
    counted = whole_of(found, 1.0)
    assert (counted["held"], counted["not_held"], counted["not_run"]) == (0, 0, 1)
    assert table_of(found).row_count == 1


def test_11_every_number_has_its_attack_and_every_attack_its_words():
    assert {each.number for each in IN_ORDER} == set(range(1, 25))
    assert all(each.tried and each.must for each in IN_ORDER)
    assert len(NAMED) == len(IN_ORDER)


def test_11_the_command_says_so_by_its_exit_code():
    done = subprocess.run(
        [sys.executable, "-c", _UNDEFENDED], cwd=Path(__file__).parent,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["not_held"], said["held"]) == (1, 0)
    assert NOT_HELD in done.stderr


_UNDEFENDED = """
import sys
from attack import __main__ as run
from attack.undefended import Undefended
run.Site = Undefended
sys.argv = ["attack", "--json", "--only", "19"]
run.main()
"""
