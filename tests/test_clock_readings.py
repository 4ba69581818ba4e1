"""C26: each role compares its clock with the cluster's, says which is wrong, and waits."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import ClockWrong, KafkaUnavailable
from broker.wire.clock_readings import Reading
from broker.wire.cluster_clock import ClusterClock, judge
from broker.wire.connection import Connection
from broker.wire.topics import Topics

HOUR, DAY = 3_600_000, 86_400_000
TOLERANCE = 120_000


def around(broker, ahead_ms):
    """Return what reading a broker's clock gives that is *ahead_ms* ahead of ours."""
    return Reading(broker, ahead_ms - 5, ahead_ms + 5)


def clock_reading(*answers, clock=lambda: time.time_ns() // 1_000_000):
    """Return a cluster clock to which the brokers give these answers, one after the other."""
    left = list(answers)

    async def read():
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ClusterClock(Connection("127.0.0.1:1"), Topics(), 120, clock, read)


def test_c26_one_broker_and_we_cannot_tell_whose_clock_is_wrong():
    found = judge([around(1, -DAY)], TOLERANCE)

    assert found.waits
    assert found.text.startswith(
        "CLOCKS_DIFFER: this machine's clock is 23 h 59 min 59 s ahead of broker 1's"
    )


def test_c26_three_brokers_that_agree_show_that_ours_is_wrong_and_by_how_much():
    found = judge([around(n, HOUR + 5) for n in (1, 2, 3)], TOLERANCE)

    assert found.waits
    assert found.text == "CLOCK_WRONG: this machine's clock is 1 h behind those of brokers 1, 2, 3"


def test_c26_one_broker_of_three_is_named_and_holds_up_nobody():
    found = judge([around(1, 0), around(2, DAY + 5), around(3, 0)], TOLERANCE)

    assert not found.waits
    assert found.text == "BROKER_CLOCK_WRONG: broker 2's is 1 d ahead of ours"


@given(st.lists(st.integers(-TOLERANCE, TOLERANCE), min_size=1, max_size=5))
def test_c26_clocks_within_the_tolerance_stop_nobody(differences):
    readings = [around(n, each) for n, each in enumerate(differences)]

    assert judge(readings, TOLERANCE).text is None


@given(st.integers(TOLERANCE + 10, 400 * DAY), st.sampled_from([1, -1]), st.integers(1, 5))
def test_c26_ours_alone_is_never_believed_against_all_others(ahead, sign, brokers):
    readings = [around(n, sign * ahead) for n in range(brokers)]

    assert judge(readings, TOLERANCE).waits


def test_c26_a_slow_network_is_no_wrong_clock():
    assert judge([Reading(1, -30 * 60_000, 30 * 60_000)], TOLERANCE).text is None


async def test_c26_nothing_is_confirmed_before_the_cluster_was_asked():
    clock = clock_reading(KafkaUnavailable("UNREACHABLE"))

    assert clock.fault().code == "CLOCK_UNKNOWN"
    with pytest.raises(KafkaUnavailable):
        await clock.confirm()


async def test_c26_a_wrong_clock_is_asked_again_until_it_is_set():
    clock = clock_reading([around(1, DAY)], [around(1, 0)])

    with pytest.raises(ClockWrong):
        await clock.confirm()
    assert clock.fault().code == "CLOCKS_DIFFER"
    await clock.confirm()
    assert clock.fault() is None


async def test_c26_a_clock_that_jumps_is_compared_at_once():
    ours = [1_800_000_000_000]
    clock = clock_reading([around(1, 0)], [around(1, -DAY)], clock=lambda: ours[0])
    await clock.confirm()

    ours[0] += DAY

    assert clock.fault().code == "CLOCK_UNKNOWN"
    with pytest.raises(ClockWrong, match="ahead"):
        await clock.confirm()


async def test_c26_while_kafka_is_away_the_last_reading_bears_the_clock_out():
    clock = clock_reading([around(1, 0)], KafkaUnavailable("UNREACHABLE"))
    await clock.confirm()

    await clock.confirm()
    await asyncio.sleep(0)

    assert clock.fault() is None
