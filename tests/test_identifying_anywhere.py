"""Whatever identifies people in an alert is found in any text, at its place."""

from datetime import date

from hypothesis import assume, given
from hypothesis import strategies as st
from summaries import HARMLESS, OKINAS, person, warnings_of

from broker.model.content import Contact, Victims
from broker.model.warning import WarningCode as Code
from broker.pipeline.identifying.ordinary import NEVER_ALONE, ORDINARY
from broker.simulate.names import PEOPLE

SURROUNDINGS = st.lists(st.sampled_from([*HARMLESS, "", "\n", "–", "(", "seen with", "…"]))

NAMES = st.sampled_from(
    [f"{a} {b}" for given, family in PEOPLE.values() for a in given for b in family]
)

#: Invented names: letters of Latin script with marks, in words of three letters or more.
WORDS = st.text(st.sampled_from("abdefgiklmnoprstuvāēīōūéñçʻ’aeiou"), min_size=3, max_size=12)

INVENTED = st.lists(WORDS.filter(lambda word: word.strip(OKINAS)), min_size=2, max_size=4).map(
    lambda words: " ".join(word.strip(OKINAS).capitalize() for word in words)
)

RESPELT = {
    "as it is": lambda name: name,
    "lower": str.lower,
    "upper": str.upper,
    "without ʻokina": lambda name: name.translate(dict.fromkeys(map(ord, OKINAS))),
    "typewriter ʻokina": lambda name: name.translate(dict.fromkeys(map(ord, OKINAS), "'")),
    "curly ʻokina": lambda name: name.translate(dict.fromkeys(map(ord, OKINAS), "’")),
    "without macrons": lambda name: name.translate(str.maketrans("āēīōūĀĒĪŌŪ", "aeiouAEIOU")),
    "doubled vowels": lambda name: (
        name.replace("ā", "aa").replace("ē", "ee").replace("ī", "ii").replace("ō", "oo")
    ),
    "reversed": lambda name: " ".join(reversed(name.split())),
    "family name first": lambda name: ", ".join(name.rsplit(" ", 1)[::-1]),
    "hyphens": lambda name: name.replace(" ", "-"),
    "two lines": lambda name: name.replace(" ", "\n"),
}


def _covers(text, start, planted, found, code):
    end = start + len(planted)
    return any(
        warning.code is code and warning.start < end and start < warning.end for warning in found
    )


def _planted(before, planted, behind):
    head = " ".join([*before, ""])
    text = f"{head}{planted} {' '.join(behind)}".rstrip()
    assume(len(text) <= 8000)
    return text, len(head)


@given(
    st.one_of(NAMES, INVENTED),
    st.sampled_from(sorted(RESPELT)),
    SURROUNDINGS,
    SURROUNDINGS,
)
def test_any_name_of_the_alert_is_found_in_any_text(name, respelling, before, behind):
    assume(any(token not in NEVER_ALONE | ORDINARY for token in name.casefold().split()))
    planted = RESPELT[respelling](name)
    text, start = _planted(before, planted, behind)

    found = warnings_of(text, victims=Victims(persons=(person(name),)))

    assert _covers(text, start, planted, found, Code.NAME_IN_SUMMARY)


@given(
    st.from_regex(r"[A-Z]{0,3}[0-9]{5,9}[A-Z]?", fullmatch=True),
    st.sampled_from([str, str.lower, lambda n: n[:2] + " " + n[2:], lambda n: n[:3] + "-" + n[3:]]),
    SURROUNDINGS,
    SURROUNDINGS,
)
def test_any_document_number_of_the_alert_is_found_in_any_text(number, respelt, before, behind):
    planted = respelt(number)
    text, start = _planted(before, planted, behind)
    papers = {"kind": "PASSPORT", "number": number, "holder": "v1"}

    found = warnings_of(text, victims=Victims(persons=(person("X", documents=(papers,)),)))

    assert _covers(text, start, planted, found, Code.DOCUMENT_NUMBER_IN_SUMMARY)


@given(
    st.from_regex(r"\+(679[79][0-9]{6}|676[2-8][0-9]{4}|6421[0-9]{7}|999[0-9]{7})", fullmatch=True),
    st.sampled_from(
        [
            str,
            lambda n: f"{n[:4]} {n[4:]}",
            lambda n: f"({n[:4]}) {n[4:7]}-{n[7:]}",
            lambda n: f"00{n[1:]}",
            lambda n: n[1:],
            lambda n: " ".join(n[i : i + 3] for i in range(0, len(n), 3)),
        ]
    ),
    SURROUNDINGS,
    SURROUNDINGS,
)
def test_any_phone_number_of_the_alert_is_found_in_any_text(phone, respelt, before, behind):
    planted = respelt(phone)
    text, start = _planted(before, planted, behind)

    found = warnings_of(text, contact=Contact(desk="Desk", phone=phone))

    assert _covers(text, start, planted, found, Code.PHONE_IN_SUMMARY)


@given(
    st.dates(date(1930, 1, 1), date(2025, 12, 31)),
    st.sampled_from(
        "%Y-%m-%d|%d/%m/%Y|%m/%d/%Y|%d.%m.%Y|%d %B %Y|%B %d, %Y|%d %b %Y|%Y%m%d|%d%m%Y"
        "|%d-%b-%Y|%Y/%m/%d".split("|")
    ),
    SURROUNDINGS,
    SURROUNDINGS,
)
def test_any_date_of_birth_of_the_alert_is_found_in_any_text(born, form, before, behind):
    planted = born.strftime(form)
    text, start = _planted(before, planted, behind)

    found = warnings_of(text, victims=Victims(persons=(person("X", born_on=born),)))

    assert _covers(text, start, planted, found, Code.DATE_OF_BIRTH_IN_SUMMARY)
