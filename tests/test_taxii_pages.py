"""Pages of a collection: whatever its records, limits and changes, nothing is lost or cut open."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stix_references import refs_in
from taxii_desk import FEED, MASKS, MOMENT_MS, STEPS, Desk, desk_with, value_of, values

from broker.gateway.problems import Problem
from broker.model.compartment import ALL_COMPARTMENTS
from broker.stix.identifiers import object_id
from broker.testing import alert_id_of


@given(steps=STEPS, limit=st.integers(1, 40))
@settings(max_examples=30)
def test_pages_of_any_size_give_every_object_and_no_own_object_twice(steps, limit):
    desk = desk_with(steps)
    pages = desk.pages(limit)

    assert values(pages) == values([desk.page()])
    own = [each.id for page in pages for each in page.objects if not each.shared]
    assert len(own) == len(set(own))
    for page in pages:
        ids = [each.id for each in page.objects]
        assert len(ids) == len(set(ids)) <= limit


@given(steps=STEPS, limit=st.integers(1, 40))
@settings(max_examples=30)
def test_whoever_has_read_so_far_has_everything_that_is_referred_to(steps, limit):
    known = set()
    for page in desk_with(steps).pages(limit):
        for each in page.objects:
            known.add(each.id)
            assert set(refs_in(each.value)) <= known


@given(steps=STEPS)
@settings(max_examples=30)
def test_a_page_with_room_for_a_record_needs_no_other_page(steps):
    for page in desk_with(steps).pages(60):
        known = {each.id for each in page.objects}
        assert set(refs_in([each.value for each in page.objects])) <= known


def test_a_record_is_cut_only_if_it_has_more_than_a_page_may_have():
    desk = desk_with([(number % 3, ALL_COMPARTMENTS) for number in range(6)])
    most = len(desk.page().objects)
    pages = desk.pages(most // 3)

    assert len(pages) > 2
    for page in pages:
        known = {each.id for each in page.objects}
        assert set(refs_in([each.value for each in page.objects])) <= known


def test_a_cut_record_that_shows_something_else_begins_anew():
    desk = desk_with([(0, ALL_COMPARTMENTS)])
    place = (0, 0)
    cut = desk.page(9)
    # Less than what was read already is left, and none of its number stands where it stood.
    desk.permitting.masks[place] = ALL_COMPARTMENTS & ~0b111100
    rest = desk.page(cursor=cut.next)
    wanted = [each.id for each in desk.page().objects]

    assert [each.id for each in rest.objects] == wanted


def test_a_cut_record_goes_on_where_it_was_cut():
    desk = desk_with([(0, ALL_COMPARTMENTS)])
    every = [each.id for each in desk.page().objects]
    cut = desk.page(9)

    assert [each.id for each in cut.objects] == every[:9]
    assert [each.id for each in desk.page(cursor=cut.next).objects] == every[9:]


def test_a_cut_record_that_is_passed_over_later_cuts_no_other():
    desk = desk_with([(0, ALL_COMPARTMENTS), (0, ALL_COMPARTMENTS)])
    cut = desk.page(9)
    desk.permitting.masks[0, 0] = None
    rest = [each.id for each in desk.page(cursor=cut.next).objects]

    assert rest == [each.id for each in desk.page().objects]


@given(steps=STEPS.filter(bool), limit=st.integers(1, 12), change=st.data())
@settings(max_examples=30)
def test_what_is_narrowed_between_two_pages_loses_nothing_that_is_left(steps, limit, change):
    desk = desk_with(steps)
    places = [(row.partition, row.offset) for row in desk.shelf.after(FEED, {}, 100)]

    def between(number):
        if number == 1:
            for place in places:
                mask = change.draw(MASKS | st.just(None) | st.just(ALL_COMPARTMENTS))
                desk.permitting.masks[place] = mask

    found = values(desk.pages(limit, between))
    for identifier, value in values([desk.page()]).items():
        if not identifier.startswith("file--"):
            assert found[identifier]["id"] == value["id"]


@given(steps=STEPS, limit=st.integers(50, 90))
@settings(max_examples=30)
def test_going_on_from_the_last_date_gives_the_rest(steps, limit):
    desk = desk_with(steps)
    found, after = [], None
    while (page := desk.page(limit, after=after)).objects:
        found.append(page)
        after = max(each.added for each in page.objects)
    assert values(found) == values([desk.page()])


def test_nothing_is_served_above_the_horizon():
    desk = Desk()
    desk.put(0, value_of(1))
    desk.put(1, value_of(2))
    assert desk.page().objects == ()  # a third partition may still bring an earlier one

    desk.reach()
    assert {each.id for each in desk.page().objects if each.id.startswith("report")} == {
        object_id("report", FEED, alert_id_of(number), "report") for number in (1, 2)
    }


def test_what_comes_later_comes_behind_the_page_that_was_read():
    desk = desk_with([(0, ALL_COMPARTMENTS), (1, ALL_COMPARTMENTS)])
    last = max(each.added for each in desk.page().objects)
    desk.put(2, value_of(9))
    desk.reach(MOMENT_MS + 20_000_000)

    (report,) = (e for e in desk.page(after=last).objects if e.value["type"] == "report")
    assert report.id == object_id("report", FEED, alert_id_of(9), "report")


# When something is wrong


def test_a_policy_that_errs_ends_the_page_and_passes_nothing_over():
    desk = desk_with([(0, ALL_COMPARTMENTS)])
    desk.permitting.failing = True
    with pytest.raises(Problem) as refused:
        desk.page()
    assert refused.value.status == 503

    desk.permitting.failing = False
    assert desk.page().objects


@given(cursor=st.text(max_size=40))
@settings(max_examples=30)
def test_no_text_that_is_not_a_cursor_is_taken_for_one(cursor):
    with pytest.raises(Problem) as refused:
        desk_with([]).page(cursor=cursor)
    assert (refused.value.status, refused.value.code) == (400, "CURSOR_INVALID")
