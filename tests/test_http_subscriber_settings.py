"""What an HttpSubscriber refuses before it asks a gateway."""

import json

import pytest
from gatewaying import FEED
from pydantic import SecretStr

from broker.client.http import Credentials, HttpSubscriber
from broker.errors import SettingsInvalid


async def test_a_position_is_one_readers_and_one_feeds(tmp_path):
    position = tmp_path / "desk"
    credentials = Credentials()
    url = "http://127.0.0.1:1"
    async with HttpSubscriber(url, FEED, credentials, position=position):
        with pytest.raises(SettingsInvalid, match="another process"):
            async with HttpSubscriber(url, FEED, credentials, position=position):
                pass
    position.write_text(json.dumps({"feed": "another-feed", "cursor": "x"}))
    with pytest.raises(SettingsInvalid, match="another feed"):
        async with HttpSubscriber(url, FEED, credentials, position=position):
            pass
    position.write_text("{")
    with pytest.raises(SettingsInvalid, match="no position"):
        async with HttpSubscriber(url, FEED, credentials, position=position):
            pass


async def test_secrets_do_not_cross_a_network_in_the_clear():
    for url in ("http://gateway.example:8440", "ftp://127.0.0.1", "https://me:secret@127.0.0.1"):
        with pytest.raises(SettingsInvalid) as caught:
            HttpSubscriber(url, FEED, Credentials(api_key=SecretStr("a-secret")))
        assert "secret" not in str(caught.value)
