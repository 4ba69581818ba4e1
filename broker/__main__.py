"""``python -m broker`` is `lali`."""

from broker.cli import main

main()
