"""Warnings before an alert is published, for people: a code, a place, and what to do."""

import sys
from collections.abc import Iterable

from broker.cli.plain import plain
from broker.client.files import FromFile
from broker.errors import BundleInvalid
from broker.model.alert import Alert
from broker.model.warning import AlertWarning, WarningCode
from broker.pipeline.label_warnings import reach_warnings, time_warnings
from broker.pipeline.preview import found_in
from broker.policy.acquainted import every_name
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.settings import Settings

#: How many alerts policy is asked about before they are sent: each may take 20 ms.
_MOST_ASKED = 500

#: The warnings of alerts in files, by file, line and alert.
Warned = dict[tuple[str, int, str], tuple[AlertWarning, ...]]

_IDENTIFIES = "identifies somebody; the summary is written for release"
_SAID = {
    WarningCode.SOURCE_IN_SUMMARY: "names who told; the summary is written for release",
    WarningCode.COORDINATES_IN_SUMMARY: "tells a place exactly; the summary is written for release",
    WarningCode.VICTIM_NAME_ELSEWHERE: "may name somebody of `victims`, whom others then know",
    WarningCode.VICTIM_NUMBER_ELSEWHERE: "may be a number of somebody of `victims`",
    WarningCode.VICTIM_PICTURE_ELSEWHERE: "is the picture of somebody of `victims`",
    WarningCode.BIRTH_DATE_DOUBTFUL: "says nothing sure of an age: a default of some system, "
    "somebody too old to be, or the year alone",
    WarningCode.MINOR_NOT_SHOWN: "says that nobody is a child, and the content does not show it",
    WarningCode.REACHES_NOBODY: "no feed would receive it",
    WarningCode.REACHES_ONLY_ORIGINATOR: "nobody but its originator would receive it",
    WarningCode.EXPIRED: "it has expired, so nobody receives it",
    WarningCode.EXPIRES_SOON: "it ends within a day; a unit behind a thin link may miss it",
    WarningCode.EMBARGOED: "nobody receives it before that",
    WarningCode.EMBARGO_AFTER_EXPIRY: "it expires before its embargo passes",
    WarningCode.RED_WITHOUT_NAMED_RECIPIENTS: "TLP:RED is for units that are named, and none is",
    WarningCode.CHILD_PROTECTION_NOT_REACHED: "no desk that protects children would receive it",
    WarningCode.ROUTE_COUNTRY_NOT_REACHED: "nobody in this country on the way would receive it",
    WarningCode.ROUTE_UNKNOWN: "somebody is being moved, and no country on the way is given",
    WarningCode.MORE_THAN_TEXT_SAYS: "says that it is for fewer than policy gives it to",
    WarningCode.MINOR_UNKNOWN_WITHHOLDS: "who may be a child is protected as one",
    WarningCode.CONSENT_UNKNOWN_WITHHOLDS: "with consent, recipients would see more",
    WarningCode.CONSENT_SCOPE_WITHHOLDS: "consent is given, but for no kind of recipient",
    WarningCode.RECIPIENT_UNKNOWN: "nobody who receives or is kept out is called so",
    WarningCode.RECIPIENT_NOT_A_UNIT: "only units count here, no organisation or community",
    WarningCode.RECIPIENT_RECEIVES_NOTHING: "would receive nothing all the same",
}


def warnings_of(alert: Alert, decider: Decider | None, moment: int) -> tuple[AlertWarning, ...]:
    """Return what to look at before *alert* is published at *moment*, epoch milliseconds.

    Without a *decider*, or for an originator that its community does not know, nothing is
    said of whom the alert reaches.
    """
    found = [*found_in(alert), *time_warnings(alert.label, alert.distribution, moment)]
    if decider is not None and alert.label.originator in decider.bundle.community.units:
        found += reach_warnings(alert, decider, every_name(decider.bundle.community))
    return tuple(found)


def decider_of(settings: Settings) -> Decider | None:
    """Return what decides on this machine; None where its bundle cannot be used."""
    try:
        return Decider(load_bundle(settings.bundle))
    except BundleInvalid:
        return None  # the broker decides by its own; publishing needs none


def warnings_in(found: Iterable[FromFile], settings: Settings, moment: int) -> Warned:
    """Return the warnings of each alert that was *found* in files, at *moment*."""
    decider = decider_of(settings)
    warned: Warned = {}
    for one in found:
        if one.alert is not None:
            asked = decider if len(warned) < _MOST_ASKED else None
            place = one.path.name, one.line, str(one.alert.label.alert_id)
            warned[place] = warnings_of(one.alert, asked, moment)
    if len(warned) > _MOST_ASKED:
        sys.stderr.write(f"policy was asked about the first {_MOST_ASKED} alerts only\n")
    return warned


def warn(warned: Warned) -> None:
    """Write *warned* to standard error; before anything is sent, so that it can be stopped."""
    for (file, line, _), found in warned.items():
        for warning in found:
            sys.stderr.write(f"{plain(file)}:{line}: {warning_line(warning)}\n")


def warning_line(warning: AlertWarning) -> str:
    """Return *warning* as one line."""
    place = warning.path
    if warning.start is not None:
        place += f", characters {warning.start} to {warning.end}"
    said = f"warning: {warning.code} at {place}: {_SAID.get(warning.code, _IDENTIFIES)}"
    if warning.change is not None:
        said += f"; look at {warning.change}"
    return f"{said}; to be confirmed" if warning.confirm else said
