"""The strict decoder, on a release as a recipient reads it."""

from fuzz import samples
from fuzz.harness import Target

from broker.wire.alert_codec import decode_release


def seeds():
    sealed = {f"sealed-{name}": value for name, value in samples.sealed_releases().items()}
    return samples.plain_releases() | sealed


TARGET = Target(decode_release, seeds, most_bytes=5000)
