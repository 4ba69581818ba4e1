"""By TAXII 2.1, what only a partner's key opens is a label and a sealed record."""

import json
import uuid

import pytest
from gatewaying import FEED, Behind, settings_of
from stix2validator import validate_instance
from taxii_reading import STRICT, publish, until_read, until_report

from broker.keys import init_keys
from broker.stix.definition import EXTENSION_ID

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]


async def test_what_only_the_partners_key_opens_is_a_label_and_a_sealed_record(
    kafka, topics, tmp_path
):
    settings = settings_of(kafka, topics.prefix, tmp_path, protection="required")
    init_keys(settings, entrusted=[FEED])
    async with Behind(settings) as it:
        alert_id = await publish(it)
        opened = await until_report(it, alert_id, lambda report: True)
        assert opened["name"] == "SYNTHETIC-summary"
        assert "record" not in opened["extensions"][EXTENSION_ID]

        feed, unit = "fiji-tcu-investigate", "fiji-tcu"
        (item,) = await it.shown(alert_id, feed, unit)
        objects = await until_read(it, feed, unit)
        (sealed,) = (each for each in objects if each["type"] == "report")
        told = sealed["extensions"][EXTENSION_ID]
        assert (told["sealed"], told["record"]) == (True, item["record"])
        assert told["label"]["alert_id"] == alert_id
        text = json.dumps([{**each, "extensions": {}} for each in objects])
        assert "SYNTHETIC" not in text
        bundle = {"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": objects}
        assert validate_instance(bundle, STRICT).is_valid
        assert {each["type"] for each in objects} == {
            "identity", "extension-definition", "marking-definition", "location", "report",
        }  # fmt: skip
