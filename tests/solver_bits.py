"""Formulas of z3 evaluated for many requests at once, without z3: a bit for each request.

What the solver is given is walked as it stands, so a fault of the translation shows, and z3's
own reasoning has no part in the comparison.
"""

from functools import reduce

import z3

from broker.policy.proof.values import Text, TextSet


class Bits:
    """Many requests, as the values of a world's variables: for each name, an integer of bits."""

    def __init__(self, world, requests: list[tuple[dict, dict]]) -> None:
        self.every = (1 << len(requests)) - 1
        self._values: dict[str, int] = {}
        for name, value in world.symbols.values.items():
            if name in ("context.purpose", "context.operational"):
                continue  # the feed's: formulas over which feed it is
            for index, (view, facts) in enumerate(requests):
                self._note(name, value, {**view, **facts}, 1 << index)
        #: The formula is kept beside its value: z3 gives the id of a freed one to another.
        self._known: dict[int, tuple[z3.BoolRef, int]] = {}

    def _note(self, name, value, request, bit) -> None:
        found = request.get(name.removeprefix("resource.").removeprefix("context."))
        if isinstance(value, Text):
            self._set(f"{name}={found}", bit)
        elif isinstance(value, TextSet):
            for each in found:
                self._set(f"{name}∋{each if each in value.members else '…'}", bit)
        elif found:
            self._set(name, bit)

    def _set(self, name: str, bit: int) -> None:
        self._values[name] = self._values.get(name, 0) | bit

    def of(self, formula: z3.BoolRef) -> int:
        """Return for which requests *formula* holds."""
        key = formula.get_id()
        if key not in self._known:
            self._known[key] = formula, self._evaluate(formula)
        return self._known[key][1]

    def _evaluate(self, formula) -> int:
        parts = [self.of(formula.arg(i)) for i in range(formula.num_args())]
        kind = formula.decl().kind()
        if kind == z3.Z3_OP_UNINTERPRETED and not parts:
            return self._values.get(formula.decl().name(), 0)
        return self.every & _OPERATIONS[kind](parts, self.every)


#: By z3's kind: the parts and all bits → the bits of the whole, those beyond all bits any.
_OPERATIONS = {
    z3.Z3_OP_TRUE: lambda parts, every: every,
    z3.Z3_OP_FALSE: lambda parts, every: 0,
    z3.Z3_OP_NOT: lambda parts, every: ~parts[0],
    z3.Z3_OP_AND: lambda parts, every: reduce(lambda one, other: one & other, parts, every),
    z3.Z3_OP_OR: lambda parts, every: reduce(lambda one, other: one | other, parts, 0),
    z3.Z3_OP_EQ: lambda parts, every: ~(parts[0] ^ parts[1]),
}
