"""Hostile clients against a real site: `make attack`.

Each attack is a function of one module per family, with the number that docs/security.md has it
under, what is tried, and what must hold. It returns what it saw where the site held, and raises
`NotHeld` or `NotRun` where it did not, or could not be tried; whatever else goes wrong in it
counts as not held, for then nothing was shown.
"""
