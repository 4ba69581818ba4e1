"""Why a cluster does not let us in: one clear line, with a code and without any value.

aiokafka says only that no bootstrap server answered. So one connection is opened by hand,
and its own error is read.
"""

import asyncio
import ssl

from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidTimestampError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from broker.errors import KafkaRefused, KafkaUnavailable, TopicRefused
from broker.wire.connection import Connection

#: OpenSSL's codes: the certificate names another host, or another address.
_OTHER_NAME = {62, 64}
_DENIED: dict[type[Exception], str] = {
    TopicAuthorizationFailedError: "topic",
    GroupAuthorizationFailedError: "group",
    TransactionalIdAuthorizationFailed: "transactional id",
    ClusterAuthorizationFailedError: "operation",
}


async def require_welcome(connection: Connection) -> None:
    """Open one connection as *connection* says, and close it.

    Raises:
        KafkaRefused: TLS fails, or the cluster does not know us; trying again cannot help.
        KafkaUnavailable: No server answers.
    """
    found: KafkaUnavailable = KafkaUnavailable("UNREACHABLE: no bootstrap server answers")
    for server in connection.servers():
        try:
            await _open(connection, server)
        except KafkaUnavailable as error:
            found = error if not isinstance(found, KafkaRefused) else found
        else:
            return
    raise found


async def unavailable(connection: Connection, error: Exception) -> KafkaUnavailable:
    """Return what *error*, which a client of *connection* raised, means."""
    if (refused := denied(error)) is not None:
        return refused
    try:
        await require_welcome(connection)
    except KafkaUnavailable as found:
        return found
    return KafkaUnavailable(type(error).__name__)


def denied(error: BaseException) -> KafkaRefused | None:
    """Return what *error* means if it says that a right is missing."""
    if isinstance(error, InvalidTimestampError):
        return KafkaRefused(
            "CLOCK_REFUSED: this machine's clock and the cluster's are hours apart; set the wrong "
            "one, and `lali topics apply` lets topics take the brokers' time"
        )
    for kind, what in _DENIED.items():
        if isinstance(error, kind):
            refused = TopicRefused if what == "topic" else KafkaRefused
            return refused(f"NOT_AUTHORISED: no right to this {what}")
    return None


async def _open(connection: Connection, server: str) -> None:
    host, _, port = server.rpartition(":")
    options = connection.options()
    del options["bootstrap_servers"]
    try:
        async with asyncio.timeout(connection.request_timeout_ms / 1000):
            opened = await create_conn(host.strip("[]"), int(port), **options)
        opened.close()
    except (OSError, KafkaError, TimeoutError, EOFError) as error:
        raise _meaning(error, protected=connection.security is not None) from None


def _meaning(error: BaseException, *, protected: bool) -> KafkaUnavailable:
    """Return one line for *error*, or for what it was raised from."""
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLError):
        return KafkaRefused(_tls_fault(cause))
    if isinstance(error, (AuthenticationFailedError, SaslAuthenticationFailed)):
        return KafkaRefused("AUTHENTICATION_FAILED: unknown user, or the password is not theirs")
    if isinstance(error, ConnectionRefusedError):
        return KafkaUnavailable("UNREACHABLE: no bootstrap server answers")
    if not protected:
        return KafkaUnavailable("CONNECTION_CLOSED: does the server want TLS?")
    return KafkaUnavailable(f"UNREACHABLE: {type(error).__name__}")


def _tls_fault(error: ssl.SSLError) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return "TLS_FAILED: the server speaks no TLS here, or refuses our certificate"
    if error.verify_code in _OTHER_NAME:
        return "TLS_NAME_DIFFERS: the certificate is not for this address"
    return "TLS_CERTIFICATE_REFUSED: not signed by the CA file, or not valid today"
