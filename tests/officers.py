"""What tests of changes and of officers share: a proposal, and a key in another hand."""

from broker.protect.ceremony import ChangeRecord, OfficerKey, propose
from broker.protect.change import ChangeKind
from broker.protect.development import FIRST
from broker.protect.key_folder import KeyFolder

ONE, OTHER = "1" * 64, "2" * 64


def proposed(folder: KeyFolder, officer: OfficerKey, digest: str = ONE) -> ChangeRecord:
    return propose(folder, officer, ChangeKind.BUNDLE, digest)


def named(folder: KeyFolder, name: str) -> OfficerKey:
    """Return the first officer's key, in the hand of *name*."""
    return OfficerKey(name, folder.path / "officers" / f"{FIRST}.pem")
