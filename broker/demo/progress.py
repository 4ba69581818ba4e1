"""Live progress of the demo: lines in a pipe, a moving panel in a terminal."""

from collections import Counter
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from broker.simulate.scenario import Step

_LINE_EVERY = 100


class _Counting(Protocol):
    counts: dict[str, int]


class Progress:
    """Says what happens while the demo runs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=8, transient=True)
        self._sent = 0
        self._kinds: Counter[str] = Counter()
        self._last = ""
        self._total = 0
        self._roles: tuple[Any, ...] = ()

    def __enter__(self) -> Self:
        """Start the panel, where there is a terminal."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Take the panel away."""
        self._live.stop()

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(f"[dim]·[/] {text}")

    def watch(self, total: int, accept: _Counting, router: Any, deliver: Any) -> None:
        """Show these roles from now on."""
        self._total = total
        self._roles = (accept, router, deliver)

    def published(self, step: Step) -> None:
        """Note that *step* was sent."""
        self._sent += 1
        self._kinds[step.kind] += 1
        self._last = f"{step.at:%d %b %H:%M} {step.originator}: {step.kind}"
        if not self._console.is_terminal and self._sent % _LINE_EVERY == 0:
            self.say(f"{self._sent} of {self._total} published")
        self.refresh()

    def refresh(self) -> None:
        """Draw the panel anew."""
        if self._roles and self._console.is_terminal:
            self._live.update(self._panel())

    def _panel(self) -> Table:
        accept, router, deliver = self._roles
        table = Table.grid(padding=(0, 2))
        table.add_row("[bold]publish[/]", f"{self._sent} of {self._total}", f"[dim]{self._last}[/]")
        table.add_row("[bold]accept[/]", _counts(accept.counts), "")
        table.add_row("[bold]route[/]", _counts(router.counts()), "")
        states = Counter(status.state for status in deliver.status().values())
        done = sum(status.delivered for status in deliver.status().values())
        table.add_row("[bold]deliver[/]", f"{done} delivered", f"[dim]{_counts(states)}[/]")
        return table


def _counts(counts: Any) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
