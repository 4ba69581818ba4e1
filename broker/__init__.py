"""Lali: an interagency message broker for suspected human trafficking."""
