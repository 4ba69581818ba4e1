"""B20: the oracle of the fault runs sees what it is there for, and its page keeps what it knows."""

import json
from types import SimpleNamespace

import pytest
from faults import oracle as judging
from faults import page
from faults.oracle import Oracle, partner

FEED, OTHER, MARK = "fiji-tcu-investigate", "ptccc-coordinate", "0123456789ab"


@pytest.fixture
def site(monkeypatch, tmp_path):
    """A feed and a partner of two feeds, which have what they should."""
    made = SimpleNamespace(held=[b"cnry0123456789ab-summary"], folders={})
    for feed in (FEED, OTHER):
        made.folders[feed] = tmp_path / feed
        made.folders[feed].mkdir()
        _collect(made, feed, "a", "summary")
    monkeypatch.setattr(judging, "records", lambda *_, **__: {"feed.border": _records(made.held)})
    made.oracle = Oracle("", "", ["border"], made.folders)
    made.oracle.learn([MARK])
    return made


def _records(held):
    return [SimpleNamespace(value=v, partition=0, offset=n) for n, v in enumerate(held)]


def _collect(site, feed, name, *slots):
    text = " ".join(f"cnry{MARK}-{slot}" for slot in slots)
    (site.folders[feed] / f"{name}.json").write_text(json.dumps(text))


def test_b20_nothing_is_found_where_nothing_is_wrong(site):
    assert site.oracle.judge([MARK]).holds


def test_b20_what_a_partner_has_not_is_lost(site):
    (site.folders[FEED] / "a.json").unlink()

    assert site.oracle.judge([MARK]).lost == [(partner(FEED), MARK)]


def test_b20_what_came_under_two_keys_came_twice(site):
    _collect(site, FEED, "b", "summary")

    assert site.oracle.judge([MARK]).twice == [(partner(FEED), MARK)]


def test_b20_what_stands_twice_in_a_feed_is_there_twice(site):
    site.held *= 2

    assert site.oracle.judge([MARK]).twice == [("border", MARK)]


def test_b20_a_part_that_nobody_expected_there_is_leaked(site):
    _collect(site, FEED, "a", "summary", "source")

    assert site.oracle.judge([MARK]).leaked == [(partner(FEED), MARK)]


def test_b20_who_a_victim_is_is_leaked_to_a_border_though_it_was_learned_so(site):
    site.held[0] += b" cnry0123456789ab-victims"
    site.oracle.expected["border"] = frozenset({"summary", "victims"})

    assert site.oracle.judge([MARK]).leaked == [("border", MARK)]


def test_b20_what_retention_deletes_after_it_was_seen_is_not_lost(site):
    site.oracle.look()
    site.held.clear()

    assert site.oracle.judge([MARK]).holds


def test_b20_the_page_keeps_the_rows_of_faults_that_did_not_run_this_time(tmp_path):
    file = tmp_path / "faults.md"
    page.write(file, {"kafka killed": ["14", "0", "0", "0", "2 s"], "clock": page.not_run()})
    page.write(file, {"clock": ["14", "0", "0", "0", "9 s"], "kafka killed": page.not_run()})

    assert file.read_text().endswith(
        "| kafka killed | 14 | 0 | 0 | 0 | 2 s |\n| clock | 14 | 0 | 0 | 0 | 9 s |\n"
    )
