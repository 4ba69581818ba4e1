"""Proofs about a bundle: what its rules can and cannot do, over every label, by a solver.

A bundle is translated into formulas over booleans, one for each known member of each set and
each value of each code. Nothing is left out of the translation: guards, ``@hold``, and names
that the broker drops before rules see them; a construct that it does not know stops it.

Needs z3, the extra ``prove`` of this package. Nothing that decides imports this.
"""
