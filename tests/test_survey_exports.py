"""C34, and number 42: KoBo and ODK exports of the HTCDS form go in as they come."""

import itertools
from datetime import date

import pytest
from htcds_sheets import BASE, sheet_refusal
from hypothesis import given
from hypothesis import strategies as st
from survey_exports import Export, questions, written

from broker.model.reason import Reason
from broker.pipeline.publish import split
from connectors.intake import htcds_codes
from connectors.intake.htcds import read_htcds
from connectors.intake.htcds_codes import pick, pick_all, tick
from connectors.intake.survey_columns import is_bookkeeping, survey_column

ANSWERS = {
    "con_Consent": "TRUE", "prs_First_Name": "ʻAna", "prs_Second_Name": "Testimoala",
    "prs_Birthdate": "2012-03-01", "prs_Gender": "Feminine", "prs_Citizenship": "VU",
    "prs_Title": "Other Name", "prs_MailingState": "Malampa",
    "vic_MethodOfRecruitment": ["ThroughAnOnlineAdvertisement", "AtWork"],
    "vic_TraffickingStatus": "PossibleVictimOfTrafficking",
    "vic_TraffickingStatusDecisionMakingOrg": "NGO",
    "vic_Methods_of_Control": ["PhysicalThreats", "ThreatsLawEnforcement", "Other",
                               "ThreatensChildrenFamily"],
    "vic_TypeOfExploitation": ["ForcedLabour", "ForcedMilitaryByNonStateActors"],
    "vic_ForcedLabourIndustry": ["A_AgricultureForestryAndFishing",
                                 "E_WaterSupplySewerageWasteManagement",
                                 "G_WholesaleAndRetailTradeRepairOfMotorVehicles"],
    "cas_Status": "FollowUp", "cas_IncomingReferralDate": "2026-02-01",
    "cas_IncomingReferralDetails": "Rang; asked for a friend, twice",
}  # fmt: skip

EXPORTS = [
    Export("kobo", labels, split_, group)
    for labels, split_, group in itertools.product(
        (False, True), ("no", "yes", "both"), ("", "case/person")
    )
] + [Export("central", False, s, g) for s in ("no", "yes", "both") for g in ("", "case-person")]


@pytest.fixture(scope="module")
def asked(htcds):
    return questions(htcds / "htcds_xlsform.xml")


def drafts(path):
    found = list(read_htcds(path, BASE))
    assert [str(each.refusal) for each in found if each.refusal] == []
    return [each.draft for each in found]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize(
    "export", EXPORTS, ids=lambda e: f"{e.tool} {e.labels} {e.split} {e.group}"
)
def test_c34_every_export_setting_says_the_same(asked, tmp_path, export, form):
    if export.tool == "central" and form == "xlsx":
        pytest.skip("ODK Central writes no spreadsheets")
    rows = [export.row(asked, ANSWERS), export.row(asked, {**ANSWERS, "prs_First_Name": "Bee"})]
    found = drafts(written(tmp_path / f"export.{form}", export, rows))
    assert len(found) == 2
    alert = split(found[0])
    (person,) = alert.compartments.victims.persons
    assert person.names == ("ʻAna Testimoala",)
    assert person.aliases == ("Other Name",)
    assert person.born_on == date(2012, 3, 1)
    assert person.citizenships == ("VU",)
    assert "Malampa" in person.address
    assert set(alert.compartments.indicators.controls) == {
        pick(code, htcds_codes.CONTROLS) for code in ANSWERS["vic_Methods_of_Control"]
    }
    assert set(alert.compartments.indicators.recruitment) == set(ANSWERS["vic_MethodOfRecruitment"])
    assert {str(each) for each in alert.label.sectors} == {
        str(pick(code, htcds_codes.INDUSTRY)) for code in ANSWERS["vic_ForcedLabourIndustry"]
    }
    assert len(alert.label.exploitation) == 2
    assert "Status: FollowUp" in alert.compartments.source.text.replace("Follow Up", "FollowUp")
    assert "submitted_via_web" not in str(found)
    assert "enumerator7" not in str(found)
    assert "Enumerator" not in str(found)


def test_c34_what_kobo_says_of_a_submission_is_no_case(asked, tmp_path):
    export = Export("kobo")
    path = written(tmp_path / "c.csv", export, [export.row(asked, {})])
    assert drafts(path) == []


def test_c34_another_persons_group_is_not_taken_for_this_one(asked, tmp_path):
    export = Export("kobo")
    row = [*export.row(asked, ANSWERS), ("mother/prs_First_Name", "SYNTHETIC")]
    assert sheet_refusal(written(tmp_path / "c.csv", export, [row]))[0] is Reason.DUPLICATE_KEY


@pytest.mark.parametrize("header", ["witness", "prs_FavouriteSong", "case/prs_FavouriteSong"])
def test_c34_a_column_that_is_not_the_forms_still_stops_the_file(asked, tmp_path, header):
    export = Export("kobo")
    row = [*export.row(asked, ANSWERS), (header, "SYNTHETIC")]
    assert sheet_refusal(written(tmp_path / "c.csv", export, [row]))[0] is Reason.COLUMN_UNKNOWN


def test_c34_a_choice_that_the_form_does_not_have_stops_the_file(asked, tmp_path):
    export = Export("kobo", split="yes")
    row = [*export.row(asked, ANSWERS), ("vic_Methods_of_Control/Magic", "1")]
    assert sheet_refusal(written(tmp_path / "c.csv", export, [row]))[0] is Reason.COLUMN_UNKNOWN


def test_c34_a_choice_is_ticked_or_not_and_nothing_else():
    assert [tick(each) for each in ("1", 1, 1.0, True, "TRUE", "yes")] == [True] * 6
    assert [tick(each) for each in (None, "", "0", 0, False, "no")] == [False] * 6
    with pytest.raises(Exception, match="CODE_UNKNOWN"):
        tick("perhaps")


SEVERAL = {
    "vic_Methods_of_Control": htcds_codes.CONTROLS,
    "vic_TypeOfExploitation": htcds_codes.EXPLOITATION,
    "vic_ForcedLabourIndustry": htcds_codes.INDUSTRY,
    "vic_MethodOfRecruitment": htcds_codes.RECRUITMENT,
    "vic_TypeOfSexExploitation": htcds_codes.SEX_EXPLOITATION,
}


@given(data=st.data())
def test_c34_any_choices_are_read_back_from_their_labels_and_codes(htcds, data):
    field = data.draw(st.sampled_from(sorted(SEVERAL)))
    (question,) = [q for q in questions(htcds / "htcds_xlsform.xml") if q.name == field]
    chosen = data.draw(st.lists(st.sampled_from(question.options), unique=True, max_size=8))
    by = data.draw(st.sampled_from([0, 1]))
    mark = data.draw(st.sampled_from([" ", "; ", ", ", "|"]))
    expected = {pick(code, SEVERAL[field]) for code, _ in chosen}
    assert set(pick_all(mark.join(each[by] for each in chosen), SEVERAL[field])) == expected


@given(st.from_regex(r"_{1,2}[a-z][a-z_]{0,20}", fullmatch=True))
def test_c34_names_with_an_underscore_before_them_are_the_tools_own(header):
    assert is_bookkeeping(header, central=False)


def test_c34_central_s_status_is_not_the_cases():
    assert is_bookkeeping("Status", central=True)
    assert not is_bookkeeping("Status", central=False)
    assert (
        survey_column("Interview - First Name", {"First Name": "x"}.get, lambda *_: False) is None
    )
