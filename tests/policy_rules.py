"""Rules as tests make them up: any scope and any condition that the schema allows."""

from hypothesis import strategies as st

from broker.policy.actions import ACTIONS

_SCOPES = (
    "principal",
    'principal == Lali::Unit::"north-a"',
    'principal in Lali::Organisation::"north"',
    'principal in Lali::Community::"ring"',
    "principal is Lali::Unit",
    'principal is Lali::Unit in Lali::Community::"ring"',
)
_GROUPS = ("everything", "see_anything", "see_circumstances", "see_free_text", "see_protected")
_RESOURCES = ("resource", "resource is Lali::Alert")
#: One for each way in which a rule can read unit, alert and context.
CONDITIONS = (
    "true",
    'resource.tlp == "AMBER"',
    '["CLEAR", "GREEN", "AMBER"].contains(resource.tlp)',
    'resource.minor != "NO"',
    "resource.caveats.isEmpty()",
    'resource.caveats.containsAny(["ORCON", "UNKNOWN"])',
    "resource.countries_transit.contains(principal.country)",
    "resource.releasable_to.containsAny(principal.names)",
    "principal.names.containsAny(resource.releasable_to)",
    "!resource.not_releasable_to.containsAny(principal.names)",
    "resource.named_recipients.containsAll(principal.names)",
    "resource.releasable_to.contains(principal.organisation)",
    "principal == resource.originator",
    "resource.originator == principal",
    "principal != resource.originator",
    "principal in resource.originator",
    "principal.organisation == resource.originator.organisation",
    'resource.originator.kind == "TCU"',
    'resource.originator in Lali::Community::"ring"',
    'principal in Lali::Community::"ring"',
    'principal in [Lali::Community::"other", Lali::Community::"ring"]',
    'principal == Lali::Unit::"south-b"',
    'Lali::Unit::"south-b" == principal',
    'principal.duties.contains("night")',
    'principal.kind == "TCU" || principal.organisation_kind == "POLICE"',
    'principal has country && principal.country like "F*"',
    'context.purpose == "INVESTIGATE"',
    "resource.purposes.contains(context.purpose)",
    "context.operational && !context.expired",
    "context.embargoed",
    'if resource.at_risk == "YES" then resource.severity == "EXTREME" else context.operational',
    'resource == Lali::Alert::"alert"',
    "resource.exploitation == resource.sectors",
    'resource.filled.contains("victims")',
    '!resource.filled.containsAny(["victim_profile", "safe_contact"])',
    'resource.filled.containsAll(["suspects", "movement"])',
    "resource.filled.isEmpty()",
    'resource.filled == ["victims"]',
    '["victims", "suspects", "contact"].containsAll(resource.filled)',
    '[resource.originator.kind, principal.kind].contains("POLICE")',
    'action == Lali::Action::"see_victims"',
)


def _actions() -> st.SearchStrategy[str]:
    one = st.sampled_from([*ACTIONS]).map(lambda a: f'action == Lali::Action::"{a}"')
    names = st.lists(st.sampled_from([*ACTIONS, *_GROUPS]), min_size=1, max_size=3, unique=True)
    several = names.map(
        lambda found: "action in [" + ", ".join(f'Lali::Action::"{a}"' for a in found) + "]"
    )
    return st.just("action") | one | several


def _rule(parts: tuple[str, ...]) -> str:
    effect, principal, action, resource, when, unless, hold = parts
    held = '@hold("two-person") ' if hold and effect == "permit" else ""
    scope = f"{principal}, {action}, {resource}"
    return f"{held}{effect} ({scope}) when {{ {when} }} unless {{ {unless} }};"


#: One rule, without its id.
RULES: st.SearchStrategy[str] = st.tuples(
    st.sampled_from(["permit", "permit", "forbid"]),
    st.sampled_from(_SCOPES),
    _actions(),
    st.sampled_from(_RESOURCES),
    st.sampled_from(CONDITIONS),
    st.sampled_from(("false", *CONDITIONS[1:])),
    st.booleans(),
).map(_rule)


def numbered(rules: list[str]) -> str:
    """Return *rules* as one file, each with an id."""
    return "\n".join(f'@id("r{number}") {rule}' for number, rule in enumerate(rules))
