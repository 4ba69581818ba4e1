"""C26: no lane forgets by a clock that has jumped, though the whole site may share it."""

from hypothesis import given
from hypothesis import strategies as st

from broker.pipeline.believed_clock import BelievedClock

START, HOUR, DAY = 1_800_000_000_000, 3_600_000, 86_400_000


class Passing:
    def __init__(self):
        self.seconds = 1_000.0

    def __call__(self):
        return self.seconds


def lane():
    passing = Passing()
    return BelievedClock(passing), passing


def test_c26_a_ledger_written_yesterday_may_forget_today():
    clock, _ = lane()
    clock.was(START)

    assert clock.may_forget(START + DAY)


def test_c26_forty_days_ahead_nothing_is_forgotten_for_a_day():
    clock, passing = lane()
    clock.was(START)
    said = []
    for hour in range(25):
        said.append(clock.may_forget(START + 40 * DAY + hour * HOUR))
        passing.seconds += 3600

    assert said == [False] * 24 + [True]


def test_c26_a_jump_while_it_runs_is_one_too_and_setting_the_clock_right_is_none():
    clock, passing = lane()
    assert clock.may_forget(START)
    passing.seconds += 1
    assert not clock.may_forget(START + 15 * DAY)
    passing.seconds += 1
    assert not clock.may_forget(START)  # back: right again, and still held for its day
    passing.seconds += 24 * 3600
    assert clock.may_forget(START + DAY)


@given(st.lists(st.integers(1, 72), min_size=1, max_size=40))
def test_c26_a_clock_that_goes_with_time_always_may(hours):
    clock, passing = lane()
    now = START
    for each in hours:
        now += each * HOUR
        passing.seconds += each * 3600
        assert clock.may_forget(now)
