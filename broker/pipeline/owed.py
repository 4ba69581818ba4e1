"""Recalls that a recipient has not taken: kept in the ledger, made again when they are tried.

A recall is owed for as long as the ledger knows its alert, whatever the feed's own topic keeps.
"""

from collections.abc import Iterator
from uuid import UUID

from broker.pipeline.delivery_desk import Desk
from broker.pipeline.holding import Mark
from broker.pipeline.project import recall
from broker.pipeline.waiting_room import Item
from broker.protect.recall_seal import RecallSigner, RecallStatement
from broker.wire.consumer import remade_record
from broker.wire.partition import partition_of


class OwedRecalls:
    """The recalls that one feed's recipient has not taken.

    Args:
        desk: What all feeds share.
        feed: The feed.
        signer: Signs recalls; None where protection is off.
    """

    def __init__(self, desk: Desk, feed: str, signer: RecallSigner | None) -> None:
        self._desk = desk
        self._feed = feed
        self._signer = signer

    def of(self, partition: int) -> Iterator[Item]:
        """Yield what is owed of the alerts in *partition*.

        Raises:
            KeeperUnavailable: The key service is away.
        """
        for identity, mark in self._desk.holdings.owed(self._feed):
            key = str(UUID(bytes=identity)).encode()
            if partition_of(key, self._desk.topics.partitions) == partition:
                yield self._made(identity, key, partition, mark)

    def _made(self, identity: bytes, key: bytes, partition: int, mark: Mark) -> Item:
        assert mark.owed is not None
        said = RecallStatement(self._feed, identity, mark.owed, mark.owed_at)
        release = recall(said, self._signer)
        topic = self._desk.topics.feed(self._feed)
        return Item(release, remade_record(topic, partition, mark.owed_at, key, release.value))
