"""Warnings: what an originator should look at before it publishes.

Most stop nothing. Where a victim may be named outside `victims`, or an age is not what the
label says, the originator must say that it is meant (`confirm_warnings`).

A warning is a code and a place, never a value: it may end on a screen or in a file of its
own, and what it points at may be a victim's name.
"""

from enum import StrEnum

from pydantic import Field

from broker.model.base import Model


class WarningCode(StrEnum):
    """What was found."""

    # In the text that is written for release
    NAME_IN_SUMMARY = "NAME_IN_SUMMARY"
    SOURCE_IN_SUMMARY = "SOURCE_IN_SUMMARY"
    DOCUMENT_NUMBER_IN_SUMMARY = "DOCUMENT_NUMBER_IN_SUMMARY"
    MRZ_IN_SUMMARY = "MRZ_IN_SUMMARY"
    PHONE_IN_SUMMARY = "PHONE_IN_SUMMARY"
    IMEI_IN_SUMMARY = "IMEI_IN_SUMMARY"
    EMAIL_IN_SUMMARY = "EMAIL_IN_SUMMARY"
    SOCIAL_HANDLE_IN_SUMMARY = "SOCIAL_HANDLE_IN_SUMMARY"
    DATE_OF_BIRTH_IN_SUMMARY = "DATE_OF_BIRTH_IN_SUMMARY"
    ADDRESS_IN_SUMMARY = "ADDRESS_IN_SUMMARY"
    COORDINATES_IN_SUMMARY = "COORDINATES_IN_SUMMARY"
    # Of people in `victims`, in another compartment
    VICTIM_NAME_ELSEWHERE = "VICTIM_NAME_ELSEWHERE"
    VICTIM_NUMBER_ELSEWHERE = "VICTIM_NUMBER_ELSEWHERE"
    VICTIM_PICTURE_ELSEWHERE = "VICTIM_PICTURE_ELSEWHERE"
    # Of ages
    BIRTH_DATE_DOUBTFUL = "BIRTH_DATE_DOUBTFUL"
    MINOR_NOT_SHOWN = "MINOR_NOT_SHOWN"
    # In label and distribution
    REACHES_NOBODY = "REACHES_NOBODY"
    REACHES_ONLY_ORIGINATOR = "REACHES_ONLY_ORIGINATOR"
    EXPIRED = "EXPIRED"
    EXPIRES_SOON = "EXPIRES_SOON"
    EMBARGOED = "EMBARGOED"
    EMBARGO_AFTER_EXPIRY = "EMBARGO_AFTER_EXPIRY"
    RED_WITHOUT_NAMED_RECIPIENTS = "RED_WITHOUT_NAMED_RECIPIENTS"
    CHILD_PROTECTION_NOT_REACHED = "CHILD_PROTECTION_NOT_REACHED"
    ROUTE_COUNTRY_NOT_REACHED = "ROUTE_COUNTRY_NOT_REACHED"
    ROUTE_UNKNOWN = "ROUTE_UNKNOWN"
    MORE_THAN_TEXT_SAYS = "MORE_THAN_TEXT_SAYS"
    MINOR_UNKNOWN_WITHHOLDS = "MINOR_UNKNOWN_WITHHOLDS"
    CONSENT_UNKNOWN_WITHHOLDS = "CONSENT_UNKNOWN_WITHHOLDS"
    CONSENT_SCOPE_WITHHOLDS = "CONSENT_SCOPE_WITHHOLDS"
    RECIPIENT_UNKNOWN = "RECIPIENT_UNKNOWN"
    RECIPIENT_NOT_A_UNIT = "RECIPIENT_NOT_A_UNIT"
    RECIPIENT_RECEIVES_NOTHING = "RECIPIENT_RECEIVES_NOTHING"


def _is_false(value: object) -> bool:
    return value is False


class AlertWarning(Model):
    """One thing to look at, by code and place."""

    code: WarningCode
    path: str = Field(description="Path of the field, such as compartments.summary.headline.")
    start: int | None = Field(
        None, description="In a text: its first character, in Unicode code points from 0."
    )
    end: int | None = Field(None, description="In a text: one behind its last character.")
    change: str | None = Field(
        None, description="Path of the one field whose change would let it reach whom it must."
    )
    confirm: bool = Field(
        False,
        exclude_if=_is_false,
        description="It is published only if its originator says that this is meant.",
    )
