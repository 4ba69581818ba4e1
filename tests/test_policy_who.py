"""`lali policy who`: who would see an alert, at which moment, without a value of it."""

import json
import re

import pytest

from broker.resources import shipped

PACIFIC = shipped("policies") / "pacific"
SAMPLES = shipped("schemas") / "alert" / "samples"
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked:UserWarning")
DURING = "2026-06-02T00:00:00Z"


#: How many feeds receive, where the sample is about just that: drill feeds, and who is named.
WHO_RECEIVES = {"exercise": 2, "red-named": 1}


@pytest.mark.parametrize("sample", sorted(each.stem for each in SAMPLES.glob("*.json")))
def test_who_answers_for_every_feed_and_shows_no_value_of_the_alert(sample, lali):
    file = SAMPLES / f"{sample}.json"
    code, out, err = lali(
        "policy", "who", "--alert", file, "--at", DURING, "--bundle", PACIFIC, "--json"
    )

    assert (code, err) == (0, "")
    rows = json.loads(out)["feeds"]
    assert len({row["feed"] for row in rows}) == len(rows) > 40
    for row in rows:
        assert not set(row["sees"]) & set(row["withheld"])
        assert (row["reason"] is None) == (row["verdict"] == "RELEASE")
        assert row["rules"] or row["reason"] == "NO_RULE_PERMITS"
    released = [row["feed"] for row in rows if row["verdict"] == "RELEASE"]
    assert len(released) == WHO_RECEIVES.get(sample, len(released))


def test_who_tells_people_the_same_as_machines(lali):
    words = ("policy", "who", "--alert", SAMPLES / "red-named.json", "--at", DURING)
    _, out, _ = lali(*words, "--bundle", PACIFIC, "--json")
    rows = json.loads(out)["feeds"]

    code, text, _ = lali(*words, "--bundle", PACIFIC)

    assert code == 0
    assert f"1 of {len(rows)} feeds would receive it" in text.splitlines()[0]
    for row in rows:
        assert re.search(rf"\b{row['feed']}\b", text)


def test_who_asks_at_the_moment_that_is_given(lali):
    words = ("policy", "who", "--alert", SAMPLES / "fishing-crew.json", "--bundle", PACIFIC)

    _, then, _ = lali(*words, "--at", DURING, "--json")
    _, later, _ = lali(*words, "--at", "2099-01-01T00:00:00Z", "--json")

    assert {row["verdict"] for row in json.loads(then)["feeds"]} == {"RELEASE", "WITHHOLD"}
    assert {row["reason"] for row in json.loads(later)["feeds"]} == {"EXPIRED"}


@pytest.mark.parametrize("at", ["Mere-of-Apia", "2026-06-01T00:00:00", "2026-13-01T00:00:00Z", ""])
def test_a_moment_that_is_none_is_refused_and_not_repeated(at, lali):
    code, out, err = lali(
        "policy", "who", "--alert", SAMPLES / "cancel.json", "--at", at, "--bundle", PACIFIC
    )
    assert (code, out) == (2, "")
    assert err == "lali: --at takes a date with its zone, such as 2026-06-01T00:00:00Z\n"


def test_who_refuses_what_it_cannot_answer_in_one_line(tmp_path, lali):
    spoilt = tmp_path / "spoilt.json"
    spoilt.write_text('{"alert_id": "Mere of Apia", "tlp": ')
    sample = SAMPLES / "cancel.json"
    for alert, feed, code in ((spoilt, "", 1), (tmp_path / "no.json", "", 1), (sample, "no", 2)):
        more = ("--feed", feed) if feed else ()
        ended, out, err = lali("policy", "who", "--alert", alert, "--bundle", PACIFIC, *more)
        assert (ended, out, err.count("\n")) == (code, "", 1)
        assert "Mere" not in err
