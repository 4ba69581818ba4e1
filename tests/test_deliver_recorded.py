"""A partition of a feed is committed as far as its ends are written, whoever asks in between."""

from types import SimpleNamespace

from broker.pipeline.feed_partitions import Lane


def test_what_has_ended_counts_for_a_commit_only_once_its_end_is_written():
    lane = Lane(SimpleNamespace(topic="feed.x", partition=0), 5)
    first, second = (SimpleNamespace(offset=offset) for offset in (5, 6))
    lane.add([first, second])

    lane.done(first)
    assert (lane.floor, lane.recorded) == (6, 5)

    lane.written()
    lane.done(second)
    assert (lane.floor, lane.recorded) == (7, 6)
