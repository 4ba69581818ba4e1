"""What a subscriber reads: a release, verified and opened with fixed keys.

The first byte says whether it is signed anew, so that changes go further than the signature.
"""

from fuzz import samples
from fuzz.harness import Target
from fuzz.keys import FEED, HELD, NOW, SIGNING

from broker.pipeline.open_release import ReleaseOpener, read_verified
from broker.pipeline.project import recall
from broker.protect.recall_seal import RecallSigner, RecallStatement
from broker.protect.signature import Signature
from broker.testing import alert_id_of
from broker.wire import codec
from broker.wire.sealing import ReleaseParts

OPENER = ReleaseOpener(FEED, samples.register, HELD)


def read(data):
    anew, value = data[:1], data[1:]
    read_verified(_signed(value) if anew == b"\x01" else value, OPENER)


def _signed(value):
    record = codec.decode(value, "release")
    if not record["label"] or not record["compartments"]:
        return value
    statement = ReleaseParts(value).statement()
    if statement is None:
        return value
    signed = HELD.sign(SIGNING.id, statement.signed)
    record["signature"] = Signature(SIGNING.algorithm.value, SIGNING.id, signed)._asdict()
    entry = codec.unframe(value, "release")
    return codec.encode_version(entry, record)


def seeds():
    sealed = samples.sealed_releases()
    said = RecallStatement(FEED, alert_id_of(1).bytes, 2, int(NOW.timestamp() * 1000))
    signed = recall(said, RecallSigner(samples.register, HELD)).value
    recalls = {
        "recall": b"\0" + samples.plain_releases()["recall"],
        "signed-recall": b"\0" + signed,
    }
    first = {f"sent-{name}": b"\0" + value for name, value in sealed.items()}
    return first | {f"signed-{name}": b"\1" + value for name, value in sealed.items()} | recalls


TARGET = Target(read, seeds, most_bytes=5000)
