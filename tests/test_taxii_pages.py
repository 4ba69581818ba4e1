"""Pages of a collection: whatever its records, limits and changes, nothing is lost or cut open.

The shelf is the gateway's own; what stands for ledger and policy is a table that the test sets.
"""

import asyncio
import sqlite3
from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.gateway import database as database_module
from broker.gateway.cursor import Cursors
from broker.gateway.problems import Problem
from broker.gateway.serve import PolicyFailed, Served
from broker.gateway.shelf import Shelf
from broker.gateway.taxii.asked import Asked, Match, written
from broker.gateway.taxii.library import Library
from broker.gateway.taxii.pages import Collection
from broker.model.compartment import ALL_COMPARTMENTS, Compartment, mask_of
from broker.model.release import ReleaseKind
from broker.pipeline.project import encode_moment, narrow, read_release, recall
from broker.stix.identifiers import object_id
from broker.testing import NOON, alert_id_of, make_alert, make_recall, make_release
from broker.wire.alert_codec import decode_release
from broker.wire.partition import Target
from broker.wire.topics import Topics

FEED, OTHER = "a-feed", "b-feed"
TOPICS = Topics("", partitions=3)
MOMENT_MS = int(NOON.timestamp() * 1000)
SECRET = b"s" * 32
ALL = Match(words=frozenset({"all"}))


class Permitting:
    """Serves what the test permits: a mask for each row, None to pass it over."""

    def __init__(self):
        self.masks = {}
        self.recalled = set()
        self.failing = False

    async def serve(self, row):
        if self.failing:
            raise PolicyFailed
        place = (row.partition, row.offset)
        mask = self.masks.get(place, ALL_COMPARTMENTS)
        if mask is None:
            return None
        release = narrow(read_release(row.value), mask)
        if place in self.recalled:
            moment = encode_moment(row.added // 1000)
            release = recall(release.identity, release.revision, moment)
        view = decode_release(release.value)
        return Served(row, release, view, b"{}")


class Desk:
    """A collection of one feed, with as many records as the test puts into it."""

    def __init__(self):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.executescript(database_module._TABLES)
        self.shelf = Shelf(SimpleNamespace(connection=connection), TOPICS, [FEED, OTHER])
        self.permitting = Permitting()
        community = SimpleNamespace(publishers=lambda: ["fiji-immigration"])
        library = Library(
            SimpleNamespace(shelf=self.shelf, servings=self.permitting, community=community)
        )
        self.collection = Collection(self.shelf, library, Cursors(SECRET, "taxii"), FEED)
        self.offsets = [0, 0, 0]

    def put(self, partition, value):
        offset = self.offsets[partition]
        self.offsets[partition] += 3  # Kafka's own records lie between
        moment = MOMENT_MS + sum(self.offsets)
        topic = TOPICS.feed(FEED)
        record = SimpleNamespace(
            topic=topic, partition=partition, offset=offset, timestamp=moment, value=value
        )
        self.shelf.take([record])
        return partition, offset

    def reach(self, moment_ms=MOMENT_MS + 10_000_000):
        for partition in range(TOPICS.partitions):
            self.shelf.reached(Target(TOPICS.feed(FEED), partition), moment_ms)

    def page(self, limit=1000, after=None, cursor=None, match=ALL):
        return asyncio.run(self.collection.page(Asked(after, cursor, limit, match)))

    def pages(self, limit, between=lambda number: None, **more):
        found, cursor = [], None
        while True:
            page = self.page(limit, cursor=cursor, **more)
            found.append(page)
            if page.next is None:
                return found
            cursor = page.next
            between(len(found))


def value_of(number, mask=ALL_COMPARTMENTS):
    return make_release(make_alert(alert_id=alert_id_of(number)), mask).value


def desk_with(steps):
    desk = Desk()
    for number, (partition, mask) in enumerate(steps):
        desk.put(partition, value_of(number, mask))
    desk.reach()
    return desk


def refs_in(value):
    if isinstance(value, dict):
        for name, each in value.items():
            if name.endswith("_refs"):
                yield from each
            elif name.endswith("_ref"):
                yield each
            else:
                yield from refs_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from refs_in(each)


def values(pages):
    return {each.id: each.value for page in pages for each in page.objects}


MASKS = st.integers(0, ALL_COMPARTMENTS)
STEPS = st.lists(st.tuples(st.integers(0, 2), MASKS), max_size=8)


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


# Versions


def _versions(desk, word):
    match = Match(types=frozenset({"report"}), words=frozenset({word}))
    return [each.value["extensions"] and each.version for each in desk.page(match=match).objects]


def test_first_last_and_all_are_told_among_what_may_be_served():
    desk = Desk()
    first = desk.put(0, value_of(1))
    desk.put(0, make_recall(alert_id_of(1), 2).value)
    desk.put(1, value_of(5))
    desk.reach()
    one, recalled = "2026-06-01T12:00:00.000Z", "2026-06-01T12:00:00.001Z"

    assert _versions(desk, "all") == [one, recalled, one]
    assert _versions(desk, "last") == [recalled, one]
    assert _versions(desk, "first") == [one, one]
    desk.permitting.masks[first] = None  # what was recalled is passed over
    assert _versions(desk, "all") == _versions(desk, "first") == [recalled, one]


def test_a_version_is_matched_as_a_moment():
    desk = desk_with([(0, ALL_COMPARTMENTS)])
    moment = int(NOON.timestamp() * 1_000_000)
    match = Match(versions=frozenset({moment}), words=frozenset())

    found = {each.value["type"] for each in desk.page(match=match).objects}
    assert "report" in found
    assert "marking-definition" not in found


def test_a_recall_in_place_of_a_release_is_newer_whatever_the_clocks_say():
    desk = Desk()
    value = value_of(1)
    place = desk.put(0, value)
    desk.reach()
    (report,) = (e for e in desk.page().objects if e.value["type"] == "report")
    desk.permitting.recalled.add(place)
    # The broker's clock is behind the router's.
    row = desk.shelf.after(FEED, {}, 1)[0]
    assert row.added // 1000 - MOMENT_MS < 10
    desk.shelf._sql.execute("UPDATE shelved SET added=?", (row.added - 60_000_000,))

    (after,) = (e for e in desk.page().objects if e.value["type"] == "report")
    assert after.value["revoked"] is True
    assert after.version > report.version


# One object


def test_an_object_is_found_by_its_id_without_looking_at_other_alerts():
    desk = desk_with([(number % 3, ALL_COMPARTMENTS) for number in range(6)])
    for number in range(6):
        wanted = object_id("identity", FEED, alert_id_of(number), "suspects p2")
        page = desk.page(match=Match(ids=frozenset({wanted})))
        assert [each.id for each in page.objects] == [wanted]
        assert page.next is None
        assert len(page.served) == 1


def test_files_and_what_is_shared_are_found_among_all():
    desk = desk_with([(0, 0), (1, ALL_COMPARTMENTS)])
    kinds = {each.value["type"]: each.id for each in desk.page().objects}
    for kind in ("file", "marking-definition", "extension-definition", "location"):
        page = desk.page(match=Match(ids=frozenset({kinds[kind]})))
        assert {each.id for each in page.objects} == {kinds[kind]}


def test_a_file_is_looked_for_only_where_there_is_evidence():
    evidence = mask_of([Compartment.EVIDENCE])
    desk = desk_with([(0, evidence), (1, ALL_COMPARTMENTS & ~evidence), (2, evidence)])
    files = {each.id for each in desk.page().objects if each.value["type"] == "file"}
    looked_at = []
    serve = desk.permitting.serve

    async def watched(row):
        looked_at.append(row.partition)
        return await serve(row)

    desk.permitting.serve = watched
    for each in files:
        assert {e.id for e in desk.page(match=Match(ids=frozenset({each}))).objects} == {each}
    assert len(files) == 2
    assert set(looked_at) == {0, 2}


def test_an_object_of_another_feed_is_not_found():
    desk = desk_with([(0, ALL_COMPARTMENTS)])
    theirs = object_id("report", OTHER, alert_id_of(0), "report")

    assert desk.page(match=Match(ids=frozenset({theirs}))).objects == ()


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


@given(added=st.integers(0, 4_000_000_000_000_000))
def test_a_date_is_written_to_the_microsecond_and_read_back(added):
    from broker.gateway.taxii.asked import microseconds

    assert microseconds(written(added), "x") == added


def test_recalls_are_served_as_they_are():
    desk = Desk()
    desk.put(0, make_recall(alert_id_of(3), 2).value)
    desk.reach()
    (served,) = desk.page().served

    assert served.release.kind is ReleaseKind.RECALL
    assert served.view.released_at == NOON + timedelta(0)
