"""Samples to preview against the Pacific bundle, at a moment at which all of them are valid."""

from datetime import UTC, datetime

from broker.model.alert import Alert
from broker.pipeline.publish import split
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.resources import shipped
from connectors.intake import lali_json

BUNDLE = load_bundle(shipped("policies") / "pacific")
DECIDER = Decider(BUNDLE)
ORIGINATORS = sorted(BUNDLE.community.publishers())
SAMPLES = {
    path.stem: split(lali_json.parse(path.read_bytes()))
    for path in sorted((shipped("schemas") / "alert" / "samples").glob("*.json"))
}
DURING = datetime(2026, 6, 2, tzinfo=UTC)


def ms(moment):
    return int(moment.timestamp() * 1000)


def sample(name="fishing-crew", *, distribution=None, **label):
    """Return a sample with other fields of label and distribution."""
    alert = SAMPLES[name]
    return Alert.model_validate(
        {
            "label": alert.label.model_dump() | label,
            "distribution": alert.distribution.model_dump() | (distribution or {}),
            "compartments": alert.compartments.model_dump(),
        }
    )
