"""Hypothesis strategies: records of a schema, and whole schemas with their values.

Values are such that Avro's writer and reader give them back as they are: moments in whole
milliseconds, UUIDs as their 16 bytes.
"""

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT = (-(1 << 31), (1 << 31) - 1)
_LONG = (-(1 << 63), (1 << 63) - 1)
_DAY_MS = 86_400_000

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_MOMENT = st.integers(-10_000 * _DAY_MS, 100_000 * _DAY_MS).map(
    lambda ms: _EPOCH + timedelta(milliseconds=ms)
)
_PRIMITIVES = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(*_INT),
    "long": st.integers(*_LONG),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "bytes": st.binary(max_size=12),
    "string": _TEXT,
}


def records_of(schema, named=None):
    """Return a strategy for values of *schema*."""
    named = {} if named is None else named
    if isinstance(schema, list):
        return st.one_of([records_of(branch, named) for branch in schema])
    if isinstance(schema, str):
        known = _PRIMITIVES.get(schema)
        return known if known is not None else named[schema.rpartition(".")[2]]
    made = _complex(schema, named)
    if "name" in schema:
        named[schema["name"].rpartition(".")[2]] = made
    return made


def _complex(schema, named):
    kind, meaning = schema["type"], schema.get("logicalType")
    if meaning == "timestamp-millis":
        return _MOMENT
    if meaning == "date":
        return st.dates(date(1900, 1, 1), date(2200, 1, 1))
    made = {
        "record": lambda: st.fixed_dictionaries(
            {field["name"]: records_of(field["type"], named) for field in schema["fields"]}
        ),
        "array": lambda: st.lists(records_of(schema["items"], named), max_size=3),
        "enum": lambda: st.sampled_from(schema["symbols"]),
        "fixed": lambda: st.binary(min_size=schema["size"], max_size=schema["size"]),
    }
    return made[kind]() if kind in made else records_of(kind, named)


@st.composite
def schemas_with_values(draw):
    """Return a schema of up to five levels, and a value of it."""
    counter = iter(range(10_000))
    schema = _record(draw, counter, 3)
    return schema, draw(records_of(schema))


def _record(draw, counter, depth):
    fields = [
        {"name": f"f{n}", "type": _type(draw, counter, depth)}
        for n in range(draw(st.integers(1, 4)))
    ]
    return {"type": "record", "name": f"R{next(counter)}", "fields": fields}


def _type(draw, counter, depth):
    kinds = [*_PRIMITIVES, "enum", "fixed", "optional"]
    kind = draw(st.sampled_from([*kinds, "array", "record"] if depth else kinds))
    match kind:
        case "enum":
            symbols = ["UNKNOWN", "A", "B"][: draw(st.integers(1, 3))]
            return {"type": "enum", "name": f"E{next(counter)}", "symbols": symbols}
        case "fixed":
            return {"type": "fixed", "name": f"F{next(counter)}", "size": draw(st.integers(0, 5))}
        case "optional":
            return ["null", draw(st.sampled_from(["string", "long", "boolean", "bytes"]))]
        case "array":
            return {"type": "array", "items": _type(draw, counter, depth - 1)}
        case "record":
            return _record(draw, counter, depth - 1)
        case _:
            return kind
