"""docs/transport.md says of rights, settings and refusals what the code does."""

import re
from pathlib import Path

from broker.settings import Settings
from broker.wire import welcome
from broker.wire.access import Access
from broker.wire.rights import Kind, Operation
from broker.wire.topics import Topics

PAGE = (Path(__file__).parents[1] / "docs" / "transport.md").read_text()
ACCESS = Access(Topics("", 2), ("a",), {"f": "a"}, ("a",))

#: What the table calls the topics, groups and ids of a community of one unit and one feed.
WORDS = {
    "every `intake`": {"intake.a"},
    "its own `intake`": {"intake.a"},
    "every `feed`": {"feed.f"},
    "its own `feed`": {"feed.f"},
    "every `dead-letter`": {"dead-letter.f"},
    "all": set(ACCESS.topic_names()),
    "`lali.route.N`": {"lali.route.0", "lali.route.1"},
    "`lali.deliver.FEED`": {"lali.deliver.f"},
    "`unit.ID.…`": {"unit.a."},
    "–": set(),
}


def _table():
    rows = re.findall(r"^\| `((?:role|unit)\.\w+)` \|(.*)\|$", PAGE, re.MULTILINE)
    for name, cells in rows:
        yield name.replace("ID", "a"), [_meant(cell.strip()) for cell in cells.split("|")]


def _meant(cell):
    parts = (part.strip() for part in cell.split(","))
    return set().union(*(WORDS[part] if part in WORDS else {part.strip("`")} for part in parts))


def _held(principal, kind, operation):
    return {
        right.name
        for right in ACCESS.rights()
        if (right.principal, right.kind, right.operation) == (principal, kind, operation)
    }


def test_the_table_of_rights_is_that_of_the_code():
    told = dict(_table())

    assert set(told) == set(ACCESS.principals())
    for principal, (read, write, create, groups, transactions) in told.items():
        assert _held(principal, Kind.TOPIC, Operation.READ) == read
        assert _held(principal, Kind.TOPIC, Operation.WRITE) == write
        assert _held(principal, Kind.TOPIC, Operation.CREATE) <= create
        assert _held(principal, Kind.TOPIC, Operation.DESCRIBE) == create | {"protected"}
        assert _held(principal, Kind.GROUP, Operation.READ) == groups
        assert _held(principal, Kind.TRANSACTION, Operation.WRITE) == transactions
    assert _held("role.topics", Kind.TOPIC, Operation.CREATE) == set(ACCESS.topic_names())
    for name in ("role.officer", "role.audit"):
        assert _held(name, Kind.TOPIC, Operation.CREATE) == set()
    assert _held("role.officer", Kind.GROUP, Operation.DESCRIBE) == {"lali.accept"}


def test_every_refusal_is_explained_and_no_other():
    source = Path(welcome.__file__).read_text()
    raised = set(re.findall(r"\"([A-Z]+(?:_[A-Z]+)*): ", source))
    raised |= set(re.findall(r"f\"(NOT_AUTHORISED|UNREACHABLE): ", source))

    told = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE))
    assert told == raised


def test_settings_that_the_page_sets_exist():
    block = set(re.findall(r"^ +(\w+) = ", PAGE, re.MULTILINE))

    assert block
    assert block <= set(Settings.model_fields)
