"""A11: what a connector's own queue holds is handed over by no look of before a pause."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from connecting import KafkaPartner
from paused_kafka_connector import PLACES

pytestmark = pytest.mark.kafka

CHILD = Path(__file__).with_name("paused_kafka_connector.py")
#: Longer than what was asked for may be acted upon.
PAUSE_SECONDS = 3


async def _stopped(pid: int) -> None:
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("place", PLACES)
async def test_a11_a_release_that_was_queued_before_a_pause_does_not_leave_behind_it(
    connection, topics, place
):
    partner = KafkaPartner(connection, f"{topics.prefix}paused-{place}")
    await partner.start()
    arguments = (str(CHILD), connection.bootstrap_servers, partner.topic, place)
    child = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        await asyncio.wait_for(_stopped(child.pid), 120)
        assert await partner.taken() == []
        await asyncio.sleep(PAUSE_SECONDS)
        child.send_signal(signal.SIGCONT)
        said, _ = await asyncio.wait_for(child.communicate(), 120)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()

    # It was looked at once, and did not leave; looked at anew, it did.
    assert said.decode().splitlines() == ["TOO_LATE 1", "TAKEN 2"]
    assert len(await partner.taken()) == 1
