"""Complete what a caller sent into what is published in its name."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from broker.errors import Rejected
from broker.gateway.doors import Doors
from broker.gateway.publishing import Outgoing
from broker.gateway.repeats import Asked
from broker.model.alert import Alert
from broker.model.label import Distribution, Label
from broker.model.reason import Reason
from broker.pipeline.checked import check_label
from broker.pipeline.content_check import check_content, refuse_unconfirmed
from broker.pipeline.content_warnings import content_warnings
from broker.pipeline.publish import split
from broker.pipeline.retention import check_life
from broker.protect.signature import verify
from broker.wire.alert_codec import decode_alert, read_label
from broker.wire.sealing import AlertParts

#: Beside the parts of a draft: its originator has seen its warnings, and means it so.
CONFIRM = "confirm_warnings"


class Completing:
    """Completes the drafts of one request.

    Args:
        doors: The gateway's parts.
        unit: Who asks: the originator of everything in the request.
        moment: When it asked first; a draft that gives no time has this one.
        asked: The request's own name; ids that are not given follow from it.

    Raises:
        NotNow: This machine's clock is wrong, and would date what is published.
    """

    def __init__(
        self,
        doors: Doors,
        unit: str,
        moment: datetime,
        asked: Asked | None = None,
        *,
        confirmed: bool = False,
    ) -> None:
        doors.refuse_for_now()
        self._doors = doors
        self._unit = unit
        self._moment = moment
        self._asked = asked
        self._confirmed = confirmed

    def outgoing(self, sent: Mapping[str, Any] | bytes | Rejected, index: int) -> Outgoing:
        """Return alert number *index* of the request, encoded.

        Raises:
            Unconfirmed: It has warnings that must be confirmed, and nobody did.
            Rejected: With the first thing that is wrong: what accept would quarantine is
                refused here, while its publisher can still mend it.
        """
        if isinstance(sent, Rejected):
            raise sent
        if isinstance(sent, bytes):
            return self._of_bytes(sent)
        draft, confirmed = without_confirmation(sent)
        alert = self.completed(draft, index)
        if not (confirmed or self._confirmed):
            refuse_unconfirmed(content_warnings(alert))
        return self.encoded(alert)

    def completed(self, draft: Mapping[str, Any], index: int = 0) -> Alert:
        """Return the alert that *draft* describes, in the name of the unit.

        Raises:
            Rejected: With the first thing that is wrong.
        """
        label = draft.get("label")
        if isinstance(label, dict):
            draft = {**draft, "label": {**self._given(index), **label}}
        alert = split(draft, lambda: self._moment)
        self._check(alert.label, alert.distribution)
        return alert

    def encoded(self, alert: Alert) -> Outgoing:
        """Return *alert* signed and sealed by the unit's keys, which must be here.

        Raises:
            Rejected: KEY_UNKNOWN: they are not; OVERSIZED.
        """
        value = self._doors.encoder_of(self._unit).encode(alert)
        sealed = self._doors.protection is not None
        return Outgoing(alert.label.alert_id, alert.label.revision, value, sealed)

    def _given(self, index: int) -> dict[str, Any]:
        given: dict[str, Any] = {"originator": self._unit}
        if self._asked is not None:
            given["alert_id"] = self._doors.repeats.alert_id(self._asked, index)
        return given

    def _check(self, label: Label, distribution: Distribution) -> None:
        if label.originator != self._unit:
            raise Rejected(Reason.ORIGINATOR_DIFFERS, "label.originator")
        check_label(label, self._doors.clock())
        check_life(label, distribution, self._doors.clock())

    def _of_bytes(self, value: bytes) -> Outgoing:
        protection = self._doors.protection
        if protection is None:
            alert = decode_alert(value)
            check_content(alert, confirmed=self._confirmed)
            label, distribution = alert.label, alert.distribution
        else:
            label, distribution = read_label(value)
            self._verify(value, label)
        self._check(label, distribution)
        return Outgoing(label.alert_id, label.revision, value, sealed=protection is not None)

    def _verify(self, value: bytes, label: Label) -> None:
        """Check who signed it; what is sealed in it is for accept to open."""
        assert self._doors.protection is not None
        parts = AlertParts(value)
        if parts.seal is None:
            raise Rejected(Reason.SEAL_MISSING, "signature")
        if label.originator != self._unit:
            raise Rejected(Reason.ORIGINATOR_DIFFERS, "label.originator")
        signed = parts.statement(parts.seal.distribution_salt).signed
        register = self._doors.protection.folder.register()
        verify(register, self._unit, parts.signature, signed, self._moment)


def without_confirmation(draft: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """Return *draft* without ``confirm_warnings``, and whether it says so.

    Raises:
        Rejected: It says something else than yes or no.
    """
    confirmed = draft.get(CONFIRM, False)
    if not isinstance(confirmed, bool):
        raise Rejected(Reason.FIELD_INVALID, CONFIRM)
    return {name: part for name, part in draft.items() if name != CONFIRM}, confirmed
