"""The strict decoder, on an alert as a publisher sends it."""

from fuzz import samples
from fuzz.harness import Target

from broker.wire.alert_codec import decode_alert

TARGET = Target(decode_alert, samples.plain_alerts)
