"""Turn an alert into the bytes that are published: the same alert, the same bytes."""

from broker.client.salts import derived_salts, derived_secret
from broker.errors import Rejected
from broker.model.alert import Alert
from broker.model.reason import Reason
from broker.pipeline.seal import OriginatorSeal
from broker.wire import strict
from broker.wire.alert_codec import encode_alert


class AlertEncoder:
    """Encodes the alerts of one unit, signed and sealed where it has keys.

    Args:
        originator: Id of the unit.
        salt_key: 32 secret bytes; with the same key an alert is encoded the same each time.
        seal: Signs and seals; None leaves alerts plain.
    """

    def __init__(self, originator: str, salt_key: bytes, seal: OriginatorSeal | None) -> None:
        self.originator = originator
        self._salt_key = salt_key
        self._seal = seal

    def encode(self, alert: Alert) -> bytes:
        """Return *alert* as it is published.

        Raises:
            Rejected: ORIGINATOR_DIFFERS or OVERSIZED, or KEY_UNKNOWN where a key is not here.
        """
        if alert.label.originator != self.originator:
            raise Rejected(Reason.ORIGINATOR_DIFFERS, "label.originator")
        value = encode_alert(alert, salts=derived_salts(self._salt_key, alert))
        if self._seal is not None:
            value = self._sealed(self._seal, alert, value)
        if len(value) > strict.LIMITS.max_bytes:
            raise Rejected(Reason.OVERSIZED)
        return value

    def _sealed(self, seal: OriginatorSeal, alert: Alert, value: bytes) -> bytes:
        try:
            return seal.seal(value, alert, derived_secret(self._salt_key, alert))
        except KeyError:  # the register knows the key, and its private half is elsewhere
            raise Rejected(Reason.KEY_UNKNOWN, "signature") from None
