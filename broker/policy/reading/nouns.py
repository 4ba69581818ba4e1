"""What the attributes of a request are called in sentences."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Noun:
    """An attribute, as the subject of a sentence.

    Attributes:
        text: What it is called; of a fact, the sentence.
        many: Whether it is called so in the plural.
        otherwise: Of a fact: the sentence when it does not hold.
    """

    text: str
    many: bool = False
    otherwise: str = ""

    @property
    def verb(self) -> str:
        """Is, or are."""
        return "are" if self.many else "is"

    @property
    def has(self) -> str:
        """How it holds something."""
        return "include" if self.many else "includes"

    @property
    def has_not(self) -> str:
        """How it does not hold something."""
        return "do not include" if self.many else "does not include"


def noun_of(path: str) -> Noun:
    """Return what the attribute at *path* is called; an unknown one is called by its path."""
    return _NOUNS.get(path) or Noun(path.replace("resource.", "the alert's ").replace("_", " "))


def is_fact(path: str) -> bool:
    """Whether *path* is true or false, and so a sentence by itself."""
    return bool(noun_of(path).otherwise)


_NOUNS = {
    "principal": Noun("the recipient"),
    "principal.kind": Noun("the recipient's kind"),
    "principal.organisation": Noun("the recipient's organisation"),
    "principal.organisation_kind": Noun("the kind of the recipient's organisation"),
    "principal.country": Noun("the recipient's country"),
    "principal.duties": Noun("the recipient's duties", many=True),
    "principal.names": Noun("the recipient's own names", many=True),
    "resource.originator": Noun("the originator"),
    "resource.originator.kind": Noun("the originator's kind"),
    "resource.originator.organisation": Noun("the originator's organisation"),
    "resource.originator.organisation_kind": Noun("the kind of the originator's organisation"),
    "resource.originator.country": Noun("the originator's country"),
    "resource.originator.duties": Noun("the originator's duties", many=True),
    "resource.originator.names": Noun("the names of the originator", many=True),
    "resource.message_type": Noun("the type of the message"),
    "resource.status": Noun("the alert's status"),
    "resource.tlp": Noun("the TLP marking"),
    "resource.permitted_action": Noun("the permitted action"),
    "resource.caveats": Noun("the caveats", many=True),
    "resource.purposes": Noun("the purposes that the originator names", many=True),
    "resource.source_type": Noun("the source"),
    "resource.reliability": Noun("the grade of the source"),
    "resource.credibility": Noun("the grade of the information"),
    "resource.fact_or_assessment": Noun("fact or assessment"),
    "resource.urgency": Noun("the urgency"),
    "resource.severity": Noun("the severity"),
    "resource.certainty": Noun("the certainty"),
    "resource.at_risk": Noun("whether somebody is at risk"),
    "resource.in_transit": Noun("whether somebody is being moved"),
    "resource.exploitation": Noun("the kinds of exploitation", many=True),
    "resource.acts": Noun("the acts", many=True),
    "resource.means": Noun("the means", many=True),
    "resource.sectors": Noun("the sectors", many=True),
    "resource.minor": Noun("whether a child is among the victims"),
    "resource.consent": Noun("consent"),
    "resource.countries_origin": Noun("the countries of origin", many=True),
    "resource.countries_transit": Noun("the countries of transit", many=True),
    "resource.countries_destination": Noun("the countries of destination", many=True),
    "resource.conveyance_kinds": Noun("the kinds of conveyance", many=True),
    "resource.filled": Noun("the parts that are filled", many=True),
    "resource.releasable_to": Noun("the list of those it may go to"),
    "resource.not_releasable_to": Noun("the list of those it may not go to"),
    "resource.named_recipients": Noun("the list of recipients that the originator names"),
    "resource.consent_scope": Noun("the list of those whom consent covers"),
    "resource.onward": Noun("sharing onward"),
    "context.purpose": Noun("the purpose of the feed"),
    "context.operational": Noun(
        "the feed is for work, not for exercises",
        otherwise="the feed is for exercises or tests",
    ),
    "context.expired": Noun("the alert has expired", otherwise="the alert has not expired"),
    "context.embargoed": Noun(
        "the alert is under embargo", otherwise="the alert is under no embargo"
    ),
    "action": Noun("the part"),
}
