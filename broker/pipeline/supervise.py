"""Keep a loop going until it is asked to stop: nothing else ends it.

A loop can end in ways that no `except Exception` sees: aiokafka lets the cancellation of its
own fetches out of `consumer.stop()`, a client is closed under it, or it just returns. Each
loop of each role runs in a task of its own here. Whatever ends that task, a stop that was
asked for apart, is a fault: it is told, and the loop runs anew after a wait.
"""

import asyncio
from collections.abc import Awaitable, Callable

from broker.pipeline.restarts import Restarts


class Interrupted(Exception):
    """A loop was cancelled by nobody who may, or returned though nobody asked it to."""


def _never() -> bool:
    return False


async def supervise(
    run: Callable[[], Awaitable[None]],
    stopping: asyncio.Event,
    restarts: Restarts,
    *,
    progress: Callable[[], int] = lambda: 0,
    finished: Callable[[], bool] = _never,
) -> None:
    """Run *run* again and again, until *stopping* is set or this is cancelled.

    Args:
        run: The loop; begun anew it goes on where it was.
        stopping: Set when it is to end.
        restarts: Tells what happened, and waits.
        progress: Grows with what is done: waits begin anew where something was.
        finished: Whether its end is for good.
    """
    while not stopping.is_set():
        before = progress()
        fault = await _end_of(run)
        if finished() or (stopping.is_set() and isinstance(fault, Interrupted)):
            return
        await restarts.wait(fault, worked=progress() > before)


async def _end_of(run: Callable[[], Awaitable[None]]) -> Exception:
    """Run *run* to its end, whichever that is; if this is cancelled, so is *run*."""
    task = asyncio.ensure_future(run())
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        await cancel(task)
        raise
    if task.cancelled():
        return Interrupted("CANCELLED")
    fault = task.exception()
    if fault is None:
        return Interrupted("ENDED")
    if not isinstance(fault, Exception):
        raise fault
    return fault


async def cancel(*tasks: "asyncio.Future[None]") -> None:
    """Cancel *tasks* and wait until each has ended, however it does."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
