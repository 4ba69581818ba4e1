"""The model: closed code lists, masks, and where a victim may stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from broker.errors import Rejected
from broker.model import codelists, codes
from broker.model.alert import Alert, Compartments
from broker.model.compartment import (
    ALL_COMPARTMENTS,
    COMPARTMENTS,
    compartments_in,
    mask_of,
)
from broker.model.content import PROTECTED_ROLES, AgeBand, Gender, Role
from broker.testing import make_alert
from broker.wire.refusal import validated


def enumerations():
    found = [
        c for c in vars(codes).values() if isinstance(c, type) and c.__module__ == codes.__name__
    ]
    return [*found, Role, AgeBand, Gender]


@pytest.mark.parametrize("code", enumerations(), ids=lambda code: code.__name__)
def test_unknown_is_the_first_symbol_of_every_code(code):
    assert next(iter(code)).value == "UNKNOWN"
    assert all(member.name == member.value for member in code)


def test_grades_cannot_be_compared_by_rank():
    # Admiralty F and 6 say "cannot be judged", so they are strings without an order of rank.
    assert isinstance(codes.Reliability.F, str)
    assert not isinstance(codes.Reliability.F, int)


def test_there_are_as_many_countries_as_the_standard_assigns():
    assert len(codelists.COUNTRIES) == 249
    assert {"FJ", "WS", "TO", "VU", "SB", "PG", "KI", "TV", "NR", "FM", "MH", "PW", "CK"} <= set(
        codelists.COUNTRIES
    )
    assert "XX" not in codelists.COUNTRIES


@given(mask=st.integers(0, ALL_COMPARTMENTS))
def test_a_mask_and_its_compartments_are_the_same_thing(mask):
    assert mask_of(compartments_in(mask)) == mask
    assert len(COMPARTMENTS) == 15


def person(pid, *roles):
    return {"pid": pid, "roles": list(roles), "names": ["SYNTHETIC"]}


def refusal(compartments):
    with pytest.raises(Rejected) as refused:
        validated(Compartments, compartments)
    assert "SYNTHETIC" not in str(refused.value)
    return refused.value.reason


@given(
    protected=st.sampled_from(sorted(PROTECTED_ROLES)),
    others=st.lists(st.sampled_from([role.value for role in Role]), max_size=4),
    data=st.data(),
)
def test_one_protected_role_outweighs_all_others(protected, others, data):
    roles = data.draw(st.permutations([protected.value, *others]))

    assert refusal({"suspects": {"persons": [person("p1", *roles)]}}) == "VICTIM_OUTSIDE_VICTIMS"
    assert Compartments.model_validate({"victims": {"persons": [person("p1", *roles)]}}).victims


@given(roles=st.lists(st.sampled_from(sorted(set(Role) - PROTECTED_ROLES)), min_size=1))
def test_nobody_else_hides_among_victims(roles):
    names = [role.value for role in roles]

    assert refusal({"victims": {"persons": [person("p1", *names)]}}) == "NOT_A_VICTIM"


def test_a_victim_is_neither_a_suspect_under_the_same_id_nor_a_holder_of_loose_papers():
    victims = {"persons": [person("p1", "VICTIM_CONFIRMED")]}

    again = {"persons": [person("p1", "SUSPECT")]}
    assert refusal({"victims": victims, "suspects": again}) == "VICTIM_OUTSIDE_VICTIMS"
    papers = {"items": [{"kind": "PASSPORT", "holder": "p1", "number": "SYNTHETIC"}]}
    assert refusal({"victims": victims, "documents": papers}) == "VICTIM_OUTSIDE_VICTIMS"


def test_an_alert_cannot_be_changed():
    with pytest.raises(ValidationError):
        make_alert().label.revision = 2


@pytest.mark.parametrize("where", ["label", "compartments", "distribution"])
def test_an_error_text_never_repeats_a_value(where):
    written = make_alert().model_dump()
    written[where] = {**written[where], "SYNTHETIC-FIELD": "SYNTHETIC"}

    with pytest.raises(ValidationError) as refused:
        Alert.model_validate(written)
    assert "SYNTHETIC'" not in str(refused.value)
    with pytest.raises(Rejected) as told:
        validated(Alert, written)
    assert str(told.value) == f"FIELD_UNKNOWN at {where}.?"
