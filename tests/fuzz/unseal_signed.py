"""As unseal, signed anew by its originator: what a publisher that is wrong, or ill-meaning, sends.

A changed alert would else go no further than its signature.
"""

from fuzz import samples
from fuzz.harness import Target
from fuzz.keys import HELD, SIGNING
from fuzz.unseal import UNSEALER

from broker.protect.signature import Signature
from broker.wire import codec
from broker.wire.alert_codec import decode_alert
from broker.wire.sealing import AlertParts
from broker.wire.tails import encode_alert_tail


def read(data):
    record = codec.decode(data, "alert")
    parts = AlertParts(data)
    if parts.seal is None:
        return
    signed = parts.statement(parts.seal.distribution_salt).signed
    signature = Signature(SIGNING.algorithm.value, SIGNING.id, HELD.sign(SIGNING.id, signed))
    whole = data[: parts.slots.end] + encode_alert_tail(signature, parts.seal)
    if data[:5] == whole[:5]:
        decode_alert(UNSEALER.open(whole, record["label"]["originator"]).plain)


TARGET = Target(read, samples.sealed_alerts)
