"""Which bundle is in force: the one that two officers approved last, and no other.

    bundle.json            change and approval of the bundle in force
    bundles/<digest>.json  the same of older key folders, where the newest counts

An approval ends with the next one. Each names its place in their order, so an older approval
is good for nothing: who wants an earlier bundle back needs two people again.
"""

from collections.abc import Callable
from pathlib import Path

from broker.errors import Rejected, SettingsInvalid
from broker.model.reason import Reason
from broker.protect.change import Approved, ChangeKind, Officers, check_approved
from broker.protect.model_files import read_model, write_whole

_Stamp = tuple[int, int] | None


class BundleInForce:
    """The bundle in force in one key folder.

    Args:
        path: The key folder.
        officers: Who may propose and approve.
    """

    def __init__(self, path: Path, officers: Callable[[], Officers]) -> None:
        self._path = path
        self._file = path / "bundle.json"
        self._officers = officers
        self._stamp: _Stamp = None
        self._approved: Approved | None = None

    def approved(self) -> Approved | None:
        """Return change and approval of the bundle in force; None before the first.

        The file is read anew when it has changed.

        Raises:
            SettingsInvalid: The approval does not hold, or an older one stands in the place of
                one that was in force.
        """
        stamp = self._stamp_now()
        if self._approved is None or stamp != self._stamp:
            self._approved, self._stamp = self._checked(self._read()), stamp
        return self._approved

    def place(self) -> int:
        """Return the place of the latest approval in their order; 0: none, or an old one.

        Whether that approval still holds is not asked: an officer may have gone, and two who
        are there must be able to follow it with another.
        """
        found = self._read()
        return found.change.place if found else 0

    def require(self, digest: bytes) -> None:
        """Refuse every bundle but the one in force.

        Raises:
            SettingsInvalid: NOT_APPROVED: it is another one, or none; or its approval is wrong.
        """
        approved, wanted = self.approved(), digest.hex()
        if approved is not None and approved.change.digest == wanted:
            return
        agreed = (
            "`lali change propose-bundle --officer ONE`, then with the id that it prints "
            "`lali change approve ID --officer ANOTHER`"
        )
        if approved is None:
            raise SettingsInvalid(f"bundle {wanted[:12]}: {Reason.NOT_APPROVED}: {agreed}")
        raise SettingsInvalid(
            f"bundle {wanted[:12]}: {Reason.NOT_APPROVED}: {approved.change.digest[:12]} is in "
            f"force since {approved.approval.approved_at:%Y-%m-%d %H:%M} UTC: set `bundle` "
            f"(LALI_BUNDLE) to its folder, or have two officers agree to this one: {agreed}"
        )

    def put(self, approved: Approved) -> None:
        """Put the bundle of *approved* in force; the one before ends.

        Raises:
            Rejected: APPROVAL_REPLAYED: another one came into force since it was proposed.
        """
        if approved.change.place != self.place() + 1:
            raise Rejected(Reason.APPROVAL_REPLAYED, "change.place")
        write_whole(self._file, approved)

    def _read(self) -> Approved | None:
        if self._file.exists():
            return read_model(self._file, Approved)
        older = [read_model(file, Approved) for file in (self._path / "bundles").glob("*.json")]
        return max(older, key=lambda each: each.approval.approved_at, default=None)

    def _checked(self, found: Approved | None) -> Approved | None:
        before = self._approved
        if before is not None and (found is None or found.change.place < before.change.place):
            raise SettingsInvalid("bundle.json: older than the one before")
        if found is None:
            return None
        digest = found.change.digest
        try:
            check_approved(self._officers(), found, ChangeKind.BUNDLE, digest)
        except Rejected as rejected:
            raise SettingsInvalid(f"bundle {digest[:12]}: {rejected}") from None
        return found

    def _stamp_now(self) -> _Stamp:
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino
