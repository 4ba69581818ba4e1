"""Check digits of travel documents and ships, on the specimens that the standards print."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.alert import Compartments
from broker.model.check_digits import imo_valid, mrz_digit, mrz_valid
from broker.pipeline.derive import with_check_digits
from broker.testing import make_compartments

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


#: Numbers of twelve characters, as parts 5 and 6 print them: the last three, with their check
#: digit, stand in the optional data.
LONG_NUMBERS = {
    "TD1": (
        "I<UTOD23145890<7349<<<<<<<<<<<\n"
        "3407127M9507122UTO<<<<<<<<<<<2\n"
        "STEVENSON<<PETER<JOHN<<<<<<<<<"
    ),
    "TD2": "I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<\nD23145890<UTO3407127M95071227349<<<8",
}
LONG_BOUNDS = {"TD1": (0, 14, 15, 30), "TD2": (1, 9, 28, 35)}


def with_rest(name, rest):
    """Return a zone whose number continues with *rest*, and whose composite digit is right."""
    lines = LONG_NUMBERS[name].split("\n")
    row, _, start, end = LONG_BOUNDS[name]
    lines[row] = lines[row][:start] + rest.ljust(end - start, "<") + lines[row][end:]
    upper, lower = lines[0], lines[1]
    covered = {
        "TD1": upper[5:30] + lower[0:7] + lower[8:15] + lower[18:29],
        "TD2": lower[0:10] + lower[13:20] + lower[21:35],
    }[name]
    lines[1] = lower[:-1] + str(mrz_digit(covered))
    return "\n".join(lines)


@pytest.mark.parametrize("name", LONG_NUMBERS)
def test_a_number_longer_than_its_field_goes_on_in_the_optional_data(name):
    assert mrz_valid(LONG_NUMBERS[name])
    assert with_rest(name, "7349") == LONG_NUMBERS[name]
    assert mrz_valid(with_rest(name, "7349<X" if name == "TD2" else "7349<X1Y2"))


@pytest.mark.parametrize("name", LONG_NUMBERS)
@pytest.mark.parametrize("rest", ["7348", "7359", "734", "9", "", "<7349", "734<9", "734X"])
def test_a_long_number_that_its_own_digit_does_not_match_is_not_valid(name, rest):
    # The composite digit is right each time: only the number's own can tell.
    assert not mrz_valid(with_rest(name, rest))


@pytest.mark.parametrize("name", LONG_NUMBERS)
@pytest.mark.parametrize("rest", ["", "<7", "7"])
def test_a_number_that_does_not_go_on_needs_its_digit_in_place(name, rest):
    # D23145890 has 7 as its digit: in the optional data, with nothing before it, it is none.
    assert not mrz_valid(with_rest(name, rest))


def test_passports_and_visas_have_no_long_numbers():
    for name in ("TD3", "MRV-A", "MRV-B"):
        upper, lower = SPECIMENS[name].split("\n")
        assert not mrz_valid(f"{upper}\n{lower[:9]}<{lower[10:]}")


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
