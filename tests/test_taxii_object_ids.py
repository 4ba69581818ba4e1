"""An object of a collection is found by its id, and only where it can be is it looked for."""

from taxii_desk import FEED, OTHER, desk_with

from broker.gateway.taxii.asked import Match
from broker.model.compartment import ALL_COMPARTMENTS, Compartment, mask_of
from broker.stix.identifiers import object_id
from broker.testing import alert_id_of


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
