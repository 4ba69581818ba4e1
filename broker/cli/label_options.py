"""Fields of a label, as options of `lali publish`."""

from dataclasses import dataclass, fields

from cyclopts import Parameter

from broker.model.codes import Consent, PermittedAction, SourceType, Status, Tlp, Urgency


@Parameter(name="*")
@dataclass(frozen=True)
class LabelOptions:
    """What a sheet cannot say; in a document these fill in what it does not say.

    Attributes:
        tlp: Traffic Light Protocol marking.
        source_type: Where the suspicion comes from.
        permitted_action: What a recipient may do with it.
        status: Whether it is real.
        urgency: How soon action is needed.
        consent: What the people concerned agreed to.
    """

    tlp: Tlp | None = None
    source_type: SourceType | None = None
    permitted_action: PermittedAction | None = None
    status: Status | None = None
    urgency: Urgency | None = None
    consent: Consent | None = None

    def said(self) -> dict[str, str]:
        """Return the options that were given, as fields of a label."""
        given = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value.value for name, value in given if value is not None}
