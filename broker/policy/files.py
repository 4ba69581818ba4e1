"""Read the files of a bundle; what cannot be read is told in one line that names the file."""

from pathlib import Path
from typing import Any

from broker.errors import BundleInvalid
from broker.toml_tables import TomlInvalid, read_tables


def read_bytes(file: Path) -> bytes:
    """Return the bytes of *file*.

    Raises:
        BundleInvalid: It is not there, or must not be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        said = error.strerror or "cannot be read"
        raise BundleInvalid([f"{file.parent.name}/{file.name}: {said}"]) from None


def text_of(file: Path, content: bytes) -> str:
    """Return *content*, which *file* held, as text.

    Raises:
        BundleInvalid: It is not UTF-8.
    """
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        where = content.count(b"\n", 0, error.start) + 1
        raise BundleInvalid([f"{file.name}: line {where} is not UTF-8"]) from None


def tables_in(file: Path, text: str) -> dict[str, Any]:
    """Return the tables of *text*, which *file* held.

    Raises:
        BundleInvalid: It is no TOML.
    """
    try:
        return read_tables(text)
    except TomlInvalid as error:
        raise BundleInvalid([f"{file.name}: {error}"]) from None
