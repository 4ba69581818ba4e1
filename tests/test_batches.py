"""B14: a batch is unpacked within bounds, and a bad one stands in nobody's way."""

import contextlib
import tracemalloc
from pathlib import Path

import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.structs import TopicPartition
from bad_batches import CODECS, batch, placed, unnamed
from hypothesis import given
from hypothesis import strategies as st

from broker.model.reason import Reason
from broker.wire import bounded_consumer
from broker.wire.batches import Batches, Unreadable
from broker.wire.bounded_consumer import Records, Result
from broker.wire.unpack import UNPACKED_BYTES, Damaged, TooLarge, unpack

HERE = TopicPartition("intake.somebody", 1)
PACKED = st.sampled_from(sorted(CODECS.values()))


def records(content, *, at=0, committed=True):
    """Return the reader of what a broker answered."""
    isolation = fetcher.READ_COMMITTED if committed else fetcher.READ_UNCOMMITTED
    return Records(HERE, Batches(content), [], at, None, None, True, isolation)


def values(content, **options):
    return [(each.offset, each.value) for each in records(content, **options)]


@given(PACKED, st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=2000)), min_size=1))
def test_b14_what_is_within_bounds_is_read_as_it_was_written(codec, written):
    content = batch(codec, *written) + batch(0, (b"k", b"v"), at=len(written))
    read = list(records(content))

    assert [(each.key, each.value) for each in read] == [*written, (b"k", b"v")]
    assert [each.offset for each in read] == list(range(len(written) + 1))


@pytest.mark.parametrize("codec", CODECS)
def test_b14_a_batch_beyond_the_bound_is_one_record_and_its_neighbours_flow(codec):
    large = (b"k", bytes(1 << 20))
    bomb = batch(CODECS[codec], *[large] * 64, at=1)
    content = batch(0, (b"a", b"before")) + bomb + batch(4, (b"b", b"behind"), at=65)

    tracemalloc.start()
    first, stands, last = records(content)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (first.value, last.value) == (b"before", b"behind")
    assert (stands.offset, stands.value, stands.key) == (64, b"", None)
    assert isinstance(stands.value, Unreadable)
    assert (stands.value.reason, stands.value.first_offset) == (Reason.BATCH_TOO_LARGE, 1)
    assert stands.value.original == bomb
    assert most < 4 * UNPACKED_BYTES


@pytest.mark.parametrize("codec", CODECS)
def test_b14_each_codec_stops_at_the_bound_exactly(codec):
    number = CODECS[codec]
    whole = batch(number, (b"", bytes(UNPACKED_BYTES - 20)))
    packed = whole[61:]
    size = len(unpack(number, packed))

    assert unpack(number, packed, size)
    with pytest.raises(TooLarge):
        unpack(number, packed, size - 1)


@given(PACKED, st.binary(max_size=300))
def test_b14_no_bytes_do_more_than_be_refused(codec, packed):
    with contextlib.suppress(TooLarge, Damaged):
        assert len(unpack(codec, packed, 1000)) <= 1000


def test_b14_a_codec_that_nobody_knows_is_damage():
    with pytest.raises(Damaged):
        unpack(5, b"")


def test_b14_a_header_whose_name_is_no_text_does_not_end_the_reader():
    content = placed(unnamed()._build(), 0) + batch(0, (b"k", b"behind"), at=1)

    stands, behind = records(content)

    assert stands.value.reason is Reason.BATCH_UNREADABLE
    assert (stands.offset, behind.value) == (0, b"behind")


def test_b14_a_damaged_batch_is_fetched_again_before_it_is_passed_over():
    whole = batch(0, (b"k", b"damaged"), (b"k", b"too"), at=7)
    content = whole[:-1] + b"\x55" + batch(0, (b"k", b"behind"), at=9)
    for _ in range(2):
        with pytest.raises(CorruptRecordException):
            list(records(content, at=7))

    stands, behind = records(content, at=7)

    assert (stands.offset, stands.value.reason) == (8, Reason.BATCH_UNREADABLE)
    assert behind.value == b"behind"


def test_b14_a_reader_in_the_middle_of_a_bad_batch_goes_on_behind_it():
    bomb = batch(4, *[(b"k", bytes(1 << 20))] * 64)

    assert values(bomb, at=40) == [(63, b"")]


def test_b14_a_batch_that_is_cut_off_is_left_for_the_next_answer():
    content = batch(0, (b"k", b"one")) + batch(0, (b"k", b"two"), at=1)

    assert values(content[:-5]) == [(0, b"one")]
    assert not Batches(content[:60]).has_next()


def test_b14_one_poll_takes_a_bounded_part():
    class Assignment:
        active = True

        def __init__(self):
            self.position, self.paused = 0, False

        def state_value(self, _partition):
            return self

        def consumed_to(self, position):
            self.position = position

    # Each batch is within the bound, and they are many: 8 MiB in one, 8 in the next, and so on.
    large = (b"k", bytes(1 << 20))
    content = b"".join(batch(4, *[large] * 7, at=7 * n) for n in range(40))
    result = Result(HERE, assignment=Assignment(), partition_records=records(content), backoff=0)
    polls = []
    while result.has_more():
        polls.append(len(result.getall(500)))

    assert sum(polls) == 280
    assert max(polls) <= 9


def test_b14_every_consumer_of_lali_reads_so():
    makers = [
        file.name
        for folder in ("broker", "connectors")
        for file in (Path(__file__).parents[1] / folder).rglob("*.py")
        if "AIOKafkaConsumer(" in file.read_text()
    ]

    assert makers == []


async def test_b14_a_new_consumer_reads_so():
    consumer = bounded_consumer.new_consumer(bootstrap_servers="127.0.0.1:9")

    assert consumer is not None
    assert fetcher.MemoryRecords is Batches
    assert fetcher.PartitionRecords is Records
    assert fetcher.FetchResult is Result
