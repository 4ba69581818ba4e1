"""Search everything that is not an entitled recipient for canaries, down to the raw bytes.

Kafka compresses what it keeps, so its segments are read batch by batch, aborted ones too, and
every record's key, value and headers are searched; so are the raw bytes of every file.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

from aiokafka.record.memory_records import MemoryRecords

from broker.simulate.canary import CANARY_BYTES

_HEAD = struct.Struct(">qi")


def in_files(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every canary in the names and raw bytes of all files, with where it was."""
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            where = f"{folder.name}/{file.relative_to(folder)}"
            yield from _in(f"name of {where}", str(file).encode())
            if file.is_file():
                yield from _in(where, file.read_bytes())


def in_segments(kafka: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every canary in the records of Kafka's log segments below *kafka*."""
    for segment in sorted(kafka.rglob("*.log")):
        if not segment.stem.isdigit():
            continue
        partition = segment.parent.name
        for what, data in _records(segment.read_bytes()):
            yield from _in(f"{what} in {partition}", data)


def values_in(kafka: Path, topic: str) -> Iterator[bytes]:
    """Yield the value of every record of *topic* that stands in a segment, aborted ones too."""
    for segment in sorted(kafka.rglob("*.log")):
        if segment.stem.isdigit() and segment.parent.name.rpartition("-")[0] == topic:
            yield from (data for what, data in _records(segment.read_bytes()) if what == "value")


def _records(segment: bytes) -> Iterator[tuple[str, bytes]]:
    position = 0
    while position + _HEAD.size <= len(segment):
        _, length = _HEAD.unpack_from(segment, position)
        end = position + _HEAD.size + length
        if length <= 0 or end > len(segment):
            return  # preallocated, or still being written
        yield from _batch(segment[position:end])
        position = end


def _batch(data: bytes) -> Iterator[tuple[str, bytes]]:
    records = MemoryRecords(data)
    while (batch := records.next_batch()) is not None:
        for record in batch:
            yield "key", record.key or b""
            yield "value", record.value or b""
            for name, content in record.headers:
                yield "header", name.encode() + b"\n" + (content or b"")


def _in(where: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    for found in CANARY_BYTES.findall(data):
        yield where, found
