"""Read TOML from outside, with bounds on what a few bytes of it may cost.

Python's own reader keeps every prefix of a dotted key, so one key of 200 kB takes gigabytes;
it recurses into arrays; and of a number with thousands of digits it raises another error
than of everything else that is no TOML.
"""

import re
import tomllib
from typing import Any

#: Largest text, characters; most dots between names in one line, and in all. Together they
#: hold what tomllib makes of tables within tables under 64 MB.
MAX_CHARACTERS = 1 << 18
MAX_DOTS = 6
MAX_DOTS_IN_ALL = 20_000

# Comments and strings as TOML parts them, so that their own dots do not count.
_TOKEN = re.compile(
    r"""\#[^\n]*|\"{3}(?:\\.|[^\\])*?\"{3}|'{3}.*?'{3}"""
    r"""|\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'|[.\n]""",
    re.DOTALL,
)


class TomlInvalid(ValueError):
    """No TOML, or beyond the bounds. The text tells what and where, as tomllib does."""


def read_tables(text: str) -> dict[str, Any]:
    """Return the tables of *text*.

    Raises:
        TomlInvalid: It is no TOML, or would cost too much to read.
    """
    if len(text) > MAX_CHARACTERS:
        raise TomlInvalid("too large")
    _refuse_long_keys(text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TomlInvalid(str(error)) from None
    except RecursionError:
        raise TomlInvalid("nested too deep") from None
    except ValueError:
        raise TomlInvalid("a number is too long") from None


def _refuse_long_keys(text: str) -> None:
    dots = in_all = 0
    for token in _TOKEN.finditer(text):
        if token[0] == ".":
            dots += 1
            in_all += 1
            if dots > MAX_DOTS or in_all > MAX_DOTS_IN_ALL:
                raise TomlInvalid("a key has too many parts")
        elif token[0] == "\n":
            dots = 0
