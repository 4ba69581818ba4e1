"""The cases that agencies of a Pacific region write alerts about, each as a small function.

They follow what was publicly reported of the region: crews held on fishing vessels, false job
promises to South Asian workers, uninspected logging camps, sexual exploitation of minors,
visa front companies. Every person, firm and vessel is made up.
"""

from broker.model.codes import RecipientClass as Kind
from broker.model.content import Conveyances as Moved
from broker.model.content import Documents, Role, Suspects, Victims
from broker.simulate.chance import some
from broker.simulate.names import FIRMS
from broker.simulate.props import Props
from broker.simulate.sketch import Sketch, Story, case_of


def fishing_crew(props: Props) -> Sketch:
    """A crew whose passports the skipper keeps, on a vessel between island ports."""
    home = props.random.choice(["ID", "PH", "KI", "VU"])
    ports = some(props.random, ["FJ", "VU", "SB", "KI", "TV", "WS", "TO"], 2, 3)
    crew = [
        props.person("victims", 1, home, Role.VICTIM_POSSIBLE, age=24),
    ]
    return Sketch(
        props.cast.publisher(props.random, Kind.POLICE, Kind.TCU, near=ports).id,
        case_of("FISHING", "FORCED_LABOUR", [home], ports[:-1], ports[-1:])
        | {"at_risk": "YES", "in_transit": "YES", "urgency": "IMMEDIATE", "severity": "SEVERE"}
        | {"conveyance_kinds": ("VESSEL",), "minor": "NO", "consent": "NOT_ASKED"},
        {
            "summary": props.summary("Crew without pay or papers on a longliner"),
            "indicators": props.signs("WithholdsDocuments", "DebtBondage"),
            "victim_profile": props.profile(*crew),
            "victims": Victims(persons=tuple(crew)),
            **props.vessels(1),
            **props.route(*ports),
        },
    )


def job_promise(props: Props) -> Sketch:
    """Workers from South Asia lured to the islands by a job that does not exist."""
    home = props.random.choice(["IN", "BD", "NP", "LK"])
    there = props.random.choice(["FJ", "FJ", "FJ", "WS", "VU", "TO"])
    lured = [
        props.with_papers("victims", props.person("victims", n, home, Role.VICTIM_POSSIBLE))
        for n in range(1, props.random.randint(2, 4))
    ]
    agent = props.person("suspects", 1, home, Role.FACILITATOR, age=29)
    return Sketch(
        props.cast.publisher(props.random, Kind.IMMIGRATION, Kind.POLICE, near=[there]).id,
        case_of("ACCOMMODATION_AND_FOOD", "FORCED_LABOUR", [home], ["IN"], [there])
        | {"means": ("FRAUD", "DECEPTION"), "minor": "NO", "consent": "GIVEN"}
        | {"urgency": "EXPECTED", "severity": "MODERATE", "conveyance_kinds": ("FLIGHT",)},
        {
            "summary": props.summary("False promise of hotel work"),
            "indicators": props.signs("FalsePromises", recruitment="ThroughAnOnlineAdvertisement"),
            "victim_profile": props.profile(*lured),
            "victims": Victims(persons=tuple(lured)),
            "suspects": Suspects(persons=(agent,)),
            "documents": Documents(items=(props.passport("documents", home, agent.pid),)),
            "conveyances": Moved(items=(props.flight(),)),
            **props.route(home, there),
            **props.reachable("Airport duty desk"),
        },
        {"consent_scope": ("POLICE", "TCU", "CIVIL_SOCIETY")},
    )


def logging_camp(props: Props) -> Sketch:
    """A logging camp that no labour inspector reaches."""
    where = props.random.choice(["SB", "PG"])
    worker = props.person("victims", 1, where, Role.VICTIM_CONFIRMED, Role.WITNESS, age=24)
    boss = props.person("suspects", 1, "CN", Role.SUSPECT, age=29)
    return Sketch(
        props.cast.publisher(props.random, Kind.POLICE, near=[where]).id,
        case_of("LOGGING", "FORCED_LABOUR", [where], [], [where])
        | {"means": ("ABUSE_OF_VULNERABILITY",), "minor": "UNKNOWN", "consent": "NOT_CAPABLE"}
        | {"at_risk": "UNKNOWN", "urgency": "FUTURE", "severity": "SEVERE"},
        {
            "summary": props.summary("Camp holds back wages and movement"),
            "indicators": props.signs("RestrictsMovement", "RestrictsMedicalCare"),
            "victim_profile": props.profile(worker),
            "victims": Victims(persons=(props.with_papers("victims", worker),)),
            "suspects": Suspects(persons=(boss,)),
            **props.route(where, where),
            "evidence": props.evidence(),
        },
    )


def minors(props: Props) -> Sketch:
    """Children offered to visitors by somebody they know."""
    home = props.random.choice(["FJ", "KI", "PG", "WS", "SB"])
    children = [
        props.person("victims", n, home, Role.VICTIM_POSSIBLE, age=props.random.randint(12, 16))
        for n in range(1, props.random.randint(2, 4))
    ]
    adult = props.person("suspects", 1, home, Role.SUSPECT, age=29)
    return Sketch(
        props.cast.publisher(props.random, Kind.CHILD_PROTECTION, Kind.POLICE, near=[home]).id,
        case_of("ACCOMMODATION_AND_FOOD", "SEXUAL_EXPLOITATION", [home], [], [home])
        | {"means": (), "minor": "YES", "consent": "GUARDIAN_GIVEN", "tlp": "AMBER_STRICT"}
        | {"at_risk": "YES", "urgency": "IMMEDIATE", "severity": "EXTREME"},
        {
            "summary": props.summary("Minors at a waterfront lodging"),
            "indicators": props.signs(
                "PsychologicalAbuse", recruitment="ThroughFamilyOrFamilyEvents"
            ),
            "victim_profile": props.profile(*children),
            "victims": Victims(persons=tuple(children)),
            "suspects": Suspects(persons=(adult,)),
            "assessment": props.judgement("Same lodging as last year; move before the weekend."),
            **props.reachable("Child protection desk"),
        },
    )


def visa_front(props: Props) -> Sketch:
    """A company whose sponsored workers overstay and vanish."""
    home = props.random.choice(["CN", "BD", "TH"])
    there = props.random.choice(["FJ", "NZ", "WS", "PG"])
    director = props.person("suspects", 1, home, Role.SUSPECT, Role.FACILITATOR, age=29)
    papers = [props.passport("documents", home, director.pid) for _ in range(2)]
    return Sketch(
        props.cast.publisher(props.random, Kind.IMMIGRATION, near=[there]).id,
        case_of("CONSTRUCTION", "FORCED_LABOUR", [home], [], [there])
        | {"acts": ("RECRUITMENT", "HARBOURING"), "consent": "NOT_APPLICABLE", "minor": "NO"}
        | {"tlp": "GREEN", "urgency": "FUTURE", "severity": "MODERATE", "at_risk": "NO"},
        {
            "summary": props.summary("Sponsor with forty overstayed visas"),
            "suspects": Suspects(persons=(director,)),
            "documents": Documents(items=tuple(papers)),
            **props.route(home, there),
            "assessment": props.judgement(f"Front of {FIRMS[1]}; same address as two others."),
        },
    )


def correlation(props: Props) -> Sketch:
    """The regional centre sees one vessel behind alerts of several members."""
    owner = props.person("suspects", 1, "CN", Role.ASSOCIATE, age=29)
    return Sketch(
        props.cast.publisher(props.random, Kind.REGIONAL_COORDINATION).id,
        case_of("FISHING", "FORCED_LABOUR", ["ID"], ["SB", "VU"], ["FJ", "WS"])
        | {"fact_or_assessment": "ASSESSMENT", "consent": "NOT_APPLICABLE", "minor": "NO"}
        | {"urgency": "EXPECTED", "caveats": ("ORCON",), "conveyance_kinds": ("VESSEL",)},
        {
            "summary": props.summary("One vessel behind three alerts"),
            "suspects": Suspects(persons=(owner,)),
            **props.vessels(2),
            **props.route("SB", "VU", "FJ"),
            "assessment": props.judgement("The owner changed the flag between the alerts."),
        },
        {"onward": "ASK"},
    )


def consignment(props: Props) -> Sketch:
    """Customs find living quarters where the manifest says frozen fish."""
    return Sketch(
        props.cast.publisher(props.random, Kind.CUSTOMS).id,
        case_of("TRANSPORT", "OTHER", [], ["PG"], ["SB", "FJ"])
        | {"acts": ("TRANSPORTATION",), "consent": "NOT_APPLICABLE", "minor": "UNKNOWN"}
        | {"tlp": "GREEN", "conveyance_kinds": ("VESSEL",), "urgency": "EXPECTED"},
        {
            "summary": props.summary("Container fitted for people"),
            **props.vessels(1),
            **props.route("PG", "SB", "FJ"),
            "evidence": props.evidence(),
        },
    )


def tip(props: Props) -> Sketch:
    """A civil society organisation passes on what it was told; nobody was asked for consent."""
    home = props.random.choice(["FJ", "TO", "WS", "IN"])
    there = props.random.choice(["FJ", "WS", "VU", "NZ"])
    person = props.person("victims", 1, home, Role.VICTIM_POSSIBLE, age=24)
    consent = props.random.choice(["NOT_ASKED", "REFUSED", "GIVEN"])
    return Sketch(
        props.cast.publisher(props.random, Kind.CIVIL_SOCIETY).id,
        case_of("DOMESTIC_WORK", "SERVITUDE", [home], [], [there])
        | {"source_type": "CIVIL_SOCIETY", "consent": consent, "minor": "NO", "at_risk": "YES"}
        | {"caveats": ("NO_IMMIGRATION_ENFORCEMENT",), "urgency": "EXPECTED"},
        {
            "summary": props.summary("Domestic worker not seen outside for months"),
            "indicators": props.signs("RestrictsMovement", "TakesEarnings"),
            "victim_profile": props.profile(person),
            "victims": Victims(persons=(person,)),
            "source": props.told_by("Women's drop-in"),
            **props.reachable("Drop-in hotline"),
        },
        {"consent_scope": ("TCU", "CIVIL_SOCIETY") if consent == "GIVEN" else ()},
    )


def red(props: Props) -> Sketch:
    """An operation in preparation: for the eyes of those named."""
    where = props.random.choice(["FJ", "NZ", "VU"])
    officer = props.person("suspects", 1, where, Role.SUSPECT, age=29)
    return Sketch(
        props.cast.publisher(props.random, Kind.TCU, Kind.POLICE, near=[where]).id,
        case_of("ARTS_AND_ENTERTAINMENT", "SEXUAL_EXPLOITATION", ["TH"], [], [where])
        | {"tlp": "RED", "caveats": ("ORCON", "NO_ONWARD"), "minor": "NO", "consent": "REFUSED"},
        {
            "summary": props.summary("Operation in preparation"),
            "suspects": Suspects(persons=(officer,)),
            "assessment": props.judgement("An officer at the port may be warning them."),
            "source": props.told_by("Controlled source"),
        },
        {"named_recipients": props.cast.named(props.random)},
    )


#: Stories with at least one victim in them.
WITH_VICTIMS: tuple[Story, ...] = (job_promise, fishing_crew, minors, logging_camp, tip)

#: Every story with how often it is told.
STORIES: dict[Story, int] = {
    fishing_crew: 5,
    job_promise: 4,
    logging_camp: 2,
    minors: 2,
    visa_front: 2,
    correlation: 1,
    consignment: 2,
    tip: 4,
    red: 1,
}
