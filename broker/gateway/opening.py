"""Make the parts behind the doors from what a deployment has."""

import hmac
from collections.abc import Callable

from broker.client.encoding import AlertEncoder
from broker.clock import epoch_ms
from broker.gateway.cursor import Cursors
from broker.gateway.database import Database
from broker.gateway.disclosures import AuditWriter, Disclosures
from broker.gateway.doors import Doors
from broker.gateway.ended_sessions import EndedSessions
from broker.gateway.eras import Eras
from broker.gateway.gateway_secret import GatewaySecret
from broker.gateway.identity.doorkeeper import make_doorkeeper
from broker.gateway.limits import make_limiter
from broker.gateway.projection import Projection, Taker
from broker.gateway.publishing import PublishingDesk
from broker.gateway.repeats import Repeats
from broker.gateway.serve import Servings
from broker.gateway.shelf import Shelf
from broker.gateway.spool import Spool
from broker.gateway.standing import Standings
from broker.pipeline.holdings import Holdings
from broker.pipeline.preconditions import Preconditions
from broker.pipeline.protection import Protection
from broker.policy.acquainted import known_names
from broker.policy.decide import Decider
from broker.policy.directory import Directory
from broker.settings import Settings
from broker.wire.connection import Connection
from broker.wire.topics import Topics


def open_doors(
    settings: Settings,
    community: Directory,
    topics: Topics,
    decider: Decider,
    protection: Protection | None,
    connection: Connection,
    clock: Callable[[], int] = epoch_ms,
    preconditions: Preconditions | None = None,
) -> Doors:
    """Return the parts behind the doors.

    Raises:
        SettingsInvalid: The folder, the secret or the identities file cannot be used.
    """
    folder = settings.data_folder / "gateway"
    database = Database(folder)
    secrets = GatewaySecret(settings.gateway_secret(), clock)
    holdings = Holdings(connection, topics)
    eras = Eras(database)
    shelf = Shelf(database, topics, community.listed, eras)
    standings = Standings(database, holdings, topics.partitions)
    takers: dict[str, Taker] = {**dict.fromkeys(shelf.topics, shelf), topics.audit: standings}
    audit = AuditWriter(connection, topics)
    spool = Spool(folder, settings.gateway_spool_bytes)
    keeps = settings.gateway_spool
    openers = {f: protection.opener(f) for f in community.listed} if protection else None
    resealers = {f: protection.resealer(f) for f in community.listed} if protection else None
    signer = protection.recalls() if protection else None
    servings = Servings(holdings, decider, openers, clock, resealers, signer, preconditions)
    return Doors(
        settings=settings,
        community=community,
        topics=topics,
        decider=decider,
        connection=connection,
        clock=clock,
        preconditions=preconditions,
        protection=protection,
        database=database,
        holdings=holdings,
        projection=Projection(connection, database, takers, eras, shelf.topics),
        shelf=shelf,
        servings=servings,
        disclosures=Disclosures(audit, shelf, servings, decider.bundle.digest, clock),
        audit=audit,
        standings=standings,
        desk=PublishingDesk(connection, topics, spool, keeps=keeps),
        spool=spool,
        repeats=Repeats(folder, secrets.drafts, standings.taken_before),
        cursors=Cursors(secrets.counting, era_of=shelf.era),
        encoder_of=_encoders(secrets.drafts, protection, community),
        doorkeeper=make_doorkeeper(settings, community, topics),
        limiter=make_limiter(settings),
        secrets=secrets,
        ended=EndedSessions(folder),
    )


def _encoders(
    secret: bytes, protection: Protection | None, community: Directory
) -> Callable[[str], AlertEncoder]:
    salt_key = hmac.digest(secret, b"lali salts 1", "sha256")
    kept: dict[str, AlertEncoder] = {}

    def encoder_of(unit: str) -> AlertEncoder:
        if unit not in kept:
            may_know = known_names(community, unit)
            seal = protection.originator(unit, may_know) if protection else None
            kept[unit] = AlertEncoder(unit, salt_key, seal)
        return kept[unit]

    return encoder_of
