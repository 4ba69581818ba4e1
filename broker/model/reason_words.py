"""What reason codes mean, in one sentence each, for whoever published.

The same words by HTTP, in the client and on the command line. None holds a value.
"""

_NO_ALERT = "The bytes are no alert as Lali's schemas have it"
_SIGNING = "It is not signed as the key register says"
_SEALING = "It is not sealed as it must be"
_TEXT = "A line of text holds what no line may"

_WORDS = {
    "EMPTY": "The record was empty.",
    "OVERSIZED": "It is larger than an alert may be.",
    "FRAMING": f"{_NO_ALERT}: no schema id stands before them.",
    "SCHEMA_UNKNOWN": f"{_NO_ALERT}: their schema is not in the catalogue.",
    "SCHEMA_UNEXPECTED": f"{_NO_ALERT}: their schema is another one's.",
    "SCHEMA_HEADER_DIFFERS": "A header names another schema than the payload.",
    "TRUNCATED": f"{_NO_ALERT}: they end early.",
    "TRAILING_BYTES": f"{_NO_ALERT}: they go on after the end.",
    "ENUM_INDEX": f"{_NO_ALERT}: a code is none of its list.",
    "UNION_INDEX": f"{_NO_ALERT}: a field is of none of its kinds.",
    "NOT_UTF8": f"{_NO_ALERT}: a text is not UTF-8.",
    "DEPTH": "It is nested more deeply than an alert may be.",
    "ITEMS": "It holds more items than an alert may.",
    "BATCH_TOO_LARGE": "It came in a packed batch that becomes larger than any may.",
    "BATCH_UNREADABLE": "It came in a batch that cannot be read.",
    "FIELD_MISSING": "A field that must be there is not.",
    "FIELD_INVALID": "A field holds what it may not.",
    "FIELD_UNKNOWN": "It has a field that no alert has.",
    "CODE_UNKNOWN": "A code is not in its list.",
    "TEXT_CONTROL": f"{_TEXT}: a control character.",
    "TEXT_LINE_BREAK": f"{_TEXT}: a line break.",
    "TEXT_DIRECTION": f"{_TEXT}: a character that turns the direction of others.",
    "TEXT_BLANK": "A line of text that must say something holds blanks alone.",
    "TEXT_NOT_COMPOSED": "A text is not in Unicode's composed form.",
    "KEY_DIFFERS": "The record's key is not the alert's id.",
    "ORIGINATOR_UNKNOWN": "Its originator is not in the community.",
    "ORIGINATOR_DIFFERS": "It names another originator than the one that published it.",
    "COMMITMENT_DIFFERS": "Its content is not what its signature commits to.",
    "EXPIRED_ON_ARRIVAL": "It had expired before it arrived.",
    "EXPIRES_TOO_LATE": "It expires later than its retention class allows.",
    "TIMES_INVALID": "Its times contradict each other.",
    "VICTIM_OUTSIDE_VICTIMS": "A person with a victim's role stands outside the victims.",
    "NOT_A_VICTIM": "A person without a victim's role stands among the victims.",
    "CHILD_OUTSIDE_VICTIMS": "A child, or who may be one, stands outside the victims.",
    "BIRTH_DATE_INVALID": "A date of birth cannot be right.",
    "DOCUMENT_DATE_INVALID": "A date in a document cannot be right.",
    "EVENT_DATE_INVALID": "A date of a movement or event cannot be right.",
    "EMBARGO_INVALID": "Its embargo cannot be right.",
    "SIGNATURE_MISSING": f"{_SIGNING}: there is no signature.",
    "SIGNATURE_INVALID": f"{_SIGNING}: the signature is not of these bytes.",
    "ALGORITHM_DIFFERS": f"{_SIGNING}: by another algorithm.",
    "KEY_UNKNOWN": "A key that it names is not in the key register.",
    "KEY_OF_OTHER_UNIT": "A key that it names is another unit's.",
    "KEY_REVOKED": "The key that signed it was revoked.",
    "KEY_NOT_YET_VALID": "The key that signed it does not count yet.",
    "KEY_EXPIRED": "The key that signed it has ended.",
    "KEY_DESTROYED": "It is sealed for a key that an erasure destroyed: publish it again.",
    "SEAL_MISSING": f"{_SEALING}: there is no seal.",
    "SEAL_BROKEN": f"{_SEALING}: the seal does not open.",
    "SEAL_NOT_END_TO_END": f"{_SEALING}: for whom it is sealed is not for whom it is meant.",
    "ERASED": "The alert was erased; nothing more of it is taken.",
    "NOT_ACCEPTED": "It did not come through accept.",
    "REVISION_CONFLICT": "Another content was published under the same revision.",
    "REVISION_LOWER": "A later revision is there already.",
    "ORIGINATOR_CHANGED": "The alert's id is in use by another originator.",
    "ALREADY_CANCELLED": "The alert was cancelled: publish under a new id.",
    "RELEASE_TOO_LARGE": "What a recipient would get of it is larger than a release may be.",
    "LEDGER_UNREADABLE": "What is known of the alert cannot be read: an operator must look.",
    "POLICY_ERROR": "A rule of the bundle failed when it was asked: the operator must mend it.",
    "UNEXPECTED": "A fault of the system, and none of yours: tell your operator.",
}


def words_of(code: str) -> str:
    """Return what reason *code* means; of one that is new, the code's own words."""
    known = _WORDS.get(code)
    return known or f"{code.replace('_', ' ').capitalize()}."
