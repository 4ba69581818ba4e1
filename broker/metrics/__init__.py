"""What operators count: Prometheus metrics of every part of Lali.

Labels hold codes, and ids of units and feeds; never an alert's id, nor anything that a
publisher wrote. Only what is committed is counted. docs/metrics.md says what each one means
and what to do about it.
"""
