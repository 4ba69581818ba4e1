"""What Prometheus reads of a real Kafka's traffic is what the audit log says of it."""

import asyncio
import contextlib
import re
import socket
import urllib.request
from collections import Counter
from datetime import UTC, datetime

import pytest
from aiokafka.errors import KafkaConnectionError
from delivering import FEED, OTHER, Partner
from delivering import Region as DeliveringRegion
from scraping import Scrape

from broker.audit.balance import balance, read_disclosed, read_published
from broker.audit.log import read_audit
from broker.errors import RecipientRefused, RecipientUnavailable
from broker.metrics.delivery import STATES
from broker.metrics.exporter import exporting
from broker.metrics.registry import scrape
from broker.model.reason import Reason
from broker.pipeline import accept
from broker.pipeline.accept import Accept
from broker.pipeline.deliver import Deliver
from broker.pipeline.router import Router
from broker.pipeline.watch import watch
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.resources import shipped
from broker.simulate import Scenario, canaries_of, past_start
from broker.testing import alert_id_of, make_alert
from broker.wire import codec
from broker.wire.admin import apply_topics
from broker.wire.alert_codec import encode_alert
from broker.wire.contents import VALUES, TopicKind
from broker.wire.producer import TransactionalProducer, TransactionFailed
from broker.wire.sender import Sender
from broker.wire.tail import read_to_end

pytestmark = pytest.mark.kafka

#: A partner that takes everything, and one that refuses its first alert.
TAKES, REFUSES = FEED, OTHER
READERS = {"accept": "intake", "route": "alerts", "deliver": "feed"}


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(shipped("policies") / "pacific")


async def test_what_is_scraped_is_what_the_audit_log_balances_to(connection, topics, bundle):
    steps = list(
        Scenario(
            seed=23, alerts=70, days=3, community=bundle.community,
            start=past_start(datetime.now(UTC), 3),
        )
    )  # fmt: skip
    units, feeds = bundle.community.publishers(), list(bundle.community.feeds)
    await apply_topics(connection, topics.specs(units, feeds))
    decider = Decider(bundle)
    partners = {
        TAKES: Partner(RecipientUnavailable("HTTP_503")),
        REFUSES: Partner(),
    }
    partners[REFUSES].judge = _refusing_the_first()
    before = Scrape()
    roles = [
        Accept(connection, topics, units),
        Router(connection, topics, decider.plan),
        Deliver(connection, topics, decider, partners),
    ]
    async with _running(*roles):
        await _send(connection, topics, steps)
        await _settled(connection, topics, len(steps), set(partners))
    # A role counts what it has written: between the two a reader may come.
    counted, log = Scrape() - before, await read_audit(connection, topics)

    published = await read_published(connection, topics, units)
    disclosed = await read_disclosed(connection, topics, feeds)
    books = balance(published, log, disclosed, frozenset(partners))
    assert books.holds, books
    _assert_same_sums(counted, books)
    _assert_same_reasons(counted, log)
    _assert_same_feeds(counted, log, disclosed)
    assert counted("lali_delivery_failures_total", feed=TAKES, code="HTTP_503") == 1
    assert books.dead_lettered > 0
    _assert_labels_are_codes_and_ids(steps, {*units, *feeds})
    await _assert_topics_hold_what_is_said_of_them(connection, topics, units, feeds)


def _refusing_the_first():
    """Return what refuses the first alert that comes, for ever, and takes all others."""
    first = []

    def judge(release):
        first.append(release.identity)
        is_refused = release.kind == "RELEASE" and release.identity == first[0]
        return RecipientRefused("HTTP_422") if is_refused else None

    return judge


def _assert_same_sums(counted, books):
    assert counted("lali_alerts_accepted_total") == books.accepted > 0
    assert counted("lali_alerts_duplicate_total") == books.duplicates > 0
    assert counted("lali_alerts_quarantined_total") == books.quarantined > 0
    assert counted("lali_decisions_total", verdict="release") == books.released > 0
    withheld = books.withheld + books.recalled  # a recall follows a decision to withhold
    assert counted("lali_decisions_total", verdict="withhold") == withheld
    assert counted("lali_withholdings_total") == withheld
    assert counted("lali_recalls_total") == books.recalled + books.narrowed > 0
    assert counted("lali_deliveries_total") == books.delivered > 0
    assert counted("lali_not_delivered_total") == books.not_delivered
    assert counted("lali_dead_letters_total") == books.dead_lettered


def _assert_same_reasons(counted, log):
    quarantined = Counter(entry.reason for entry in log.of("QUARANTINED"))
    assert counted.by("lali_alerts_quarantined_total", "reason") == quarantined
    reasons = Counter(
        outcome.reason.value
        for entry in log.of("DECIDED")
        for verdict, outcome in log.outcomes(entry).values()
        if outcome.reason is not None
    )
    assert counted.by("lali_withholdings_total", "reason") == reasons
    accepted = Counter(entry.originator for entry in log.of("DECIDED"))
    assert counted.by("lali_alerts_accepted_total", "originator") == accepted


def _assert_same_feeds(counted, log, disclosed):
    standing = Counter()
    for (feed, _, _, kind), times in disclosed.items():
        standing[kind, feed] += times
    for kind, name in (("RELEASE", "lali_releases_total"), ("RECALL", "lali_recalls_total")):
        there = {feed: times for (what, feed), times in standing.items() if what == kind}
        assert counted.by(name, "feed") == there
    letters = Counter((e.feed, e.reason) for e in log.of("DEAD_LETTERED"))
    for (feed, reason), times in letters.items():
        assert counted("lali_dead_letters_total", feed=feed, reason=reason) == times


def _assert_labels_are_codes_and_ids(steps, ids):
    told = {
        value
        for (name, labels), _ in Scrape().samples.items()
        for label, value in labels
        if name.startswith("lali_") and label not in ("le", "digest", "version", "python", "route")
    }
    others = told - ids - set(Reason)
    words = {"release", "withhold", "ACCEPT", "ROUTE", *STATES, *READERS, *READERS.values()}
    # What is left are codes of connectors, of faults and of HTTP.
    assert {each for each in others - words if not re.fullmatch("[A-Za-z0-9_]+", each)} == set()
    text = scrape().decode()
    assert not [c for step in steps for c in canaries_of(step.alert) if c in text]
    assert not [step for step in steps if str(step.alert.label.alert_id) in text]


#: Written when a feed cannot be, and when an operator wants something.
_SELDOM = {"owed-mark", "feed-command"}


async def _assert_topics_hold_what_is_said_of_them(connection, topics, units, feeds):
    said = {
        topics.alerts: TopicKind.ALERTS,
        topics.ledger: TopicKind.LEDGER,
        topics.audit: TopicKind.AUDIT,
        topics.plans: TopicKind.PLANS,
        topics.quarantine: TopicKind.QUARANTINE,
        **{topics.feed(feed): TopicKind.FEED for feed in feeds},
        **{topics.dead_letter(feed): TopicKind.DEAD_LETTER for feed in feeds},
    }
    found = {kind: set() for kind in TopicKind}
    async for record in read_to_end(connection, list(said)):
        if record.value is not None:
            found[said[record.topic]].add(codec.name_of(record.value))
    for kind in set(said.values()):
        assert found[kind] == set(VALUES[kind]) - _SELDOM, kind


async def test_a_transaction_that_did_not_come_to_pass_is_not_counted(
    connection, topics, monkeypatch
):
    region = DeliveringRegion(connection, topics)
    await region.prepare()
    commit, attempts = TransactionalProducer.commit, []

    async def fails_at_first(self, *args):
        attempts.append(1)
        if len(attempts) == 1:
            raise TransactionFailed("COMMIT_TIMED_OUT", for_good=False)
        await commit(self, *args)

    monkeypatch.setattr(TransactionalProducer, "commit", fails_at_first)
    before = Scrape()
    await region.route(make_alert())
    counted = Scrape() - before

    assert len(attempts) == 2
    assert counted("lali_alerts_accepted_total") == 1
    assert counted("lali_errors_total", role="route", code="COMMIT_TIMED_OUT") == 1


async def test_a_batch_of_accept_that_was_not_written_is_not_counted(
    connection, topics, monkeypatch
):
    units = ["fiji-immigration"]
    await apply_topics(connection, topics.specs(units, []))
    sender = Sender(connection)
    await sender.start()
    alert = make_alert(originator=units[0])
    key = str(alert.label.alert_id).encode()
    await sender.send(topics.intake(units[0]), key, encode_alert(alert))
    await sender.stop()
    written, attempts = accept.send_in_order, []

    async def fails_at_first(*args):
        attempts.append(1)
        if len(attempts) == 1:
            raise KafkaConnectionError
        await written(*args)

    monkeypatch.setattr(accept, "send_in_order", fails_at_first)
    before = Scrape()
    async with _running(Accept(connection, topics, units)):
        await _until(lambda: (Scrape() - before)("lali_alerts_forwarded_total"))
    counted = Scrape() - before

    assert len(attempts) == 2
    assert counted("lali_alerts_forwarded_total", originator=units[0]) == 1
    assert counted("lali_errors_total", role="accept", code="KafkaConnectionError") == 1


async def test_a_feed_whose_partner_is_away_shows_what_waits_and_for_how_long(connection, topics):
    region = DeliveringRegion(connection, topics)
    await region.prepare()
    await region.route(make_alert(), make_alert(alert_id=alert_id_of(2)))
    partner = Partner(always=RecipientUnavailable("HTTP_503"))
    looking = watch("deliver", connection, topics, [], [FEED])
    looking._every = 0.2

    async with region.delivering({FEED: partner}), _running(looking):
        await _until(lambda: Scrape()("lali_feed_undelivered_records", feed=FEED) >= 2)
        first = Scrape()("lali_feed_oldest_undelivered_seconds", feed=FEED)
        await asyncio.sleep(0.05)
        assert Scrape()("lali_feed_oldest_undelivered_seconds", feed=FEED) > first > 0
        # What waits is counted by another loop: it may see it before it was tried.
        await _until(lambda: Scrape()("lali_feed_state", feed=FEED, state="delivering") == 0)

        partner.always = None
        # Markers of transactions are left at the end of the topic; nobody waits for them.
        await _until(lambda: Scrape()("lali_feed_undelivered_records", feed=FEED) == 0)
        await _until(lambda: Scrape()("lali_feed_state", feed=FEED, state="delivering") == 1)
        assert Scrape()("lali_feed_oldest_undelivered_seconds", feed=FEED) == 0
        assert Scrape()("lali_lag_records", role="deliver", topic="feed") == 0
        assert Scrape()("lali_role_up", role="deliver") == 1
    assert Scrape()("lali_role_up", role="deliver") == 0


async def test_lag_is_that_of_topics_that_nobody_has_read_yet(connection, topics):
    await apply_topics(connection, topics.specs(["pf-police"], []))
    sender = Sender(connection)
    await sender.start()
    for number in range(3):
        key = str(alert_id_of(number)).encode()
        await sender.send(topics.intake("pf-police"), key, b"no alert")
    await sender.stop()
    looking = watch("accept", connection, topics, ["pf-police"], [])
    looking._every = 0.2

    async with _running(looking):
        await _until(lambda: Scrape()("lali_lag_records", role="accept", topic="intake") == 3)
        assert Scrape()("lali_lag_seconds", role="accept", topic="intake") > 0


async def test_the_port_answers_prometheus_and_closes_with_the_process_part():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with exporting("127.0.0.1", port):
        kind, text = await asyncio.to_thread(_fetched, port)
        assert kind.startswith("text/plain; version=")
        assert {"lali_build_info", "process_cpu_seconds_total"} <= Scrape(text).names()
    with pytest.raises(OSError):
        await asyncio.to_thread(_fetched, port)


def _fetched(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return answer.headers["Content-Type"], answer.read().decode()


@contextlib.asynccontextmanager
async def _running(*roles):
    tasks = [asyncio.create_task(role.run()) for role in roles]
    try:
        yield
    finally:
        for role in roles:
            role.stop()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)


async def _until(holds):
    async with asyncio.timeout(120):
        while not holds():  # noqa: ASYNC110 - it lies in Kafka
            await asyncio.sleep(0.1)


async def _send(connection, topics, steps):
    sender = Sender(connection)
    await sender.start()
    try:
        for step in steps:
            await sender.send(topics.intake(step.originator), step.key, step.value)
    finally:
        await sender.stop()


#: Records that a verdict puts into a feed, where it is not one.
_WRITES = {"withheld": 0, "narrowed": 2}


async def _settled(connection, topics, steps, delivering):
    async with asyncio.timeout(200):
        while True:
            log = await read_audit(connection, topics)
            ended = len(list(log.of("DELIVERED", "NOT_DELIVERED", "DEAD_LETTERED")))
            if len(list(log.of("DECIDED", "DUPLICATE", "QUARANTINED"))) >= steps:
                due = sum(
                    _WRITES.get(verdict, 1)
                    for entry in log.of("DECIDED")
                    for feed, (verdict, _) in log.outcomes(entry).items()
                    if feed in delivering
                )
                if ended >= due:
                    return
            await asyncio.sleep(0.5)
