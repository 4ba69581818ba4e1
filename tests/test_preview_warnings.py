"""The dry run warns of what in a label or a wish withholds more than its originator may mean."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from previewing import BUNDLE, DECIDER, DURING, SAMPLES, ms, sample

from broker.model.alert import Alert
from broker.model.warning import WarningCode as Code
from broker.pipeline.label_warnings import reach_warnings, time_warnings
from broker.pipeline.preview import preview
from broker.policy.acquainted import every_name, known_names


def warned(alert, moment=DURING, known=None):
    names = every_name(BUNDLE.community) if known is None else known
    found = [
        *time_warnings(alert.label, alert.distribution, ms(moment)),
        *reach_warnings(alert, DECIDER, names),
    ]
    return {(warning.code, warning.path) for warning in found}


def test_no_sample_gives_a_warning_beside_the_one_that_is_about_it():
    expected = {"tip-without-consent": {(Code.CONSENT_UNKNOWN_WITHHOLDS, "label.consent")}}
    for name, alert in SAMPLES.items():
        assert warned(alert) == expected.get(name, set()), name


ENDS = "label.expires_at"
EMBARGO = "distribution.embargo_until"


@pytest.mark.parametrize(
    ("label", "wishes", "expected"),
    [
        ({"expires_at": DURING}, {}, {(Code.EXPIRED, ENDS)}),
        ({"expires_at": DURING + timedelta(hours=23)}, {}, {(Code.EXPIRES_SOON, ENDS)}),
        ({"expires_at": DURING + timedelta(hours=24)}, {}, set()),
        ({}, {"embargo_until": "2026-08-30T02:00:00Z"}, {(Code.EMBARGO_AFTER_EXPIRY, EMBARGO)}),
        ({}, {"embargo_until": "2026-08-30T01:59:59Z"}, {(Code.EMBARGOED, EMBARGO)}),
        ({}, {"embargo_until": DURING}, set()),
        (
            {"tlp": "RED"},
            {},
            {
                (Code.RED_WITHOUT_NAMED_RECIPIENTS, "distribution.named_recipients"),
                (Code.REACHES_NOBODY, "label"),
            },
        ),
        ({"tlp": "UNKNOWN"}, {}, {(Code.REACHES_NOBODY, "label")}),
        ({"tlp": "AMBER_STRICT"}, {}, {(Code.REACHES_ONLY_ORIGINATOR, "label")}),
        ({"purposes": ["STATISTICS"]}, {}, {(Code.REACHES_NOBODY, "label")}),
        # Within its organisation, which other units belong to; its countries' desks learn nothing.
        (
            {"tlp": "AMBER_STRICT", "originator": "samoa-tcu", "countries_transit": ["FJ"]},
            {},
            {(Code.ROUTE_COUNTRY_NOT_REACHED, "label.countries_transit[0]")},
        ),
    ],
)
def test_times_and_labels_that_reach_nobody_are_warned_of(label, wishes, expected):
    assert warned(sample(distribution=wishes, **label)) == expected


def test_an_age_that_is_not_known_is_warned_of_only_where_it_withholds():
    minor = {(Code.MINOR_UNKNOWN_WITHHOLDS, "label.minor")}
    assert warned(sample(minor="UNKNOWN")) == minor
    assert warned(sample(minor="YES")) == set()
    alert = sample(minor="UNKNOWN")
    summary_alone = alert.compartments.model_dump(include={"summary"})
    bare = Alert.model_validate(alert.model_dump() | {"compartments": summary_alone})
    aware = warned(sample("exercise", minor="UNKNOWN"))

    assert aware == set()  # a drill shows its feed everything
    tcu_only = {"releasable_to": ["samoa-tcu"]}
    wished = bare.distribution.model_dump() | tcu_only
    narrow = warned(Alert.model_validate(bare.model_dump() | {"distribution": wished}))
    unreached = (Code.CHILD_PROTECTION_NOT_REACHED, "label.countries_destination")
    assert narrow == minor | {unreached}


@pytest.mark.parametrize(
    ("consent", "scope", "expected"),
    [
        ("NOT_ASKED", [], {(Code.CONSENT_UNKNOWN_WITHHOLDS, "label.consent")}),
        ("UNKNOWN", [], {(Code.CONSENT_UNKNOWN_WITHHOLDS, "label.consent")}),
        ("REFUSED", [], set()),
        ("GIVEN", [], {(Code.CONSENT_SCOPE_WITHHOLDS, "distribution.consent_scope")}),
        ("GIVEN", ["TCU"], set()),
    ],
)
def test_consent_that_is_missing_is_warned_of_and_a_refusal_is_not(consent, scope, expected):
    tip = sample("tip-without-consent", consent=consent, distribution={"consent_scope": scope})
    assert warned(tip) == expected


def test_what_an_agency_saw_itself_needs_no_consent_and_gives_no_warning():
    assert warned(sample(consent="NOT_ASKED")) == set()


def test_names_that_reach_nobody_are_warned_of_by_their_place():
    wishes = {
        "releasable_to": ["samoa-tcu", "samoa-tuc", "pifs", "ptcn"],
        "not_releasable_to": ["samoa-police", "samoa-polise"],
        "named_recipients": ["samoa-tcu", "ptcn", "pifs"],
    }
    assert warned(sample(distribution=wishes)) == {
        (Code.RECIPIENT_UNKNOWN, "distribution.releasable_to[1]"),
        (Code.RECIPIENT_RECEIVES_NOTHING, "distribution.releasable_to[2]"),
        (Code.RECIPIENT_UNKNOWN, "distribution.not_releasable_to[1]"),
        (Code.RECIPIENT_NOT_A_UNIT, "distribution.named_recipients[1]"),
        (Code.RECIPIENT_RECEIVES_NOTHING, "distribution.named_recipients[2]"),
    }


def test_a_name_that_may_not_be_known_and_receives_nothing_is_as_one_that_is_not():
    known = known_names(BUNDLE.community, "fiji-police")
    assert "tonga-tcu" not in known
    for field in ("releasable_to", "not_releasable_to", "named_recipients"):
        answers = [
            warned(sample(distribution={field: ["samoa-tcu", name]}), known=known)
            for name in ("tonga-tcu", "absent-unit", "unodc-body", "referral-network")
        ]
        assert answers[0] == answers[1] == answers[2] == answers[3]
        assert (Code.RECIPIENT_UNKNOWN, f"distribution.{field}[1]") in answers[0]


def test_a_cancel_goes_to_its_holders_and_gives_no_warning():
    assert warned(sample(message_type="CANCEL", tlp="UNKNOWN")) == set()


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_no_warning_says_a_value(name, data):
    ids = st.from_regex(r"[a-z]{6,12}-zz[0-9]{2}", fullmatch=True)
    wishes = {
        field: data.draw(st.lists(ids, max_size=3))
        for field in ("releasable_to", "not_releasable_to", "named_recipients")
    }
    alert = sample(name, distribution=wishes)

    told = json.dumps(preview(alert, DECIDER, ms(DURING)).model_dump(mode="json"))

    assert [value for values in wishes.values() for value in values if value in told] == []


def test_every_warning_is_in_the_document():
    page = (Path(__file__).parent.parent / "docs/publishing.md").read_text()
    assert [code for code in Code if f"`{code}`" not in page] == []
