"""The model: check digits, closed code lists, and where a victim may stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from broker.errors import Rejected
from broker.model import codelists, codes
from broker.model.alert import Alert, Compartments
from broker.model.check_digits import imo_valid, mrz_digit, mrz_valid
from broker.model.compartment import (
    ALL_COMPARTMENTS,
    COMPARTMENTS,
    compartments_in,
    mask_of,
)
from broker.model.content import PROTECTED_ROLES, AgeBand, Gender, Role
from broker.pipeline.derive import with_check_digits
from broker.testing import make_alert, make_compartments
from broker.wire.refusal import validated

#: The specimens that ICAO Doc 9303 prints, parts 4 to 7. Utopia issues to nobody.
SPECIMENS = {
    "TD3": (
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
    ),
    "TD1": (
        "I<UTOD231458907<<<<<<<<<<<<<<<\n"
        "7408122F1204159UTO<<<<<<<<<<<6\n"
        "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"
    ),
    "TD2": ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"),
    "MRV-A": (
        "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL8988901C4XXX4009078F96121096ZE184226B<<<<<<"
    ),
    "MRV-B": ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nL8988901C4XXX4009078F9612109<<<<<<<<"),
}

#: Where each format has a digit or letter that some check digit covers, and its check digits.
COVERED = {
    "TD3": [(1, range(10)), (1, range(13, 20)), (1, range(21, 28)), (1, range(28, 44))],
    "TD1": [(0, range(5, 15)), (1, range(7)), (1, range(8, 15)), (1, range(29, 30))],
    "TD2": [(1, range(10)), (1, range(13, 20)), (1, range(21, 28)), (1, range(35, 36))],
    "MRV-A": [(1, range(10)), (1, range(13, 20)), (1, range(21, 28))],
    "MRV-B": [(1, range(10)), (1, range(13, 20)), (1, range(21, 28))],
}


@pytest.mark.parametrize("name", SPECIMENS)
def test_the_specimens_of_the_standard_are_valid(name):
    assert mrz_valid(SPECIMENS[name])


@pytest.mark.parametrize("name", SPECIMENS)
def test_any_digit_misread_by_one_is_found(name):
    lines = SPECIMENS[name].split("\n")
    tried = 0
    for row, columns in COVERED[name]:
        for column in columns:
            was = lines[row][column]
            if was.isdigit():
                wrong = str((int(was) + 1) % 10)
                line = lines[row][:column] + wrong + lines[row][column + 1 :]
                spoilt = [*lines[:row], line, *lines[row + 1 :]]
                assert not mrz_valid("\n".join(spoilt)), (row, column)
                tried += 1
    assert tried > 15


@pytest.mark.parametrize(
    ("field", "digit"), [("520727", 3), ("AB2134<<<", 5), ("D23145890", 7), ("<<<<", 0)]
)
def test_check_digits_are_computed_as_the_standard_shows(field, digit):
    assert mrz_digit(field) == digit


def test_an_empty_optional_field_may_carry_either_digit():
    upper, lower = SPECIMENS["TD3"].split("\n")
    for digit in "<0":
        body = lower[:28] + "<" * 14 + digit
        composite = mrz_digit(body[:10] + body[13:20] + body[21:43])
        assert mrz_valid(f"{upper}\n{body}{composite}")


@given(text=st.text(alphabet="ABCXYZ0123456789<\nV", max_size=100))
def test_any_other_shape_is_not_valid_and_never_a_crash(text):
    shapes = {(3, 30), (2, 36), (2, 44)}
    lines = text.split("\n")
    if len({len(line) for line in lines}) != 1 or (len(lines), len(lines[0])) not in shapes:
        assert not mrz_valid(text)


@pytest.mark.parametrize("number", ["9074729", "9319466", "8814275"])
def test_ships_with_a_right_digit(number):
    assert imo_valid(number)
    for wrong in range(10):
        if str(wrong) != number[6]:
            assert not imo_valid(number[:6] + str(wrong))


@pytest.mark.parametrize("number", ["", "907472", "90747290", "907472A", "٩٠٧٤٧٢٩", "907472 "])
def test_what_is_no_ship_number_is_not_valid(number):
    assert not imo_valid(number)


def test_a_wrong_digit_is_recorded_and_never_refused():
    content = make_compartments()
    content["conveyances"]["items"][0] |= {"imo_number": "9074720", "imo_valid": True}
    mrz = SPECIMENS["TD3"].replace("7408122", "7408123")
    content["victims"]["persons"][0]["documents"][0] |= {"mrz": mrz, "mrz_valid": True}

    checked = Compartments.model_validate(with_check_digits(Compartments.model_validate(content)))

    assert checked.conveyances.items[0].imo_valid is False
    assert checked.victims.persons[0].documents[0].mrz_valid is False


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
    assert len(COMPARTMENTS) == 12


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
