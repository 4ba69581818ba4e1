"""`lali secure check` calls wrong whatever is not as it should be, and nothing else."""

import json

import pytest

from broker.cli import secure
from broker.wire import access_check
from broker.wire.rights import Kind


@pytest.mark.kafka
def test_the_command_starts_a_cluster_sets_it_up_and_finds_nothing_wrong(capsys):
    with pytest.raises(SystemExit) as ended:
        secure.check_command(local=True, json=True)

    figures = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert ended.value.code == 0
    assert figures["cells"] >= 300
    assert figures["wrong"] == 0


def test_a_cell_is_wrong_whenever_what_is_seen_is_not_what_should_be():
    cell = access_check.Cell

    assert not cell("p", Kind.TOPIC, "t", "READ", True, True).wrong
    assert not cell("p", Kind.TOPIC, "t", "READ", False, False).wrong
    assert all(
        cell("p", Kind.TOPIC, "t", "READ", should, does).wrong
        for should, does in ((True, False), (False, True), (True, None), (False, None))
    )
