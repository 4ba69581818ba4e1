"""When Python looks for unreachable cycles: seldom, and never among what a role keeps for good.

A role makes many short-lived records and keeps a ledger, a policy and its labels. Python's
defaults look through young objects every 700 of them, and through everything whenever a
quarter is new; in route that was a twelfth of all CPU time (docs/benchmarks.md). Almost
nothing here refers to itself in a circle, so little is lost by looking seldom.
"""

import gc

#: Container objects made and not yet gone before the young ones are looked through.
_YOUNG = 50_000
_MIDDLE = 20
_OLD = 100


def keep_apart() -> None:
    """Exempt all that is there now from every later look, and look seldom from now on.

    Call it once, where a process has made what it needs and begins its work.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
