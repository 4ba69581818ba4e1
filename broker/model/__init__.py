"""Nouns: frozen, typed, without input or output."""
