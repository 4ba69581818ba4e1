"""Plausible, visibly synthetic scenarios of the Pacific region."""
