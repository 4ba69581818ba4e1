"""The demo's report: a table by feed, one trace, the balance, the search for leaks."""

from uuid import UUID

from rich.console import Console
from rich.table import Table

from broker.audit.flows import by_feed, by_originator
from broker.audit.trace import trace, trace_tree
from broker.demo.door import HTTP_FEEDS
from broker.demo.show import Result

_COLUMNS = ("released", "withheld", "recalled", "delivered", "not_delivered", "dead_lettered")


def report(console: Console, result: Result) -> None:
    """Print everything that the demo found."""
    console.print(_originators(result))
    console.print(_feeds(result))
    telling = telling_alert(result)
    if telling is not None:
        console.rule("[bold]The way of one alert")
        console.print(trace_tree(trace(result.log, telling)))
    console.rule("[bold]Balance")
    console.print(_balance(result))


def telling_alert(result: Result) -> UUID | None:
    """Return an alert whose trace tells most: revised, recalled, released to many.

    None where nothing was decided: a demo that failed still reports how.
    """
    best: dict[UUID, int] = {}
    for entry in result.log.of("DECIDED"):
        assert entry.alert_id is not None
        released = sum(
            v in ("released", "narrowed") for v, _ in result.log.outcomes(entry).values()
        )
        worth = 10 * bool(entry.recalled) + min(released, 8)
        best[entry.alert_id] = best.get(entry.alert_id, 0) + worth
    return max(best, key=lambda alert_id: (best[alert_id], alert_id), default=None)


def _originators(result: Result) -> Table:
    table = Table("originator", title="Who published", title_justify="left")
    columns = ("published", "accepted", "duplicates", "quarantined")
    for column in columns:
        table.add_column(column, justify="right")
    for name, counts in by_originator(result.log).items():
        table.add_row(name, *(str(counts.get(column, 0) or "·") for column in columns))
    return table


def _feeds(result: Result) -> Table:
    table = Table("feed", "purpose", title="Who received, and who did not", title_justify="left")
    for column in _COLUMNS:
        table.add_column(column.replace("_", " "), justify="right")
    table.add_column("how")
    for name, counts in by_feed(result.log).items():
        feed = result.parts.community.feeds[name]
        how = feed.connector.type if feed.connector else _reads(name)
        cells = (str(counts.get(column, 0) or "·") for column in _COLUMNS)
        purpose = feed.purpose.value.lower().replace("_", " ")
        table.add_row(name, purpose, *cells, how)
    return table


def _reads(feed: str) -> str:
    return "reads by HTTP" if feed in HTTP_FEEDS else "reads its topic"


def _balance(result: Result) -> str:
    books, search = result.books, result.search
    pairs = books.released + books.withheld + books.recalled
    verdict = "[bold green]all is well[/]" if result.passed else "[bold red]it does not balance[/]"
    lines = [
        f"published {books.published} = accepted {books.accepted} "
        f"+ duplicates {books.duplicates} + quarantined {books.quarantined}; "
        f"{result.by_http} came by HTTP",
        f"accepted × feeds {pairs} = released {books.released} + withheld {books.withheld} "
        f"+ recalled {books.recalled}",
        f"delivered {books.delivered}, not delivered with a reason {books.not_delivered}, "
        f"dead letters {books.dead_lettered}; lost [bold]{books.lost}[/]",
        f"searched {search.bytes_searched:,} bytes received, {search.canaries_seen:,} canaries; "
        f"leaked [bold]{len(search.leaks)}[/]",
        f"Kafka {result.kafka}, {len(result.parts.community.feeds)} feeds, "
        f"{result.seconds:.1f} s, {result.memory_mb:.0f} MB with Kafka: {verdict}",
    ]
    faults = [
        *(f"[red]leak:[/] {feed} {place} {canary}" for feed, place, canary in search.leaks[:10]),
        *(f"[red]not as foretold:[/] {line}" for line in result.unexpected),
        *(f"[red]surplus:[/] {key}" for key in books.surplus[:5]),
        *(f"[red]missing:[/] {key}" for key in books.missing[:5]),
        *(f"[red]repeated:[/] {key}" for key in books.repeated[:5]),
        *(f"[red]undelivered:[/] {key}" for key in books.undelivered[:5]),
        *(f"[red]unaccounted:[/] {key}" for key in books.unaccounted[:5]),
        *(f"[red]accounted twice:[/] {key}" for key in books.accounted_twice[:5]),
    ]
    return "\n".join([*lines, *faults])
