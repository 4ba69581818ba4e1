"""The operator's settings file."""

import os

from fuzz.harness import Target, scratch

from broker.errors import SettingsInvalid
from broker.settings import load_settings

SEED = """
bootstrap_servers = "localhost:9092"
partitions = 4
session_timeout_ms = 10000
other_principals = ["auditor"]
log_form = "json"
data_folder = ".lali"
"""


def read(data):
    file = scratch("lali.toml")
    file.write_bytes(data)
    os.environ["LALI_SETTINGS"] = str(file)
    load_settings()


TARGET = Target(
    read,
    lambda: {"some": SEED.encode()},
    refusals=(SettingsInvalid,),
    names_names=True,
    most_bytes=512,
)
