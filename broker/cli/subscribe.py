"""`lali subscribe`: follow a feed."""

import asyncio
import json as json_text
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from broker.agreement import require_partitions
from broker.cli.gateway_options import GatewayOptions
from broker.cli.http_following import http_subscriber
from broker.cli.plain import card
from broker.client import Subscriber
from broker.client.http import HttpSubscriber
from broker.errors import SettingsInvalid
from broker.keys import client_protection
from broker.model.release import ReleaseView
from broker.policy.directory import read_directory
from broker.settings import Settings, load_settings
from broker.wire.access import Principals
from broker.wire.admin import list_topics
from broker.wire.identity import connection_as
from broker.wire.topics import Topics


def subscribe(
    feed: str,
    *,
    from_start: Annotated[bool, Parameter(negative="")] = False,
    once: Annotated[bool, Parameter(negative="")] = False,
    group: str | None = None,
    gateway: GatewayOptions | None = None,
    position: Path | None = None,
    acknowledge: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Show what one feed receives, and wait for more until Ctrl-C.

    Whatever a terminal could obey is written out. Expired releases are shown without content.
    What retention deleted before it was read is said on the error output where reading comes to
    it, and with --json in a line `{"lost": …}` too.

    Example: `lali subscribe samoa-tcu-investigate --from-start --once`

    Example: `lali subscribe samoa-tcu-investigate --url https://gateway.example:8440
    --position desk.position --acknowledge`

    Args:
        feed: Id of the feed.
        from_start: Begin at the oldest release that is kept, not at what comes next.
        once: Stop at the present end instead of waiting.
        group: Keep the position under this name, and go on from it.
        gateway: Where to go by HTTP.
        position: By HTTP: file that keeps the position, to go on from it.
        acknowledge: By HTTP: tell the gateway that each release was shown.
        json: Print each release as one line of JSON.
    """
    settings, come = load_settings(), gateway or GatewayOptions()
    if (url := come.url_in(settings)) is not None:
        if group is not None:
            raise SettingsInvalid("--group is Kafka's; by HTTP a --position file is kept")
        begin = from_start or once
        say = partial(_say_lost, feed, as_json=json)
        subscriber = http_subscriber(
            url, feed, come.credentials(), settings, position, begin, once, say
        )
        asyncio.run(_follow_http(subscriber, acknowledge=acknowledge, as_json=json))
        return
    if position is not None or acknowledge:
        raise SettingsInvalid("--position and --acknowledge are for a gateway: --url")
    asyncio.run(
        _follow(
            feed,
            settings,
            group=group,
            from_start=from_start or once,
            to_end=once,
            as_json=json,
        )
    )


async def _follow(
    feed: str,
    settings: Settings,
    *,
    group: str | None,
    from_start: bool,
    to_end: bool,
    as_json: bool,
) -> None:
    principal = Principals(settings.topic_prefix).unit(_unit_of(feed, settings))
    connection = connection_as(settings, f"lali-subscribe-{feed}", principal)
    topics = Topics(settings.topic_prefix, settings.partitions)
    if topics.feed(feed) not in await list_topics(connection):
        raise SettingsInvalid(f"there is no feed {feed}")
    await require_partitions(connection, topics, [topics.feed(feed)])
    protection = client_protection(settings)
    subscriber = Subscriber(
        connection,
        feed,
        group,
        from_start=from_start,
        to_end=to_end,
        topics=topics,
        opener=protection.opener(feed) if protection else None,
        with_record=as_json,
        on_lost=partial(_say_lost, feed, as_json=as_json),
    )
    async with subscriber as releases, _committed(releases):
        async for release in releases:
            _show(release, as_json=as_json)


async def _follow_http(subscriber: HttpSubscriber, *, acknowledge: bool, as_json: bool) -> None:
    async with subscriber as releases, _committed(releases):
        async for release in releases:
            _show(release, as_json=as_json)
            if acknowledge:
                await releases.acknowledge(release)


@asynccontextmanager
async def _committed(releases: Subscriber | HttpSubscriber) -> AsyncIterator[None]:
    """Remember, when Ctrl-C comes, what was shown until then."""
    try:
        yield
    except asyncio.CancelledError:
        await releases.commit()
        raise


def _unit_of(feed: str, settings: Settings) -> str:
    """Return the unit whose feed it is, where the credentials of several are at hand."""
    if settings.in_effect().credentials is None:
        return ""
    feeds = read_directory(settings.bundle / "community.toml").feeds
    if feed not in feeds:
        raise SettingsInvalid(f"there is no feed {feed}")
    return feeds[feed].unit


def _say_lost(feed: str, at_most: int | None, *, as_json: bool) -> None:
    """Say that releases or recalls are gone; None: of how many, nobody can know."""
    if as_json:
        line = {"lost": {"feed": feed, "at_most": at_most}}
        sys.stdout.write(json_text.dumps(line) + "\n")
        sys.stdout.flush()
    many = "an unknown number of" if at_most is None else f"up to {at_most}"
    sys.stderr.write(
        f"lali: {many} releases or recalls of {feed} were deleted before they were read "
        "(RECORDS_LOST): longer away than they are kept; ask the originators what still stands\n"
    )


def _show(release: ReleaseView, *, as_json: bool) -> None:
    # ASCII only: what a terminal could obey is an escape in JSON.
    text = json_text.dumps(release.model_dump(mode="json")) if as_json else card(release) + "\n"
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
