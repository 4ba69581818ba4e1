"""Trials of the real pipeline: roles as processes that are killed and paused, and a verdict.

Shipped, so that an operator can try an own bundle or cluster in the same way.
"""
