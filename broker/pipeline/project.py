"""Make releases and recalls: the only code that does.

A `Release` is the only thing that a feed or a connector takes. What the decision does not
name is dropped here; its commitment stays, so the originator's signature still verifies and
an empty slot looks like a withheld one.
"""

from broker.model.release import Release, ReleaseKind
from broker.pipeline.open_release import ReleaseOpener
from broker.pipeline.reseal import Resealer
from broker.protect.recall_seal import RecallSigner, RecallStatement
from broker.wire import varint
from broker.wire.alert_bytes import UUID_BYTES, Slots
from broker.wire.alert_codec import refuse_shape
from broker.wire.codec import FRAME_BYTES, decode_trusted
from broker.wire.cutting import cutting
from broker.wire.layout import layout_of
from broker.wire.release_bytes import encode_recall, encode_release, narrow_release, plain_closing
from broker.wire.sealing import ReleaseParts
from broker.wire.tails import encode_release_tail


class Projector:
    """Projects one accepted alert, once per disclosure profile.

    Attributes:
        present: Mask of the compartments that hold content.
        filled: The same as policy is told it.
        slots_end: Where signature and seal begin.
    """

    __slots__ = (
        "_label_end",
        "_released_at",
        "_revision",
        "_slots",
        "_value",
        "filled",
        "present",
        "slots_end",
    )

    def __init__(
        self, value: bytes, revision: int, label_end: int, slots_start: int, released_at: bytes
    ) -> None:
        self._value = value
        self._revision = revision
        self._label_end = label_end
        self._released_at = released_at
        self._slots = Slots(value, slots_start)
        self.present = self._slots.present
        self.filled = self._slots.layout.filled(self.present)
        self.slots_end = self._slots.end

    def project(self, mask: int, acknowledge: bytes, closing: bytes | None = None) -> Release:
        """Return what a recipient that may see *mask* receives.

        Args:
            mask: The compartments.
            acknowledge: Their obligation, encoded.
            closing: What follows the slots, as `broker.pipeline.seal_release` gives it; by
                default the alert's own signature, and no seal.
        """
        value = encode_release(
            self._value,
            self._label_end,
            self._slots,
            mask,
            acknowledge,
            self._released_at,
            plain_closing(self._value, self.slots_end) if closing is None else closing,
        )
        identity = self._value[FRAME_BYTES : FRAME_BYTES + UUID_BYTES]
        return Release(ReleaseKind.RELEASE, identity, self._revision, self.shown(mask), value)

    def shown(self, mask: int) -> int:
        """Return what a recipient that may see *mask* is shown: its disclosure profile."""
        return self._slots.shown(mask)


def recall(said: RecallStatement, signer: RecallSigner | None) -> Release:
    """Return the recall that a revision sends to a feed that holds an earlier one.

    Args:
        said: What it says.
        signer: Signs it; None where protection is off.

    Raises:
        KeeperUnavailable: The key service is away.
    """
    closing = encode_release_tail(signer.sign(said) if signer else None, None)
    moment = encode_moment(said.released_at)
    value = encode_recall(said.alert_id, said.revision, moment, closing)
    return Release(ReleaseKind.RECALL, said.alert_id, said.revision, 0, value)


def read_release(value: bytes) -> Release:
    """Return the release in a record of a feed, as route wrote it.

    Raises:
        Rejected: It is none.
    """
    record = decode_trusted(value, "release")
    refuse_shape(record)  # `narrow` cuts what a release must have
    return Release(
        cutting(ReleaseKind)(record["kind"]),
        record["alert_id"],
        record["revision"],
        record["profile"],
        value,
    )


def narrow(release: Release, mask: int) -> Release:
    """Return *release* with every compartment outside *mask* dropped; it never adds."""
    if release.kind is not ReleaseKind.RELEASE:
        return release
    kept = release.profile & layout_of(release.value).shown(mask)
    if kept == release.profile:
        return release
    value = narrow_release(release.value, mask)
    return Release(release.kind, release.identity, release.revision, kept, value)


def opened(release: Release, opener: ReleaseOpener) -> Release:
    """Return *release* in plain form where its feed is entrusted to the hub, else as it is.

    Raises:
        Rejected: It should open, and does not.
    """
    if release.kind is not ReleaseKind.RELEASE:
        return release
    parts = ReleaseParts(release.value)
    if not opener.may_open(parts):
        return release
    value = opener.open(parts)
    return Release(release.kind, release.identity, release.revision, release.profile, value)


def resealed(release: Release, resealer: Resealer) -> Release:
    """Return *release* with keys for what is left of it, after `narrow`.

    Raises:
        Rejected: KEY_UNKNOWN, or ERASED.
    """
    if release.kind is not ReleaseKind.RELEASE:
        return release
    value = resealer.reseal(release.value)
    return Release(release.kind, release.identity, release.revision, release.profile, value)


def encode_moment(epoch_ms: int) -> bytes:
    """Return a moment as a release carries it; one value serves a whole batch."""
    return varint.encode(epoch_ms)
