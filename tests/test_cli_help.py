"""Every command says what it does, with an example; asked as a user asks."""

import contextlib
import io
import re

import pytest
from rich.console import Console

from broker import cli

COMMANDS = tuple(cli._COMMANDS)

#: Groups of commands: what they hold is asked for one by one.
GROUPS = (
    "change", "dead-letters", "feed", "gateway", "journal", "kafka", "keys", "policy",
    "quarantine", "schema", "secure", "topics",
)  # fmt: skip


def help_of(*words):
    """Return what `lali WORDS --help` prints, as the command line registers it for them."""
    app = cli.make_app(next(iter(words), None))
    printed = io.StringIO()
    console = Console(file=printed, width=200)
    with contextlib.suppress(SystemExit):
        app([*words, "--help"], console=console)
    return printed.getvalue()


def commands_in(text):
    """Return the names that stand first in the rows of the table of commands."""
    table = text.partition("Commands ")[2]
    return re.findall(r"^│ ([a-z][a-z-]*)  ", table, re.MULTILINE)


def all_commands():
    found = [(name,) for name in COMMANDS if name not in GROUPS]
    for group in GROUPS:
        found += [(group, name) for name in commands_in(help_of(group))]
    groups = [("gateway", "key"), ("gateway", "secret")]
    nested = [(*group, name) for group in groups for name in commands_in(help_of(*group))]
    return [each for each in found if each not in groups] + nested


def test_the_list_of_commands_tells_what_each_is_for():
    text = help_of()

    assert sorted(commands_in(text)) == sorted(COMMANDS)
    for _, summary in cli._COMMANDS.values():
        assert summary.split(",")[0][:40] in text


@pytest.mark.parametrize("command", all_commands(), ids=" ".join)
def test_every_command_has_an_example_that_is_of_itself(command):
    text = " ".join(help_of(*command).split())

    assert "Example" in text
    assert f"lali {' '.join(command)}" in text.partition("Example")[2]
