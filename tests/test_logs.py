"""Logs: only allowed keys pass, no exception tells its text, no value forges a line."""

import ast
import io
import json
import logging
from pathlib import Path

import pytest
import structlog

from broker.logs import ALLOWED, configure_logs


@pytest.fixture
def said():
    stream = io.StringIO()
    root, aiokafka = logging.getLogger(), logging.getLogger("aiokafka")
    handlers, level = list(root.handlers), aiokafka.level
    configure_logs("json", "info", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers = handlers
    aiokafka.setLevel(level)
    structlog.reset_defaults()


def test_values_of_unknown_keys_are_hidden(said):
    structlog.get_logger().info("alert.failed", victim="SYNTHETIC", code="X")
    (line,) = said()
    assert (line["victim"], line["code"]) == ("[hidden]", "X")


def test_a_text_with_something_formatted_into_it_is_hidden(said):
    structlog.get_logger().info("refused %s", "SYNTHETIC")
    assert said()[0]["event"] == "[hidden]"


@pytest.mark.parametrize("given", ["true", "exception", "tuple"])
def test_an_exception_becomes_its_type(said, given):
    try:
        {}["SYNTHETIC"]
    except KeyError as error:
        form = {"true": True, "exception": error, "tuple": (KeyError, error, None)}[given]
        structlog.get_logger().error("alert.failed", exc_info=form)
    (line,) = said()
    assert line["code"] == "KeyError"
    assert "SYNTHETIC" not in json.dumps(line)


def test_control_characters_are_escaped_in_values_and_names(said):
    structlog.get_logger().info("alert.failed", topic="a\nb\x1b[2J", counts={"x\n": "\u202e"})
    (line,) = said()
    assert line["topic"] == "a\\nb\\x1b[2J"
    assert line["counts"] == {"x\\n": "\\u202e"}


def test_what_a_library_logs_is_its_name_and_the_type_of_the_exception(said):
    logging.getLogger("elsewhere").error("SYNTHETIC", exc_info=ValueError("SYNTHETIC"))
    (line,) = said()
    assert (line["library"], line["code"]) == ("elsewhere", "ValueError")
    assert "SYNTHETIC" not in json.dumps(line)


def test_a_closed_stream_stops_nobody():
    stream = io.StringIO()
    configure_logs("json", "info", stream)
    stream.close()

    structlog.get_logger().info("alert.accepted", count=1)


SOURCES = [
    file
    for folder in ("broker", "connectors")
    for file in sorted((Path(__file__).parents[1] / folder).rglob("*.py"))
]


def _keys_of_log_calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_log_call(node.func):
            for word in node.keywords:
                keys = [word.arg] if word.arg else _keys_put_in(tree, word.value)
                yield from ((node.lineno, key) for key in keys)


def _keys_put_in(tree, given):
    """Return the keys of what is given as ``**given``, which the same file names."""
    name = given.attr if isinstance(given, ast.Attribute) else getattr(given, "id", None)
    keys = [
        key.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and name in {getattr(each, "id", getattr(each, "attr", "")) for each in node.targets}
        for written in ast.walk(node.value)
        if isinstance(written, ast.Dict)
        for key in written.keys
    ]
    if name in {"told", "more"}:  # keywords of whoever says it
        keys = [
            word.arg
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "_say"
            for word in node.keywords
        ]
    return keys or ["keys that cannot be told"]


def _is_log_call(function):
    if isinstance(function, ast.Name):
        return function.id == "say"  # a level that was chosen before
    return (
        isinstance(function, ast.Attribute)
        and function.attr in {"debug", "info", "warning", "error", "critical"}
        and isinstance(function.value, ast.Name)
        and function.value.id in {"log", "_log"}
    )


def test_nothing_that_an_operator_is_told_is_hidden():
    calls = [
        (file.name, line, key)
        for file in SOURCES
        for line, key in _keys_of_log_calls(ast.parse(file.read_text()))
    ]
    assert len(calls) > 100
    assert [each for each in calls if each[2] not in ALLOWED] == []
