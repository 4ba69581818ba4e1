"""Cut bytes into parts: what goes wrong there is the fault of the bytes.

The same types of exception are faults of our own code everywhere else, so they count as
`Rejected` right where bytes are cut, and nowhere farther out.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from broker.errors import Rejected
from broker.model.reason import Reason

P = ParamSpec("P")
T = TypeVar("T")

#: What cutting raises where bytes are not what they should be: too few, a number or a moment
#: beyond what can be, no text. No KeyError, no TypeError: those come from code.
OF_CUTTING = (ValueError, IndexError, EOFError, OverflowError)


def cutting(work: Callable[P, T]) -> Callable[P, T]:
    """Let *work*, which does nothing but cut bytes, raise `Rejected`: UNEXPECTED."""

    @wraps(work)
    def cut(*args: P.args, **named: P.kwargs) -> T:
        try:
            return work(*args, **named)
        except OF_CUTTING:
            raise Rejected(Reason.UNEXPECTED) from None

    return cut
