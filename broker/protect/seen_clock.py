"""The clock as it was last seen: one that has jumped far destroys nothing for a day.

A machine whose clock is wrong may be the whole cluster, and then nothing contradicts it. But a
clock that is days ahead of where it was last seen is wrong, or comes back from a long absence;
in either case what could be destroyed can wait until an operator had a day to look.
"""

from pathlib import Path

import structlog

from broker.errors import SettingsInvalid
from broker.model.base import Model
from broker.protect.model_files import read_model, write_whole

log = structlog.get_logger()

_HOUR_MS = 3_600_000
#: So much further, and the clock is not believed at once.
_JUMP_MS = 48 * _HOUR_MS
#: It is believed after it was seen so often, an hour apart.
_TIMES = 24
#: Nearly an hour: whoever asks hourly may be early.
_APART_MS = 55 * 60_000


class _Seen(Model):
    at: int
    times: int = 0
    counted_at: int = 0


class SeenClock:
    """Remembers the clock in a file.

    Args:
        file: The file.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def bears_out(self, now: int) -> bool:
        """Whether *now*, epoch ms, follows from when the clock was last seen.

        Ask hourly. After a jump the answer is no until the clock has stood by it for a day.
        """
        seen = self._read()
        if seen is None:
            write_whole(self._file, _Seen(at=now))
            return False
        if now - seen.at <= _JUMP_MS or (seen.times + 1 >= _TIMES and self._counts(seen, now)):
            write_whole(self._file, _Seen(at=now))
            return True
        if self._counts(seen, now):
            write_whole(self._file, _Seen(at=seen.at, times=seen.times + 1, counted_at=now))
            ahead = (now - seen.at) // _HOUR_MS
            log.error("clock.jumped", hours=ahead, nothing_destroyed_for_hours=_TIMES - seen.times)
        return False

    def _counts(self, seen: _Seen, now: int) -> bool:
        return not seen.counted_at <= now < seen.counted_at + _APART_MS

    def _read(self) -> _Seen | None:
        if not self._file.exists():
            return None
        try:
            return read_model(self._file, _Seen)
        except SettingsInvalid:
            return None  # damaged: as if it had never been seen, and nothing is destroyed now
