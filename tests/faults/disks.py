"""Small disks that can be full."""

import contextlib
import os
import subprocess

import pytest

_STEP = 1 << 16


@contextlib.contextmanager
def small_disk(folder, megabytes):
    """Mount a disk of its own at *folder*; where that may not be done the test is not run."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        pytest.skip("not run: a tmpfs is mounted by root alone")
    size = f"size={megabytes}m,mode=0700"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=False)
    if done.returncode:
        pytest.skip("not run: no tmpfs may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    """Leave no byte free on the disk of *folder*."""
    with (folder / "ballast").open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(_STEP))


def free(folder):
    """Give the room back that `fill` took."""
    (folder / "ballast").unlink()
