"""The key folder: the register, who approved it, the officers, private keys and the vault.

officers.json          who may propose and approve; pinned, changed by hand only
register.json          the register in force, with its change and approval
bundle.json            change and approval of the bundle in force
changes/<id>.json      changes proposed, and what became of them
private/<key id>.pem   private keys that this machine holds (0600)
officers/<id>.pem      private keys of officers, on development machines only (0600)
vault/                 the vault
"""

import os
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from broker.errors import Rejected, SettingsInvalid
from broker.model.base import Model
from broker.model.reason import Reason
from broker.protect.bundle_in_force import BundleInForce
from broker.protect.change import Approved, ChangeKind, Officer, Officers, check_approved
from broker.protect.keeper import FileKeeper, Keeper
from broker.protect.model_files import read_model, write_whole
from broker.protect.register import Register
from broker.protect.socket_keeper import SocketKeeper
from broker.protect.vault import FileVault


class ApprovedRegister(Model):
    """A register with the change that made it."""

    register_: Register
    approved: Approved


class _Officers(Model):
    officers: tuple[Officer, ...]


class KeyFolder:
    """A key folder.

    Args:
        path: The folder.
        keeper_socket: Where the key service listens; None: private keys are files in the folder.
        keeper_user: Id of the user that the key service runs as; None: the folder's owner.
    """

    def __init__(
        self, path: Path, keeper_socket: Path | None = None, keeper_user: int | None = None
    ) -> None:
        self.path = path
        self._keeper_socket = keeper_socket
        self._keeper_user = keeper_user
        self._stamp: tuple[int, int] | None = None
        self._register: Register | None = None

    @property
    def exists(self) -> bool:
        """Whether there is a register."""
        return (self.path / "register.json").exists()

    @cached_property
    def keeper(self) -> Keeper:
        """The private keys that this machine holds."""
        if self._keeper_socket is not None:
            return SocketKeeper(self._keeper_socket, self._service_user(), self._register_if_any)
        return FileKeeper(self.path / "private")

    @cached_property
    def vault(self) -> FileVault:
        """The vault."""
        return FileVault(self.path / "vault")

    @cached_property
    def officers(self) -> Officers:
        """Who may propose and approve.

        Raises:
            SettingsInvalid: The file is missing or is no such list.
        """
        found = read_model(self.path / "officers.json", _Officers)
        return {officer.id: officer for officer in found.officers}

    @cached_property
    def bundle(self) -> BundleInForce:
        """Which bundle is in force."""
        return BundleInForce(self.path, lambda: self.officers)

    def register(self) -> Register:
        """Return the register in force; the file is read anew when it has changed.

        Raises:
            SettingsInvalid: It is missing, not approved by two officers, or another one and
                not newer than the one before.
        """
        try:
            status = (self.path / "register.json").stat()
        except FileNotFoundError:
            raise SettingsInvalid(
                f"no key register in {self.path.name}: for trials `lali keys init --development` "
                "makes every key here; for a region: docs/security.md, In production"
            ) from None
        stamp = (status.st_mtime_ns, status.st_ino)
        if self._register is None or stamp != self._stamp:
            self._register = self._read_register()
            self._stamp = stamp
        return self._register

    def write_register(self, register: Register, approved: Approved) -> None:
        """Put *register* in force.

        Raises:
            Rejected: Two officers did not agree to exactly this register.
        """
        digest = register.digest().hex()
        check_register(self.officers, approved, digest)
        write_whole(
            self.path / "register.json", ApprovedRegister(register_=register, approved=approved)
        )

    def require_bundle(self, digest: bytes) -> None:
        """Refuse every bundle but the one in force.

        Raises:
            SettingsInvalid: NOT_APPROVED, or what is wrong with the approval.
        """
        self.bundle.require(digest)

    def _service_user(self) -> int:
        if self._keeper_user is not None:
            return self._keeper_user
        return self.path.stat().st_uid if self.path.exists() else os.geteuid()

    def _register_if_any(self) -> Register | None:
        return self.register() if self.exists else None

    def _read_register(self) -> Register:
        found = read_model(self.path / "register.json", ApprovedRegister)
        register = found.register_
        try:
            check_register(self.officers, found.approved, register.digest().hex())
        except Rejected as rejected:
            raise SettingsInvalid(f"key register: {rejected}") from None
        before = self._register
        if before is not None and register != before and register.version <= before.version:
            raise SettingsInvalid("key register: not newer than the one before")
        return register


def check_register(officers: Officers, approved: Approved, digest: str) -> None:
    """Check that two officers agreed to the register with *digest*.

    An erasure names the register that comes with it, too (`broker.protect.erasure`).

    Raises:
        Rejected: They did not.
    """
    kind = approved.change.kind
    if kind is ChangeKind.BUNDLE:
        raise Rejected(Reason.APPROVAL_DIFFERS, "approval")
    check_approved(officers, approved, kind, digest)


def now() -> datetime:
    """Return the present moment, to the millisecond as records carry it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
