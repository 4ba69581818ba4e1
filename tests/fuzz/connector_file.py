"""The operator's file of connectors, through to the connectors that it sets."""

import os
from types import SimpleNamespace

from fuzz.community import SEED
from fuzz.harness import Target, scratch

from broker.errors import BundleInvalid, SettingsInvalid
from broker.policy.directory import directory_in, with_connectors
from broker.settings import Settings
from connectors import make_connector

SEEDS = {
    "filedrop": '{ type = "filedrop", settings = { folder = "/nowhere", max_bytes = 9 } }',
    "webhook": '{ type = "webhook", settings = '
    '{ url = "https://partner.example/in", secret = { env = "LALI_FUZZ" } } }',
    "kafka": '{ type = "kafka", settings = { bootstrap_servers = "localhost:9092", topic = "a" } }',
}
# A webhook's secret is named in the file, and found here.
os.environ["LALI_FUZZ"] = "whsec_" + "c3ludGhldGlj" * 3

DIRECTORY = directory_in(SimpleNamespace(name="community.toml"), SEED)
SETTINGS = Settings(connectors=scratch("connectors.toml"))


def read(data):
    scratch("connectors.toml").write_bytes(data)
    overlay = SETTINGS.connector_overlay()
    for feed in with_connectors(DIRECTORY, overlay).feeds.values():
        if feed.connector:
            make_connector(feed.connector.type, feed.connector.settings, feed.id)


def seeds():
    named = {name: f"fiji-police-investigate = {text}\n" for name, text in SEEDS.items()}
    return {name: text.encode() for name, text in named.items()}


TARGET = Target(
    read, seeds, refusals=(BundleInvalid, SettingsInvalid), names_names=True, most_bytes=512
)
