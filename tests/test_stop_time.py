"""A role ends within its stop time, whatever hangs in it."""

import os
import signal
import subprocess
import sys
import time

import pytest

STOP_SECONDS = 2
_PROGRAM = """
import asyncio, functools, pathlib, sys, threading
from broker.app import run_roles
from broker.stop_time import end_in_time

how, pipe = sys.argv[1:]

class Hangs:
    async def run(self):
        print("runs", flush=True)
        if how == "thread":
            await asyncio.to_thread(pathlib.Path(pipe).read_bytes)
        elif how == "loop":
            pathlib.Path(pipe).read_bytes()
        elif how == "busy":
            while True: pass
        elif how == "deaf":
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    pass
        self.asked = asyncio.Event()
        await self.asked.wait()

    def stop(self):
        if how == "nothing":
            self.asked.set()

asyncio.run(run_roles([Hangs()], asked_to_stop=functools.partial(end_in_time, STOP_SECONDS)))
""".replace("STOP_SECONDS", str(STOP_SECONDS))


@pytest.mark.parametrize("how", ["thread", "loop", "busy", "deaf", "nothing"])
def test_11_05_a_role_ends_within_its_stop_time_whatever_hangs(tmp_path, how):
    pipe = tmp_path / ".lali-feed"
    os.mkfifo(pipe)
    said = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, how, str(pipe)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert said.stdout.readline() == "runs\n"
        time.sleep(0.3)  # it hangs
        said.send_signal(signal.SIGTERM)
        _, told = said.communicate(timeout=60)  # the hang itself has no end
    finally:
        said.kill()
    assert said.returncode == (0 if how == "nothing" else 1)
    assert ("Timeout" in told) == (how != "nothing")
