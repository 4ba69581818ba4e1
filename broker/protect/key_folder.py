"""The key folder: the register, who approved it, the officers, private keys and the vault.

officers.json          who may propose and approve; pinned, changed by hand only
register.json          the register in force, with its change and approval
bundles/<digest>.json  change and approval of each bundle that may decide
changes/<id>.json      changes proposed, and what became of them
private/<key id>.pem   private keys that this machine holds (0600)
officers/<id>.pem      private keys of officers, on development machines only (0600)
vault/                 the vault
"""

import json
import os
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from broker.errors import Rejected, SettingsInvalid
from broker.model.base import Model
from broker.model.reason import Reason
from broker.protect.change import Approved, ChangeKind, Officer, Officers, check_approved
from broker.protect.keeper import FileKeeper, Keeper
from broker.protect.register import Register
from broker.protect.socket_keeper import SocketKeeper
from broker.protect.vault import FileVault

M = TypeVar("M", bound=BaseModel)


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
                f"no key register in {self.path.name}: run `lali keys init`"
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
        """Refuse a bundle that two officers did not agree to.

        Raises:
            SettingsInvalid: NOT_APPROVED, or what is wrong with the approval.
        """
        file = self.path / "bundles" / f"{digest.hex()}.json"
        if not file.exists():
            raise SettingsInvalid(
                f"bundle {digest.hex()[:12]}: {Reason.NOT_APPROVED}: "
                "`lali change propose-bundle`, then another officer: `lali change approve`"
            )
        approved = read_model(file, Approved)
        try:
            check_approved(self.officers, approved, ChangeKind.BUNDLE, digest.hex())
        except Rejected as rejected:
            raise SettingsInvalid(f"bundle {digest.hex()[:12]}: {rejected}") from None

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


def read_model(file: Path, model: type[M]) -> M:
    """Return what *file* holds.

    Raises:
        SettingsInvalid: It cannot be read as *model*; the text names the file, the field and
            what is wrong, and no value.
    """
    try:
        return model.model_validate_json(file.read_bytes())
    except OSError as error:
        raise SettingsInvalid(f"{file.name}: {type(error).__name__}") from None
    except ValidationError as error:
        raise SettingsInvalid(f"{file.name}: {_first_fault(error)}") from None


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_input=False, include_url=False)[0]
    # Our own validators raise ValueError(CODE). The name of an unknown field is a value, too.
    what = str(fault.get("ctx", {}).get("error") or fault["type"])
    known = fault["loc"][:-1] if fault["type"] == "extra_forbidden" else fault["loc"]
    where = ".".join(map(str, known))
    return f"{what} at {where}" if where else what


def write_whole(file: Path, model: BaseModel) -> None:
    """Write *model* as JSON, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    with partial.open("w") as written:
        json.dump(model.model_dump(mode="json"), written, indent=1)
        written.flush()
        os.fsync(written.fileno())
    partial.replace(file)


def now() -> datetime:
    """Return the present moment, to the millisecond as records carry it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
