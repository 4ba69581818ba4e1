"""The names of an alert's people are found however they are written, and ordinary words are not."""

import pytest
from summaries import OKINAS, codes_in, person

from broker.model.content import Role, Source, Suspects
from broker.model.travel import Conveyance, Conveyances, Place, Places
from broker.model.warning import WarningCode as Code

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
    places = Places(items=(Place(name="Tanna, south"),))
    vessel = Conveyances(items=(Conveyance(kind="VESSEL", name="Rolinas 7"),))

    text = "The Rolinas leaves Tanna"
    assert codes_in(text, tanna) == {Code.NAME_IN_SUMMARY}
    assert codes_in(text, tanna, places=places, conveyances=vessel) == set()
    both = "Rolinas Tanna is on board"
    assert codes_in(both, tanna, places=places, conveyances=vessel) == {Code.NAME_IN_SUMMARY}
