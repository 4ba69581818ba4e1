"""Put what stands in the old places of exact parts where it belongs today.

Until exact parts had compartments of their own, a leg had a ``place``, a conveyance an
``owner`` and a contact a ``safe_contact``. Drafts are still written so, and alerts of that
time are read so. Nothing is lost and nothing is shown to more people by moving it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from broker.model.travel import CallSign, RegisterName, Registration

_Fields = dict[str, Any]


class _Moved(NamedTuple):
    """A field of the rows of one compartment that is a row of another one today."""

    whole: str
    rows: str
    field: str
    exact: str
    which: str
    becomes: str


_MOVED = (
    _Moved("movement", "legs", "place", "places", "leg", "name"),
    _Moved("conveyances", "items", "owner", "owners", "conveyance", "owner"),
)

#: What a conveyance could hold in any words until registers' names had a form.
_REGISTERED: dict[str, TypeAdapter[str]] = {
    "name": TypeAdapter(RegisterName),
    "carrier": TypeAdapter(RegisterName),
    "number": TypeAdapter(Registration),
    "call_sign": TypeAdapter(CallSign),
}


def parted(given: Mapping[str, Any]) -> _Fields:
    """Return compartments with each exact part in its own; what is not as expected stays."""
    found = dict(given)
    for moved in _MOVED:
        _part_rows(found, moved)
    contact = found.get("contact")
    if isinstance(contact, dict) and "safe_contact" in contact:
        found["contact"] = {k: v for k, v in contact.items() if k != "safe_contact"}
        # Said in both places, the new one counts: one person cannot be reached in two ways.
        if contact["safe_contact"] is not None and found.get("safe_contact") is None:
            found["safe_contact"] = {"how": contact["safe_contact"]}
    return found


def registered(given: Mapping[str, Any]) -> _Fields:
    """Return compartments of an alert of twelve slots, what no register has among the owners.

    Names were any words then. They must stay readable, and are shown to nobody who may not
    see private names.
    """
    held = given.get("conveyances")
    if held is None:
        return dict(given)
    items, loose = [], []
    for number, item in enumerate(held["items"]):
        unfit = [name for name, form in _REGISTERED.items() if not _fits(form, item.get(name))]
        items.append({**item, **dict.fromkeys(unfit)})
        loose += [{"conveyance": number, "owner": item[name]} for name in unfit]
    found = {**given, "conveyances": {**held, "items": items}}
    return _with_rows(found, "owners", loose) if loose else found


def _part_rows(found: _Fields, moved: _Moved) -> None:
    held = found.get(moved.whole)
    rows = held.get(moved.rows) if isinstance(held, dict) else None
    if not isinstance(held, dict) or not isinstance(rows, list | tuple):
        return
    kept, taken = [], []
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or moved.field not in row:
            kept.append(row)
            continue
        kept.append({name: value for name, value in row.items() if name != moved.field})
        if row[moved.field] is not None:
            taken.append({moved.which: number, moved.becomes: row[moved.field]})
    found[moved.whole] = {**held, moved.rows: kept}
    if taken:
        found.update(_with_rows(found, moved.exact, taken))


def _with_rows(found: _Fields, exact: str, more: list[_Fields]) -> _Fields:
    """Return *found* with *more* rows in the compartment *exact*."""
    held = found.get(exact)
    rows = held.get("items", ()) if isinstance(held, dict) else getattr(held, "items", ())
    return {**found, exact: {"items": [*rows, *more]}}


def is_registered(field: str, text: str) -> bool:
    """Whether *text* has the form of a conveyance's `name`, `carrier`, `number` or `call_sign`."""
    return _fits(_REGISTERED[field], text)


def _fits(form: TypeAdapter[str], text: str | None) -> bool:
    try:
        return text is None or bool(form.validate_python(text))
    except ValidationError:
        return False
