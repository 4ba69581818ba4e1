"""Plaintext goes to this machine only, unless it was allowed."""

import pytest

from broker.errors import SettingsInvalid
from broker.wire.connection import Connection


@pytest.mark.parametrize("server", ["10.0.0.1:9092", "kafka.example:9092", "[2001:db8::1]:9092"])
def test_plaintext_to_another_machine_is_refused_before_anything_is_sent(server):
    with pytest.raises(SettingsInvalid, match="plaintext to another machine is refused"):
        Connection(f"127.0.0.1:9092,{server}")

    assert Connection(server, allow_plaintext=True).servers() == [server]


@pytest.mark.parametrize("server", ["127.0.0.1:9092", "localhost:9092", "[::1]:9092"])
def test_plaintext_to_this_machine_needs_no_permission(server):
    assert Connection(server).security is None
