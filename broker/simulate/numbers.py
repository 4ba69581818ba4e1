"""Numbers that look right and belong to nobody: their check digits are wrong."""

from random import Random

_WEIGHTS = (7, 3, 1)
_IMO_WEIGHTS = (7, 6, 5, 4, 3, 2)
_ZONE_LINE = 44


def false_imo_number(random: Random) -> str:
    """Return seven digits that are no IMO number: the check digit is one too high."""
    digits = [random.randint(1, 9) for _ in _IMO_WEIGHTS]
    check = sum(digit * weight for digit, weight in zip(digits, _IMO_WEIGHTS, strict=True))
    return "".join(map(str, [*digits, (check + 1) % 10]))


def false_phone(random: Random) -> str:
    """Return a number under country code 999, which is assigned to nobody."""
    return f"+999{random.randint(0, 9_999_999):07}"


def false_zone(random: Random, issuer: str, name: str) -> str:
    """Return a passport's two-line zone with *name* in it and every check digit wrong."""
    number = f"X{random.randint(0, 99_999_999):08}"
    born, until = f"{random.randint(70, 99)}0{random.randint(101, 928)}", "300101"
    parts = number + _wrong(number), issuer.ljust(3, "<"), born + _wrong(born), "<"
    fields = "".join(parts) + until + _wrong(until) + "<" * 14
    # The check digit over an empty optional field may be a filler; the last covers the rest.
    composite = fields[:10] + fields[13:20] + fields[21:43]
    lower = fields + "<" + _wrong(composite + "<")
    return f"P<{issuer.ljust(3, '<')}{name}<<".ljust(_ZONE_LINE, "<")[:_ZONE_LINE] + "\n" + lower


def _wrong(field: str) -> str:
    values = (int(c, 36) if c != "<" else 0 for c in field)
    total = sum(value * _WEIGHTS[index % 3] for index, value in enumerate(values))
    return str((total + 1) % 10)
