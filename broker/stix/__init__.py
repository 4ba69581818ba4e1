"""STIX 2.1: what one feed may see of an alert, as objects that analysts' systems load.

A pure mapping from a `ReleaseView`: the same release for the same feed gives the same bytes.
"""

from broker.stix.frame import StixObject
from broker.stix.objects import CONTENT_TYPE, objects_of

__all__ = ["CONTENT_TYPE", "StixObject", "objects_of"]
