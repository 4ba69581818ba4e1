"""A webhook never leads inside: not by number, by name, or by a name that changes."""

import asyncio
import socket
from typing import Any

import pytest
from connecting import FEED, SECRET, HttpPartner, release_of
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import RecipientUnavailable, SettingsInvalid
from connectors import make_connector
from connectors.address import PublicOnlyResolver, may_reach, socket_guard


@pytest.fixture
async def http(monkeypatch):
    made = HttpPartner(monkeypatch)
    made.settings = await made.start()
    yield made
    await made.stop()


INSIDE = (
    "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 100.100.100.200 0.0.0.0 "
    "255.255.255.255 240.0.0.1 224.0.0.1 192.0.2.1 :: ::1 fe80::1 fe80::1%eth0 fc00::1 "
    "fd00:ec2::254 ff02::1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:10.0.0.1 "
    "64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2002:a9fe:a9fe:: ::127.0.0.1"
).split()


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_not_reached(address):
    assert not may_reach(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_public_addresses_are_reached(address):
    assert may_reach(address)


@pytest.mark.parametrize(
    "address",
    "169.254.169.254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe fd00:ec2::254 100.100.100.200 "
    "0.0.0.0 224.0.0.1".split(),
)
def test_no_setting_opens_metadata_services(address):
    assert not may_reach(address, allow_loopback=True, allow_private=True)


@given(st.ip_addresses(v=4))
def test_an_address_mapped_into_ipv6_is_judged_as_itself(address):
    for private in (False, True):
        plain = may_reach(str(address), allow_private=private)
        assert may_reach(f"::ffff:{address}", allow_private=private) == plain


def test_a_private_network_is_reached_only_where_settings_say_so():
    assert may_reach("10.1.2.3", allow_private=True)
    assert not may_reach("127.0.0.1", allow_private=True)


@pytest.mark.parametrize("host", ["[::ffff:127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "10.0.0.1"])
def test_an_address_written_out_is_refused_before_anything_is_sent(host, monkeypatch):
    monkeypatch.setenv("APIA_SECRET", SECRET)
    settings = {"url": f"https://{host}/in", "secret": {"env": "APIA_SECRET"}}
    with pytest.raises(SettingsInvalid, match="url: ADDRESS_NOT_ALLOWED"):
        make_connector("webhook", settings, FEED)


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f000001", "127.1"])
async def test_a_name_that_leads_inside_is_not_connected_to(host, http):
    settings = {key: http.settings[key] for key in ("secret",)}
    made = make_connector("webhook", settings | {"url": f"https://{host}:{http.port}/in"}, FEED)
    await made.open()

    with pytest.raises(RecipientUnavailable) as away:
        await made.deliver(release_of())

    await made.close()
    assert host not in str(away.value)
    assert http.posts == []


async def test_a_name_that_changes_its_answer_leads_nowhere_inside():
    resolver = PublicOnlyResolver()
    answers = iter([["93.184.216.34"], ["127.0.0.1", "93.184.216.34"], ["169.254.169.254"]])

    async def resolve(host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        return [{"host": each, "port": port} for each in next(answers)]

    resolver._inner.resolve = resolve  # the answers of a name server that is not ours

    first = await resolver.resolve("partner.example", 443)
    second = await resolver.resolve("partner.example", 443)
    assert [each["host"] for each in first + second] == ["93.184.216.34"] * 2
    with pytest.raises(OSError, match="ADDRESS_NOT_ALLOWED"):
        await resolver.resolve("partner.example", 443)
    await resolver.close()


DISGUISED = [
    "１２７.0.0.1",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "１６９.254.169.254",
    "169。254。169。254",
]


@pytest.mark.parametrize("host", DISGUISED)
def test_an_address_in_other_digits_is_the_address_that_it_is(host, monkeypatch):
    # 11.11: a client writes them as ASCII before it connects (UTS 46), and asks no resolver.
    monkeypatch.setenv("APIA_SECRET", SECRET)
    settings = {"url": f"https://{host}/in", "secret": {"env": "APIA_SECRET"}}
    with pytest.raises(SettingsInvalid, match="url: ADDRESS_NOT_ALLOWED"):
        make_connector("webhook", settings, FEED)


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "10.0.0.1"])
def test_the_address_itself_is_judged_when_it_is_connected_to(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 443))
    with pytest.raises(OSError, match="ADDRESS_NOT_ALLOWED"):
        socket_guard()(found)


async def test_an_address_that_slipped_past_the_settings_is_not_connected_to(monkeypatch):
    # Whatever the settings took for a name: what is connected to is judged once more.
    monkeypatch.setenv("APIA_SECRET", SECRET)
    monkeypatch.setattr("connectors.webhook.literal_address", lambda _host: None)
    connected = []
    server = await asyncio.start_server(
        lambda _reader, writer: (connected.append(1), writer.close()), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    settings = {"url": f"https://127.0.0.1:{port}/in", "secret": {"env": "APIA_SECRET"}}
    made = make_connector("webhook", settings, FEED)
    await made.open()
    with pytest.raises(RecipientUnavailable):
        await made.deliver(release_of())
    await made.close()
    server.close()
    assert connected == []
