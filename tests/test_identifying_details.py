"""Numbers, dates and places that lead to a person are found, held by the alert or not."""

import pytest
from summaries import FIJI, codes_in, found_in, person

from broker.model.content import Document, Place, Places
from broker.model.warning import WarningCode as Code

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


def test_an_address_of_the_alert_is_found_by_its_street():
    home = person("X", address="Behind the cold store, wharf road, Port Vila, Vanuatu")
    places = Places(items=(Place(name="Port Vila"),))

    assert codes_in("She sleeps behind the cold store there", home, places=places) == {
        Code.ADDRESS_IN_SUMMARY
    }
    assert codes_in("On the way to Port Vila, Vanuatu", home, places=places) == set()


def test_a_document_of_no_person_counts_too():
    from broker.model.content import Documents

    papers = Documents(items=(Document(kind="PASSPORT", number="LA 12.34/56"),))
    assert codes_in("It is la123456", documents=papers) == {Code.DOCUMENT_NUMBER_IN_SUMMARY}
