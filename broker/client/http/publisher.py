"""Publish alerts of one unit over HTTP."""

import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel

from broker.client.encoding import AlertEncoder
from broker.client.http.answers import told
from broker.client.http.batches import Batch, Outcome
from broker.client.http.credentials import Credentials
from broker.client.http.draining import Draining
from broker.client.http.link import Ask, GatewayLink
from broker.client.http.retrying import Patience
from broker.client.http.sending import Sending, is_passing
from broker.client.journal import Journal
from broker.client.payload import Form, Payload, payload_of
from broker.client.publisher import Attempt, Published, State
from broker.client.salts import KEY_BYTES
from broker.errors import KeyEnded, Rejected
from broker.model.alert import Alert
from broker.model.exchange import PublishedAlert, PublishState
from broker.model.preview import Preview
from broker.model.standing import AlertStanding
from broker.pipeline.seal import OriginatorSeal

M = TypeVar("M", bound=BaseModel)

#: Why an alert was not even tried.
_Unsent = Rejected | KeyEnded

#: With a journal nobody needs to wait long for a gateway that is away.
_WITH_JOURNAL = Patience(seconds=5, attempts=2)


class HttpPublisher:
    """Publishes alerts of one unit through a gateway; as `Publisher` does over Kafka.

    Args:
        url: Where the gateway is, such as ``https://gateway.example:8440``.
        originator: Id of the unit, as the credentials have it.
        credentials: Who we are.
        salt_key: 32 secret bytes, as for `Publisher`. Random if not given.
        seal: Signs and seals before anything leaves this process. Without it the gateway does,
            with the unit's keys, and reads what it seals.
        journal: Where alerts wait while the gateway is away; opened and closed with this.
        patience: How long to try before an alert is unavailable, or goes into the journal.
        batch_alerts: Most alerts of one request, 1,000 at most.
        batch_bytes: Most bytes of one request. On a thin link a smaller batch comes through
            sooner, and less is sent again when the link breaks.

    Raises:
        SettingsInvalid: URL or credentials cannot be used.

    Example:
        credentials = Credentials(api_key=read_secret(Path("fiji-immigration.key")))
        async with HttpPublisher(url, "fiji-immigration", credentials) as publisher:
            published = await publisher.publish(alert)
    """

    def __init__(
        self,
        url: str,
        originator: str,
        credentials: Credentials,
        *,
        salt_key: bytes | None = None,
        seal: OriginatorSeal | None = None,
        journal: Journal | None = None,
        patience: Patience | None = None,
        batch_alerts: int = 200,
        batch_bytes: int = 1 << 20,
    ) -> None:
        self.originator = originator
        self._patience = patience or (Patience() if journal is None else _WITH_JOURNAL)
        self._most = (batch_alerts, batch_bytes)
        self._form = Form.SEALED if seal else Form.DRAFT
        self._encoder = AlertEncoder(originator, salt_key or os.urandom(KEY_BYTES), seal)
        self._link = GatewayLink(url, credentials, self._patience)
        self._sending = Sending(self._link)
        self._draining = (
            Draining(journal, self._sending, originator, self._batch)
            if journal is not None
            else None
        )
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the journal; nothing is sent yet, so that it works offline too.

        Raises:
            SettingsInvalid: The journal cannot be used.
        """
        await self._open.enter_async_context(self._link)
        if self._draining is not None:
            try:
                await self._draining.start()
            except BaseException:
                await self._open.aclose()
                raise
            self._open.push_async_callback(self._draining.stop)
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Disconnect; what is in the journal waits for the next publisher."""
        await self._open.aclose()

    async def publish(self, alert: Alert, *, confirm_warnings: bool = False) -> Published:
        """Send *alert*; return once every in-sync replica has it, or our journal.

        With *confirm_warnings*, what its warnings show is meant.

        After `KafkaUnavailable` the alert may have been written, or not. Publish it again with
        this publisher or one with the same key: the pipeline takes it once.

        Raises:
            Unconfirmed: Its warnings must be confirmed first; nothing was sent.
            Rejected: It will never be taken; with the reason.
            KeyEnded: It is sealed here, and our key or the hub's has ended: nothing was kept.
            GatewayUnavailable: No answer in time, and there is no journal, or no room in it.
            GatewayRefused: The gateway does not let us in.
        """
        made = payload_of(alert, self._encoder, self._form, confirmed=confirm_warnings)
        (outcome,) = await self._publish([made])
        if isinstance(outcome, Published):
            return outcome
        raise outcome

    async def publish_all(
        self, alerts: Iterable[Alert], *, confirm_warnings: bool = False
    ) -> AsyncIterator[Attempt]:
        """Publish *alerts* and yield what became of each, in their order.

        One that is refused stops none of the others. Revisions of one alert keep their order.
        """
        batch, refused = self._batch(), list[tuple[Alert, _Unsent | None]]()
        for alert in alerts:
            payload = self._payload(alert, confirmed=confirm_warnings)
            if isinstance(payload, Payload):
                if not batch.takes(payload):
                    for attempt in await self._attempts(batch, refused):
                        yield attempt
                    batch, refused = self._batch(), []
                batch.add(payload)
            refused.append((alert, None if isinstance(payload, Payload) else payload))
        for attempt in await self._attempts(batch, refused):
            yield attempt

    async def send_waiting(self) -> int:
        """Send what waits in the journal; return how many alerts wait still.

        This happens in the background too; a program that ends soon may want to wait for it.

        Raises:
            GatewayUnavailable: The gateway is away; what waits is safe.
            GatewayRefused: It does not let us in.
        """
        return await self._draining.drain() if self._draining else 0

    async def preview(self, alert: Alert) -> Preview:
        """Return who would receive *alert*, and what each would see; nothing is published.

        The gateway reads what it is asked about.

        Raises:
            Rejected: It would never be taken; with the reason.
            GatewayUnavailable: No answer in time.
            GatewayRefused: The gateway does not let us in.
        """
        body = alert.model_dump_json(exclude_none=True).encode()
        return await self._told(Ask("POST", "/v1/alerts:preview", body), Preview)

    async def standing(self, alert_id: UUID) -> AlertStanding:
        """Return what became of an alert of ours.

        Raises:
            GatewayUnavailable: No answer in time.
            GatewayRefused: NOT_FOUND: we published none of this id.
        """
        return await self._told(Ask("GET", f"/v1/alerts/{alert_id}"), AlertStanding)

    async def cancel(self, alert_id: UUID) -> Published:
        """Cancel an alert of ours: everyone who holds it is told to stop using it.

        After `GatewayUnavailable` it may have been done; ALREADY_CANCELLED then says so.

        Raises:
            Rejected: ALREADY_CANCELLED, or NOT_ACCEPTED: nobody holds it.
            GatewayUnavailable: No answer in time.
            GatewayRefused: NOT_FOUND: we published none of this id.
        """
        return await self._revised(alert_id, "cancel", {})

    async def withdraw_consent(self, alert_id: UUID) -> Published:
        """Cancel an alert of ours because consent was withdrawn.

        Raises:
            Rejected, GatewayUnavailable, GatewayRefused: As `cancel`.
        """
        return await self._revised(alert_id, "consent", {"consent": "WITHDRAWN"})

    def _batch(self) -> Batch:
        return Batch(*self._most)

    def _payload(self, alert: Alert, *, confirmed: bool = False) -> Payload | _Unsent:
        try:
            return payload_of(alert, self._encoder, self._form, confirmed=confirmed)
        except (Rejected, KeyEnded) as unsent:
            return unsent

    async def _attempts(
        self, batch: Batch, alerts: Sequence[tuple[Alert, _Unsent | None]]
    ) -> list[Attempt]:
        outcomes = iter(await self._publish(batch.payloads))
        return [_attempt(alert, refused or next(outcomes)) for alert, refused in alerts]

    async def _publish(self, payloads: Sequence[Payload]) -> list[Outcome]:
        keeping = self._draining
        if not payloads:
            return []
        if keeping is None:
            return await self._sending.send(payloads, self._patience)
        if not keeping.is_empty:  # behind what waits: no revision overtakes the one before it
            return [await keeping.keep(payload) for payload in payloads]
        outcomes = await self._sending.send(payloads, self._patience)
        return [
            await keeping.keep(payload) if is_passing(outcome) else outcome
            for payload, outcome in zip(payloads, outcomes, strict=True)
        ]

    async def _revised(self, alert_id: UUID, what: str, body: dict[str, Any]) -> Published:
        ask = Ask("POST", f"/v1/alerts/{alert_id}/{what}", orjson.dumps(body) if body else b"")
        done = await self._told(ask, PublishedAlert)
        state: State = "spooled" if done.state is PublishState.SPOOLED else "published"
        return Published(done.alert_id, done.revision, state=state)

    async def _told(self, ask: Ask, model: type[M]) -> M:
        return told(model, (await self._link.ask(ask)).body)


def _attempt(alert: Alert, outcome: Outcome | KeyEnded) -> Attempt:
    if isinstance(outcome, Published):
        return Attempt(alert, published=outcome)
    return Attempt(alert, error=outcome)
