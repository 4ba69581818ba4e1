"""Which faults run: a few in `make test`, all in `make faults`."""

import os

import pytest

WHOLE = os.environ.get("LALI_FAULTS") == "whole"


def cases(short, rest):
    """Return the parameters of a test: *short*, and *rest* as well where all are asked for.

    Args:
        short: Name and value of what always runs.
        rest: Name and value of what runs in `make faults`.
    """
    chosen = {**short, **rest} if WHOLE else short
    return [pytest.param((name, value), id=name) for name, value in chosen.items()]
