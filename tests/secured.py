"""A community of the tests' own on a protected cluster, and ways to be refused there."""

import asyncio
from contextlib import asynccontextmanager

from broker.app import Parts, make_parts
from broker.certificates import DevelopmentCa
from broker.cluster.local import LocalKafka
from broker.provisioning import provision
from broker.settings import load_settings
from broker.wire.connection import Connection
from broker.wire.security import Security


def parts_on(kafka: LocalKafka, prefix: str = "", **settings) -> Parts:
    """Return the Pacific community on *kafka*, below *prefix*."""
    made = kafka.protection
    return make_parts(
        load_settings(
            bootstrap_servers=kafka.bootstrap_servers,
            security_protocol="SASL_SSL",
            ca_file=made.ca_file,
            credentials=made.passwords_folder,
            topic_prefix=prefix,
            partitions=2,
            replication=kafka.replication,
            **settings,
        )
    )


def provisioned(kafka: LocalKafka, prefix: str, **settings) -> Parts:
    """Return the Pacific community on *kafka*, with topics, passwords and rights."""
    parts = parts_on(kafka, prefix, **settings)
    provision(parts)
    asyncio.run(parts.apply_topics())
    return parts


def by_certificate(kafka: LocalKafka, principal: str) -> Connection:
    """Return how *principal* connects with a certificate."""
    pair = DevelopmentCa(kafka.protection.certificates_folder).issue_client(principal)
    security = Security(
        kafka.protection.ca_file, "SSL", certificate_file=pair.certificate, key_file=pair.key
    )
    return Connection(kafka.mtls_servers, security=security)


@asynccontextmanager
async def forwarded(port: int, host: str):
    """Let *host*, another address of this machine, lead to *port*; yields its own port."""

    async def pump(reader, writer):
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def forward(reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, back), pump(there, writer))

    server = await asyncio.start_server(forward, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
