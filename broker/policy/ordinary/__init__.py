"""Ordinary alerts of a bundle: a grid of them, and whom each must reach."""
