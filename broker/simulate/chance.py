"""Seeded chance: the same seed tells the same story, byte for byte, on every machine."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")


def chance(*seed: object) -> Random:
    """Return a generator that depends on *seed* and on nothing else."""
    # Made-up cases need repetition, not secrecy; a text seed does not depend on the process.
    return Random("/".join(map(str, seed)))  # noqa: S311


def some(random: Random, items: Sequence[T], least: int, most: int) -> list[T]:
    """Return *least* to *most* different items, in random order."""
    most = min(most, len(items))
    return random.sample(items, random.randint(min(least, most), most))


def rota(random: Random, weights: dict[T, int], length: int) -> list[T]:
    """Return *length* items, each as often as its weight says, shuffled block by block.

    Unlike independent draws, a short scenario holds the rare items too.
    """
    block = [item for item, weight in weights.items() for _ in range(weight)]
    drawn: list[T] = []
    while len(drawn) < length:
        random.shuffle(block)
        drawn += block
    return drawn[:length]


def uuid_by(random: Random) -> UUID:
    """Return a version 4 UUID drawn from *random*."""
    return UUID(bytes=random.randbytes(16), version=4)
