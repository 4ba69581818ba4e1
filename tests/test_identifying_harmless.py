"""Summaries that identify nobody give no warning."""

from datetime import UTC, date, datetime

import pytest
from summaries import FIJI, HARMLESS, found_in, person

from broker.pipeline.identifying import identifying
from broker.pipeline.publish import split
from broker.policy.bundle import load_bundle
from broker.resources import shipped
from broker.simulate import Scenario
from broker.simulate.names import PEOPLE
from connectors.intake import lali_json

SAMPLES = sorted((shipped("schemas") / "alert" / "samples").glob("*.json"))
START = datetime(2026, 3, 2, tzinfo=UTC)


def _everybody():
    """Return one person a country, with every name that the simulator knows of."""
    return [
        person(
            *(f"{one} {other}" for one in given for other in family),
            pid=f"v{country}",
            born_on=date(1999, 5, 1),
            citizenships=(country,),
            phones=("+6799123456",),
            address="Behind the cold store, wharf road",
            documents=({"kind": "PASSPORT", "number": "SYN000001"},),
        )
        for country, (given, family) in PEOPLE.items()
    ]


@pytest.mark.parametrize("text", HARMLESS)
def test_an_ordinary_summary_gives_no_warning(text):
    assert found_in(text, *_everybody(), label_fields=FIJI) == set()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_no_sample_gives_a_warning(sample):
    assert identifying(split(lali_json.parse(sample.read_bytes()))) == ()


def test_none_of_two_thousand_simulated_alerts_gives_a_warning():
    community = load_bundle(shipped("policies") / "pacific").community
    steps = list(Scenario(seed=11, alerts=2000, days=5, community=community, start=START))
    with_summary = [s.alert for s in steps if s.alert and s.alert.compartments.summary]

    assert len(with_summary) > 2000
    assert [alert for alert in with_summary if identifying(alert)] == []
