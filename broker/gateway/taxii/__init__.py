"""TAXII 2.1: the caller's feeds as collections of STIX objects, to be read by any client."""

from broker.gateway.taxii.routes import router

__all__ = ["router"]
