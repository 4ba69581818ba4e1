"""Server-sent events are the same wherever the stream was cut."""

from hypothesis import given
from hypothesis import strategies as st

from broker.client.http.events import Event, EventParser


@given(st.lists(st.integers(1, 30), max_size=20), st.lists(st.binary(min_size=1, max_size=20)))
def test_events_are_the_same_wherever_the_stream_was_cut(cuts, contents):
    events = [Event(f"c{n}", c.hex().encode(), "release") for n, c in enumerate(contents)]
    stream = b": alive\n\n" + b"".join(
        f"id: {each.id}\nevent: release\ndata: ".encode() + each.data + b"\n\n: alive\n\n"
        for each in events
    )
    parser, found, start = EventParser(), [], 0
    for length in [*cuts, len(stream)]:
        found += parser.feed(stream[start : start + length])
        start += length

    assert found == events
