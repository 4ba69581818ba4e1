"""The page for Kafka tools names the registry's paths: all of them, and no other."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi import FastAPI

from broker.gateway import schema_view
from broker.gateway.caller import Right
from broker.gateway.identity.api_keys import new_key
from broker.gateway.schema_subjects import COMPATIBILITY, MODE
from broker.wire.schema import catalogue

PAGE = (Path(__file__).parent.parent / "docs" / "kafka-tools.md").read_text()


def _served():
    app = FastAPI()
    app.include_router(schema_view.router(None))
    return set(app.openapi()["paths"])


def test_the_page_names_every_path_of_the_registry():
    rows = [line for line in PAGE.splitlines() if line.startswith("| `/")]
    named = {path for row in rows for path in re.findall(r"`(/[^`]+)`", row.split("|")[1])}
    assert named == _served()
    assert len(named) > 10


def test_what_it_says_of_settings_and_subjects_is_so():
    assert f"`AVRO`, `{COMPATIBILITY}`, `{MODE}`" in PAGE
    names = {f"{e.avro['namespace']}.{e.avro['name']}" for e in catalogue()}
    assert set(re.findall(r"`(lali\.[A-Z]\w+)`", PAGE)) <= names
    for code in ("40401", "40402", "40403", "42205"):
        assert code in PAGE


def test_a_key_is_made_as_the_page_says():
    now = datetime.now(UTC)
    made = new_key("samoa-tcu", [Right.READ], now, now + timedelta(days=1))
    assert re.fullmatch(rf"lali_{re.escape(made.entry.id)}_.+", made.text)
