"""What identifies people in a summary is found however it is written, and little else is."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from broker.model.alert import Alert, Compartments
from broker.model.content import (
    Contact,
    Conveyance,
    Conveyances,
    Document,
    Leg,
    Movement,
    Person,
    Role,
    Source,
    Summary,
    Suspects,
    Victims,
)
from broker.model.label import Label
from broker.model.warning import WarningCode as Code
from broker.pipeline.identifying import identifying
from broker.pipeline.identifying.ordinary import NEVER_ALONE, ORDINARY
from broker.pipeline.publish import split
from broker.policy.bundle import load_bundle
from broker.resources import shipped
from broker.simulate import Scenario
from broker.simulate.names import PEOPLE
from connectors.intake import lali_json

SAMPLES = sorted((shipped("schemas") / "alert" / "samples").glob("*.json"))
START = datetime(2026, 3, 2, tzinfo=UTC)


def label(**fields):
    return Label.model_validate(
        {
            "alert_id": "00000000-0000-4000-8000-000000000001",
            "originated_at": "2026-06-01T00:00:00Z",
            "expires_at": "2026-08-01T00:00:00Z",
            "originator": "fiji-police",
            "tlp": "AMBER",
            "source_type": "AGENCY",
        }
        | fields
    )


def person(*names, pid="v1", role=Role.VICTIM_POSSIBLE, **fields):
    return Person.model_validate({"pid": pid, "roles": (role,), "names": names} | fields)


def found_in(text, *victims, headline="A tip", label_fields=None, **compartments):
    """Return codes and the characters they point at, of an alert with this summary."""
    alert = Alert(
        label=label(**(label_fields or {})),
        compartments=Compartments(
            summary=Summary(headline=headline, text=text),
            victims=Victims(persons=victims) if victims else None,
            **compartments,
        ),
    )
    found = identifying(alert)
    assert all(warning.path == "compartments.summary.text" for warning in found)
    return {(warning.code, text[warning.start : warning.end]) for warning in found}


def codes_in(text, *victims, **more):
    return {code for code, _ in found_in(text, *victims, **more)}


OKINAS = "ʻʼ‘’'`"
#: A name as the alert has it, and as a text may write it.
WRITTEN = [("Faʻatasi Testaʻele", f"Fa{okina}atasi Testa{okina}ele said") for okina in OKINAS] + [
    ("Faʻatasi Testaʻele", "said faatasi testaele"),
    ("Faʻatasi Testaʻele", "said FAATASI TESTAELE"),
    ("Faʻatasi Testaʻele", "The girl Faatasi is gone"),
    ("Faʻatasi Testaʻele", "Testaele, Faatasi is gone"),
    ("Faʻatasi Testaʻele", "The girl Fa atasi is gone"),
    ("Faʻatasi Testaʻele", "The girl Fa-atasi is gone"),
    ("Faʻatasi Testaʻele", "the Testaʻele’s house"),
    ("Faʻatasi Testaʻele", "the Testaele's house"),
    ("Hēmi Pōtae", "It was Hemi Potae"),
    ("Hēmi Pōtae", "It was Heemi Pootae"),
    ("Hemi Potae", "It was He\u0304mi Po\u0304tae"),
    ("Mārama Testāwhai", "She is called Maarama"),
    ("Lagi Testalosa", "It was Langi Testalosa"),
    ("Sione Fakaʻosi", "S. Fakaosi did it"),
    ("Sione Fakaʻosi", "Sione F. was there, then Fakaosi left"),
    ("Sione Fakaʻosi", "fakaosi, sione"),
    ("Sione Fakaʻosi", "Sione Tevita Fakaʻosi"),
    ("Sione Fakaʻosi", "Si\u00adone Faka\u200bosi"),
    ("Sione Fakaʻosi", "Ｓｉｏｎｅ Ｆａｋａｏｓｉ"),
    ("Nguyễn Thị Đào", "It was Dao Nguyen"),
    ("Nguyễn Thị Đào", "NGUYEN THI DAO boards"),
    ("Xiao Ming Testwang", "The boy Xiaoming is there"),
    ("Xiaoming Testwang", "The boy Xiao Ming is there"),
    ("Grace Hope", "grace hope was seen"),
    ("Grace Hope", "They call her Grace at the bar"),
    ("Will Young", "They met Will at the bar"),
    ("Suharto", "It was Suharto"),
    ("Dragon88", "asks for dragon88 online"),
    ("Dragon-88", "asks for Dragon 88 online"),
    ("王小明", "那个男孩王小明在船上"),
    ("สมชาย ทดสอบ", "พบสมชายทดสอบที่ท่าเรือ"),
    ("김철수", "어제 김철수는 배에 있었다"),
    ("Рахима Тестова", "Сегодня Тестова здесь"),
    ("رحيمة تجريبي", "شوهدت رحيمة هنا"),
]


@pytest.mark.parametrize(("name", "text"), WRITTEN)
def test_a_name_is_found_however_it_is_written(name, text):
    assert Code.NAME_IN_SUMMARY in codes_in(text, person(name))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Grace Hope", "Hope of work was given; grace was not."),
        ("Will Young", "They will take young workers. Will they leave?"),
        ("Long Do", "Nobody knows how long they do it."),
        ("April May", "Seen in April and again in May"),
        ("Mark Fisher", "Fisher boats have a white mark on the bow."),
        ("Captain Rahim Uddin", "The Captain keeps all passports."),
        ("Samoa Toloa", "A vessel on the way from Samoa to Fiji"),
        ("More Lee", "More than forty people on the lee side"),
        ("Moore Testa", "More people came."),
        ("Asher Testa", "As her papers were gone, she stayed"),
        ("Ana Testa", "They have an arrangement with an agency"),
        ("Sing Ho", "Workers sing in the camp, ho ho."),
        ("Rose Pearl", "Prices of pearl rose."),
        ("Sione 88", "There are 88 people on board"),
        ("Faʻatasi Testaʻele", "Four men told a port agent about testing"),
    ],
)
def test_ordinary_words_are_no_names(name, text):
    assert codes_in(text, person(name)) == set()


def test_a_warning_points_at_the_characters_and_says_no_value():
    sione = person("Sione Fakaʻosi", documents=({"kind": "PASSPORT", "number": "SYN-000777"},))
    alert = Alert(
        label=label(),
        compartments=Compartments(
            summary=Summary(headline="Sione Faka‘osi", text="Papers: syn 000777."),
            victims=Victims(persons=(sione,)),
        ),
    )

    name, number = identifying(alert)

    assert name.model_dump() == {
        "code": Code.NAME_IN_SUMMARY,
        "path": "compartments.summary.headline",
        "start": 0,
        "end": 14,
    }
    assert (number.code, number.path) == (
        Code.DOCUMENT_NUMBER_IN_SUMMARY,
        "compartments.summary.text",
    )
    assert (number.start, number.end) == (8, 18)


def test_suspects_aliases_and_sources_are_people_too():
    suspect = person("Boss Testwang", pid="s1", role=Role.SUSPECT, aliases=("Shark Eye",))
    source = Source(organisation="Women's Drop-In (test)", handler="Litia Vunitest")
    more = {"suspects": Suspects(persons=(suspect,)), "source": source}

    assert codes_in("Run by Testwang", **more) == {Code.NAME_IN_SUMMARY}
    assert codes_in("known as the shark eye", **more) == {Code.NAME_IN_SUMMARY}
    assert codes_in("Told by the Womens drop in test", **more) == {Code.SOURCE_IN_SUMMARY}
    assert codes_in("Told by Litia", **more) == {Code.SOURCE_IN_SUMMARY}
    assert codes_in("Women's groups told the boss of a shark", **more) == set()


def test_places_and_vessels_of_the_alert_are_not_its_people():
    tanna = person("Rolinas Tanna")
    movement = Movement(legs=(Leg(kind="TRANSIT", place="Tanna, south"),))
    vessel = Conveyances(items=(Conveyance(kind="VESSEL", name="Rolinas 7"),))

    text = "The Rolinas leaves Tanna"
    assert codes_in(text, tanna) == {Code.NAME_IN_SUMMARY}
    assert codes_in(text, tanna, movement=movement, conveyances=vessel) == set()
    both = "Rolinas Tanna is on board"
    assert codes_in(both, tanna, movement=movement, conveyances=vessel) == {Code.NAME_IN_SUMMARY}


FIJI = {"countries_destination": ["FJ"], "countries_origin": ["TO", "NZ"]}
SHOWN = [
    ("passport N1234567 was taken", Code.DOCUMENT_NUMBER_IN_SUMMARY, "N1234567"),
    ("passport no. 123456789 was taken", Code.DOCUMENT_NUMBER_IN_SUMMARY, "123456789"),
    ("holds P1234567A", Code.DOCUMENT_NUMBER_IN_SUMMARY, "P1234567A"),
    ("P<FJITESTELE<<FAATASI<<<<<<", Code.MRZ_IN_SUMMARY, "P<FJITESTELE<<FAATASI<<<<<<"),
    ("rings +679 912 3456 at night", Code.PHONE_IN_SUMMARY, "+679 912 3456"),
    ("rings 00 676 23456 at night", Code.PHONE_IN_SUMMARY, "00 676 23456"),
    ("call 9123456 at night", Code.PHONE_IN_SUMMARY, "9123456"),
    ("WhatsApp: 912-3456", Code.PHONE_IN_SUMMARY, "912-3456"),
    ("the desk, 021 123 4567", Code.PHONE_IN_SUMMARY, "021 123 4567"),
    ("handset 35-209900-176148-1 seen", Code.IMEI_IN_SUMMARY, "35-209900-176148-1"),
    ("mail mere.t@mail.example.com now", Code.EMAIL_IN_SUMMARY, "mere.t@mail.example.com"),
    ("mail mere (at) example.com", Code.EMAIL_IN_SUMMARY, "mere (at) example.com"),
    ("posts as @island_girl04", Code.SOCIAL_HANDLE_IN_SUMMARY, "@island_girl04"),
    ("see facebook.com/mere.t", Code.SOCIAL_HANDLE_IN_SUMMARY, "facebook.com/mere.t"),
    ("a girl, born 14 March 2011", Code.DATE_OF_BIRTH_IN_SUMMARY, "14 March 2011"),
    ("a girl, DOB: 14/3/11", Code.DATE_OF_BIRTH_IN_SUMMARY, "14/3/11"),
    ("date of birth is 2011-03-14", Code.DATE_OF_BIRTH_IN_SUMMARY, "2011-03-14"),
    ("shelters at 12 Victoria Parade", Code.ADDRESS_IN_SUMMARY, "12 Victoria Parade"),
    ("at -17.71340, 178.06500 now", Code.COORDINATES_IN_SUMMARY, "-17.71340, 178.06500"),
    ("at 17°42.80'S 178°3.9'E", Code.COORDINATES_IN_SUMMARY, "17°42.80'S"),
]


@pytest.mark.parametrize(("text", "code", "where"), SHOWN)
def test_what_leads_to_a_person_is_found_though_the_alert_does_not_hold_it(text, code, where):
    found = found_in(text, label_fields=FIJI)
    assert any(where in at for _, at in found)
    assert {each for each, _ in found} == {code}


#: Summaries as duty officers write them: numbers, places and dates that identify nobody.
HARMLESS = [
    "Crew of 12 without pay for 14 months; owed about 25 000 pa'anga each, 300,000 in all.",
    "Longliner, IMO 9074729, MMSI 572123456, call sign 3DVQ, last port Suva 2026-05-28.",
    "Flight FJ 911 on 3 June 2026, 14:35, seats 21A to 21F booked together.",
    "Visas class 482 for 40 workers; sponsor paid USD 250000 and FJD 3 250 000.",
    "Container TGHU1234567 fitted with bunks and a heater. Manifest says frozen fish.",
    "Vessel expected at Port Vila between 1 and 3 May. Master keeps all passports.",
    "Girls aged 14 to 16 seen at a lodging near the wharf on Friday nights.",
    "A recruiter in Mumbai promises hotel work at 1,200 a month and asks 5,000 up front.",
    "Camp in Western Province, 60 km inland; no road. Wages held back since January 2026.",
    "Domestic worker not seen outside for months. Employer is a contractor.",
    "Three children travel with an adult who is no relative; papers look altered.",
    "See also alert 00000005-610c-4000-8000-00000005610c, case 2026/0417.",
    "Police at the port are told. Do not approach; contact the desk first.",
    "Reported 2026-06-01 02:00 UTC. Position about 17.7 S 178.1 E, course 270, 9.5 knots.",
    "About 1 in 3 of the 2500 workers signed a second contract on arrival (grade C3).",
    "SYNTHETIC: WORKERS TOLD OF BEATINGS. MASTER OF THE SHIP IS ARMED.",
    "Found 3 (2026-02-11), again 12 (2026-05); see cases 2022-36056 and 2022-101-27.",
    "Hull is green and white, name painted over. Flag changed from Panama in 2025.",
    "Rev. 2: the truck was seen again at the mill; 6 men, 2 women, 1 child on board.",
]  # fmt: skip


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


# Whatever an alert holds is found in any text.

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


def _warnings(text, **compartments):
    held = Compartments(summary=Summary(headline="A tip", text=text), **compartments)
    return identifying(Alert(label=label(**FIJI), compartments=held))


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

    found = _warnings(text, victims=Victims(persons=(person(name),)))

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

    found = _warnings(text, victims=Victims(persons=(person("X", documents=(papers,)),)))

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

    found = _warnings(text, contact=Contact(desk="Desk", phone=phone))

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

    found = _warnings(text, victims=Victims(persons=(person("X", born_on=born),)))

    assert _covers(text, start, planted, found, Code.DATE_OF_BIRTH_IN_SUMMARY)


def test_an_address_of_the_alert_is_found_by_its_street():
    home = person("X", address="Behind the cold store, wharf road, Port Vila, Vanuatu")
    movement = Movement(legs=(Leg(kind="TRANSIT", place="Port Vila"),))

    assert codes_in("She sleeps behind the cold store there", home, movement=movement) == {
        Code.ADDRESS_IN_SUMMARY
    }
    assert codes_in("On the way to Port Vila, Vanuatu", home, movement=movement) == set()


@given(st.text(max_size=400), st.lists(st.text(min_size=1, max_size=40), max_size=3))
def test_no_text_and_no_name_makes_it_fail(text, names):
    assume(text)
    victim = person(*names, documents=({"kind": "OTHER", "number": text[:200]},))
    for warning in _warnings(text, victims=Victims(persons=(victim,))):
        assert 0 <= warning.start < warning.end <= len(text)


def test_a_document_of_no_person_counts_too():
    from broker.model.content import Documents

    papers = Documents(items=(Document(kind="PASSPORT", number="LA 12.34/56"),))
    assert codes_in("It is la123456", documents=papers) == {Code.DOCUMENT_NUMBER_IN_SUMMARY}


#: What once took minutes: many names, numbers and addresses against a text made for it.
HEAVY = {
    Code.NAME_IN_SUMMARY: "Ccc Bbb1 Aaa1 " * 570,
    Code.DOCUMENT_NUMBER_IN_SUMMARY: "1 " * 4000,
    Code.PHONE_IN_SUMMARY: "+67991 00001 9123456 " * 380,
    Code.EMAIL_IN_SUMMARY: "a@a.aa" * 1300,
    Code.DATE_OF_BIRTH_IN_SUMMARY: "2011 03 14 " * 720,
    Code.ADDRESS_IN_SUMMARY: "w " * 4000,
}


@pytest.mark.parametrize("code", HEAVY)
def test_the_heaviest_alert_gets_its_answer(code):
    people = tuple(
        person(
            *(f"Aaa{i} Bbb{j} Ccc" for j in range(20)),
            pid=f"v{i}",
            born_on=date(2011, 3, 14),
            phones=(f"+67991{i:05}",),
            address=("w " * 99).strip(),
            documents=({"kind": "OTHER", "number": "1" * (i % 190 + 5)},),
        )
        for i in range(500)
    )
    found = _warnings(HEAVY[code], victims=Victims(persons=people))

    assert code in {warning.code for warning in found}
