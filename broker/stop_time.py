"""A process that was asked to end does, whatever hangs: a disk, a pipe, a peer, code of our own."""

import faulthandler

#: So long a role has to put away what it has, seconds; who stops it waits longer, and then kills.
STOP_SECONDS = 25.0


def end_in_time(seconds: float = STOP_SECONDS) -> None:
    """End this process within *seconds*; what hangs is then told to standard error, by its places.

    It is the kernel's end, as if by `kill -9`: whatever counts was put to the disk or to Kafka
    before it was answered for, and a start takes up the rest. No thread that never ends can hold
    it up, which an interpreter that ends waits for.
    """
    faulthandler.dump_traceback_later(seconds, exit=True)
