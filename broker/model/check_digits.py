"""Check digits of ships and travel documents.

A valid digit does not prove a genuine document, and an invalid one is evidence: callers
record the answer and never refuse for it.
"""

_WEIGHTS = (7, 3, 1)

#: Per format: line length, and the fields as (start, end, check position) over all lines joined.
_TD1 = ((5, 14, 14), (30, 36, 36), (38, 44, 44))
_TD2 = ((36, 45, 45), (49, 55, 55), (57, 63, 63))
_TD3 = ((44, 53, 53), (57, 63, 63), (65, 71, 71))
_MRV_A = ((44, 53, 53), (57, 63, 63), (65, 71, 71))
_MRV_B = ((36, 45, 45), (49, 55, 55), (57, 63, 63))

#: Where a document number stands, its check position, and the optional data it may go on in.
_NUMBER = {"TD1": (5, 14, 15, 30), "TD2": (36, 45, 64, 71)}

#: Ranges whose concatenation the composite digit covers, and its position.
_COMPOSITE = {
    "TD1": (((5, 30), (30, 37), (38, 45), (48, 59)), 59),
    "TD2": (((36, 46), (49, 56), (57, 71)), 71),
    "TD3": (((44, 54), (57, 64), (65, 87)), 87),
}


def mrz_digit(field: str) -> int:
    """Return the check digit of *field* (ICAO 9303-3, 4.9: weights 7, 3, 1, modulo 10)."""
    return sum(_value(char) * _WEIGHTS[index % 3] for index, char in enumerate(field)) % 10


def mrz_valid(mrz: str) -> bool:
    """Whether every check digit of a machine readable zone matches.

    Lines are parted by a line feed. TD1, TD2, TD3, MRV-A and MRV-B are told apart by their
    shape (ICAO 9303-4 to -7); any other shape is not valid.
    """
    lines = mrz.split("\n")
    shape = (len(lines), {len(line) for line in lines})
    visa = mrz.startswith("V")
    if shape == (3, {30}):
        return _all_match("".join(lines), _TD1, "TD1")
    if shape == (2, {36}):
        return _all_match("".join(lines), _MRV_B if visa else _TD2, None if visa else "TD2")
    if shape == (2, {44}):
        if visa:
            return _all_match("".join(lines), _MRV_A, None)
        return _all_match("".join(lines), _TD3, "TD3") and _personal_number("".join(lines))
    return False


def imo_valid(number: str) -> bool:
    """Whether the last digit of a seven-digit IMO ship number matches.

    The first six, weighted 7 down to 2, sum to a number that ends in the seventh.
    """
    if len(number) != 7 or not number.isascii() or not number.isdigit():
        return False
    weighted = sum(int(digit) * (7 - index) for index, digit in enumerate(number[:6]))
    return weighted % 10 == int(number[6])


def _value(char: str) -> int:
    if char == "<":
        return 0
    return int(char) if char.isdigit() else ord(char) - ord("A") + 10


def _matches(field: str, digit: str) -> bool:
    return digit == str(mrz_digit(field))


def _all_match(text: str, fields: tuple[tuple[int, int, int], ...], composite: str | None) -> bool:
    # Where a number may be too long for its field, the number is the first field.
    number, *others = fields
    if not all(_matches(text[start:end], text[check]) for start, end, check in others):
        return False
    if not (_matches(text[number[0] : number[1]], text[number[2]]) or _goes_on(text, composite)):
        return False
    if composite is None:
        return True
    ranges, position = _COMPOSITE[composite]
    return _matches("".join(text[start:end] for start, end in ranges), text[position])


def _goes_on(text: str, composite: str | None) -> bool:
    # A number of more than nine characters has < at the check position and goes on in the
    # optional data, its digit last and a filler after it (ICAO 9303-5 and -6, 4.2.2.2).
    if composite not in _NUMBER:
        return False
    start, check, optional, end = _NUMBER[composite]
    rest = text[optional:end].partition("<")[0]
    return (
        text[check] == "<" and len(rest) > 1 and _matches(text[start:check] + rest[:-1], rest[-1])
    )


def _personal_number(text: str) -> bool:
    # An empty optional field may carry < or 0 as its digit (ICAO 9303-4, 4.2.2.2).
    field, digit = text[72:86], text[86]
    return _matches(field, digit) or (digit == "<" and not field.strip("<"))
