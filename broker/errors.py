"""The error tree of Lali, and what becomes of the alert in each case.

    LaliError
    ├── Rejected               input refused: quarantined (Kafka), or told to its sender (files)
    │   └── Unconfirmed        its originator must first say that it is meant (never by accept)
    ├── BundleInvalid          a policy bundle that must not decide: the role does not start
    ├── SettingsInvalid        the operator's settings are wrong: the role does not start
    ├── KafkaUnavailable       the cluster cannot be reached: nothing is committed, try again later
    │   ├── KafkaRefused       it answers, and refuses us or what we ask: an operator must look
    │   │   └── TopicRefused   it refuses us one topic; others are not concerned
    │   └── GatewayUnavailable the gateway before it did not answer, or says that Kafka does not
    │       └── GatewayRefused (also KafkaRefused) it refuses us or what we ask
    ├── RecipientUnavailable   delivery is retried with back-off; the release waits in its feed
    ├── RecipientRefused       the release is parked as a dead letter, and later revisions with it
    ├── NotNow                 nothing is decided now, nothing is committed, try again later
    │   ├── ClockWrong         this machine's clock, or the cluster's, is wrong
    │   ├── BundleEnded        another bundle is in force
    │   └── OriginatorUnknown  this bundle does not know who published
    ├── KeeperUnavailable      no private key can be used now: nothing is committed, try again later
    │   └── KeyMissing         the vault has no key, and the alert was not erased: restore the vault
    ├── StorageUnavailable     a file of ours is locked, or its disk full: nothing was kept
    ├── RoleEnded              a role ended by itself: whoever keeps it running starts it again
    └── DependencyMissing      something that must be installed on the machine is not there

Every error carries a reason code and, where one exists, a field path. None carries a value:
an error text may end in a log, and a value may be a victim's name.
"""

from collections.abc import Iterable

from broker.model.reason import Reason


class LaliError(Exception):
    """Base of all errors that Lali raises on purpose."""


class Rejected(LaliError):
    """Input that is not accepted, with the reason code and the path of the field at fault.

    Attributes:
        reason: Why, as a code that quarantine, audit and metrics carry.
        path: Dotted path of the field, such as ``compartments.victims.persons[0].roles``;
            empty where the whole input is at fault.
    """

    def __init__(self, reason: Reason, path: str = "") -> None:
        super().__init__(f"{reason.value} at {path}" if path else reason.value)
        self.reason = reason
        self.path = path


#: What may be set aside in accept, route, deliver and gateway, by type: what the bytes themselves
#: deserve. Whatever else is raised, known or not, is our own trouble: it waits, and is told.
OF_BYTES = (Rejected,)


class Unconfirmed(Rejected):
    """An alert with warnings that its originator must confirm before it is published.

    Attributes:
        found: Path and code of each.
    """

    def __init__(self, found: Iterable[tuple[str, str]]) -> None:
        self.found = tuple(found)
        super().__init__(Reason.WARNINGS_UNCONFIRMED, self.found[0][0] if self.found else "")


class BundleInvalid(LaliError):
    """A policy bundle that cannot be used.

    Attributes:
        findings: One line each: file, what is wrong. Bundles hold no personal data, so
            findings may name rules, units and attributes.
    """

    def __init__(self, findings: list[str]) -> None:
        super().__init__("; ".join(findings))
        self.findings = findings


class SettingsInvalid(LaliError):
    """A setting that is missing, unknown or out of range."""


class KafkaUnavailable(LaliError):
    """The Kafka cluster did not answer in time; its text is a code, and may explain it."""

    @property
    def code(self) -> str:
        """The code alone, for records and for machines."""
        return str(self).partition(":")[0]


class KafkaRefused(KafkaUnavailable):
    """The Kafka cluster does not let us in, or not do this; trying again cannot help."""


class TopicRefused(KafkaRefused):
    """The Kafka cluster gives us no right to one topic."""


class GatewayUnavailable(KafkaUnavailable):
    """The gateway did not answer in time, or cannot do now what was asked; try again later.

    Attributes:
        retry_after_seconds: How long the gateway asked to wait, where it said so.
    """

    def __init__(self, code: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(code)
        self.retry_after_seconds = retry_after_seconds


class GatewayRefused(GatewayUnavailable, KafkaRefused):
    """The gateway does not let us in, or not do this; trying again cannot help."""


class RecipientUnavailable(LaliError):
    """The recipient cannot be reached now; the release is kept and tried again.

    Attributes:
        retry_after_seconds: How long the recipient asked to wait, where it said so.
    """

    def __init__(self, code: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after_seconds = retry_after_seconds


class RecipientRefused(LaliError):
    """The recipient will not take this release; it is parked as a dead letter."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NotNow(LaliError):
    """What must hold before anything is decided does not; its text is a code, and explains it."""

    @property
    def code(self) -> str:
        """The code alone, for records and for machines."""
        return str(self).partition(":")[0]


class ClockWrong(NotNow):
    """Clocks differ, or cannot be compared: nothing is decided by them."""


class BundleEnded(NotNow):
    """Another bundle is in force: nothing is decided by this one any more."""


class KeyEnded(NotNow):
    """A key that signing or sealing needs has ended, or is wanting: no fault of what is sent."""


class OriginatorUnknown(NotNow):
    """An alert's originator is in no unit of this bundle: one that knows it may be on its way."""


class KeeperUnavailable(LaliError):
    """The process that holds the private keys is away or refuses; its text is a code."""


class StorageUnavailable(LaliError):
    """A file in which a role keeps something cannot be used now; its text is a code."""

    @property
    def code(self) -> str:
        """STORAGE_FULL, STORAGE_LOCKED, STORAGE_DAMAGED, STORAGE_NEWER or STORAGE_AWAY."""
        return str(self)


class RoleEnded(LaliError):
    """A role ended though nobody asked it to; the process ends with an error."""


class KeyMissing(KeeperUnavailable):
    """The vault has no key of an alert that nobody erased: it is lost, or from another time."""

    def __init__(self) -> None:
        super().__init__("KEY_MISSING: the vault has no key of this alert, and it was not erased")


class DependencyMissing(LaliError):
    """Something outside Python is missing; the text says in one line how to get it."""
