"""A picture of who sees what: feeds by parts of an alert, always, sometimes or never; SVG.

How often is told by form, not by colour alone: a full disc, half of one, a dot.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from xml.sax.saxutils import escape

from broker.policy.actions import RECEIVE
from broker.policy.directory import Directory

#: Pixels: of one row, one column, the names at the left, and the heads of columns.
_ROW, _COLUMN, _NAMES, _HEADS = 20, 40, 330, 130

_OPENING = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" \
viewBox="0 0 {width} {height}" role="img" aria-labelledby="title desc">
<title id="title">{title}</title>
<desc id="desc">A full disc: always. Half a disc: sometimes. A dot: never. The first column is \
over all alerts, the others over those that the feed receives.</desc>
<style>text {{ font: 12px sans-serif; fill: #222 }} .purpose {{ font-weight: bold }}</style>
<defs>
<circle id="always" r="6" fill="#0b5394"/>
<g id="sometimes"><circle r="6" fill="#fff" stroke="#0b5394"/>\
<path d="M0-6a6 6 0 0 1 0 12z" fill="#0b5394"/></g>
<circle id="never" r="1.5" fill="#999"/>
</defs>
<rect width="{width}" height="{height}" fill="#fff"/>"""


def picture(found: Mapping[str, Mapping[str, str]], community: Directory) -> str:
    """Return *found*, by feed and action how often, as SVG: one row a feed, by purpose."""
    feeds = sorted(found, key=lambda feed: (community.feeds[feed].purpose.value, feed))
    purposes = [
        (purpose, list(rows))
        for purpose, rows in groupby(feeds, key=lambda feed: community.feeds[feed].purpose.value)
    ]
    actions = list(found[feeds[0]]) if feeds else []
    lines = len(feeds) + len(purposes)
    size = {
        "width": _NAMES + _COLUMN * len(actions) + 60,
        "height": _HEADS + _ROW * (lines + 3),
    }
    opening = _OPENING.format(title="Who sees which part of an alert", **size)
    return "\n".join((opening, *_heads(actions), *_body(purposes, found), *_key(lines), "</svg>\n"))


def _heads(actions: Sequence[str]) -> Iterator[str]:
    for column, action in enumerate(actions):
        x, y = _x(column) - 4, _HEADS - 10
        said = "the alert" if action == RECEIVE else _words(action.removeprefix("see_"))
        yield f'<text x="{x}" y="{y}" transform="rotate(-50 {x} {y})">{escape(said)}</text>'


def _body(
    purposes: Sequence[tuple[str, list[str]]], found: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    line = 0
    for purpose, feeds in purposes:
        yield f'<text class="purpose" x="10" y="{_y(line)}">{_words(purpose.lower())}</text>'
        line += 1
        for feed in feeds:
            yield f'<text x="24" y="{_y(line)}">{escape(feed)}</text>'
            for column, how in enumerate(found[feed].values()):
                yield f'<use href="#{how}" x="{_x(column)}" y="{_y(line) - 4}"/>'
            line += 1


def _key(line: int) -> Iterator[str]:
    """Yield what the marks mean, below *line* lines."""
    for place, how in enumerate(("always", "sometimes", "never")):
        x, y = 24 + 120 * place, _y(line + 1)
        yield f'<use href="#{how}" x="{x}" y="{y - 4}"/><text x="{x + 12}" y="{y}">{how}</text>'


def _words(name: str) -> str:
    return name.replace("_", " ")


def _x(column: int) -> int:
    return _NAMES + _COLUMN * column


def _y(line: int) -> int:
    return _HEADS + _ROW * line + 14
