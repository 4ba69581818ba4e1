# ruff: noqa: INP001 - a script, no module of a package
"""A solver on standard input for Cedar's analysis: SMT-LIB 2 in, answers out, by PyPI's cvc5.

Cedar's own analysis starts the executable ``cvc5`` and talks to it. PyPI has cvc5 as a library
with a parser, so this reads one command at a time and answers as the executable does.
"""

import sys
from collections.abc import Iterator
from typing import Any, TextIO

import cvc5

_TIME_LIMIT_MS = "60000"


def commands(stream: TextIO) -> Iterator[str]:
    """Yield one whole command, an s-expression, at a time; comments are left out."""
    text: list[str] = []
    depth, closing = 0, ""
    while char := stream.read(1):
        if closing == "\n":
            closing = "" if char == "\n" else closing
            continue
        if closing:
            closing = "" if char == closing else closing
        elif char == ";":
            closing = "\n"
            continue
        elif char in '"|':
            closing = char
        else:
            depth += (char == "(") - (char == ")")
        text.append(char)
        if depth == 0 and not closing and char == ")":
            yield "".join(text).strip()
            text = []


class Solver:
    """One cvc5, made anew at each ``(reset)``."""

    def __init__(self) -> None:
        manager = cvc5.TermManager()
        self._solver = cvc5.Solver(manager)
        self._solver.setOption("tlimit-per", _TIME_LIMIT_MS)
        self._symbols = cvc5.SymbolManager(manager)

    def answer(self, command: str) -> str:
        """Return what cvc5 says to *command*."""
        parser = cvc5.InputParser(self._solver, self._symbols)
        parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, command, "stdin")
        said = []
        while not (read := self._next(parser)).isNull():
            said.append(str(read.invoke(self._solver, self._symbols) or ""))
        return "".join(said)

    def _next(self, parser: Any) -> Any:
        return parser.nextCommand()


def main() -> None:
    """Answer standard input until it ends or says ``(exit)``."""
    solver = Solver()
    for command in commands(sys.stdin):
        if command.startswith("(reset)"):
            solver = Solver()
            continue
        try:
            said = solver.answer(command)
        except RuntimeError as error:
            said = f'(error "{error}")\n'
        sys.stdout.write(said)
        sys.stdout.flush()
        if command.startswith("(exit"):
            return


if __name__ == "__main__":
    main()
