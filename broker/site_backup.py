"""Back up what is a site's own, beside Kafka's topics.

Two archives (tar). One holds what may lie with other backups: settings, connectors, the bundle,
the key register with all changes, the gateway's files. The other holds what opens alerts: private
keys, the vault, passwords, secrets; who wants it names a file for it, and guards that as the key
folder itself. Both carry one id, and a manifest (`manifest.json`) with the SHA-256 of each file.
Topics are the cluster's: of a Kafka that `lali up` started, its folder goes in while it is stopped.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from broker.errors import SettingsInvalid
from broker.model.base import Model, Moment
from broker.private_files import write_private
from broker.protect.key_folder import KeyFolder
from broker.settings import Settings

MANIFEST = "manifest.json"
_PUBLIC_KEYS = ("register.json", "officers.json", "bundle.json", "bundles", "changes")
_PRIVATE_KEYS = ("private", "officers")
#: Of the gateway's folder: what signs, what drafts derive from, and who may come.
_SECRETS = ("secret", "secret-older", "secret-drafts")
_GATEWAY_SECRETS = frozenset({*_SECRETS, "keys.json"})
#: Sessions end with a restore: who signed out since must stay so.
_ENDS = frozenset({"sessions.db"})
_JOURNALS = ("-wal", "-shm", "-journal")


class Manifest(Model):
    """What an archive holds, and to what it belongs.

    Attributes:
        id: The same in both archives of one backup.
        secret: It is the archive of keys.
        files: SHA-256 of each file, hexadecimal, by name.
        register_: Digest of the key register, hexadecimal.
        bundle: Digest of the bundle of the settings, hexadecimal.
        vault_rows: How many keys of alerts the vault held.
    """

    id: str
    made_at: Moment
    secret: bool
    files: dict[str, str]
    register_: str
    bundle: str
    vault_rows: int


def back_up(
    settings: Settings, bundle: bytes, archive: Path, keys: Path | None, *, kafka: bool
) -> list[Manifest]:
    """Write the archives, each whole or not at all; return their manifests.

    Args:
        settings: The site's.
        bundle: Digest of its bundle.
        archive: What holds no secret.
        keys: What does; None: it is not written.
        kafka: With the folder of the local Kafka, which must not run.

    Raises:
        SettingsInvalid: A file is there already, or there is no key register.
    """
    for file in (archive, keys):
        if file is not None and file.exists():
            raise SettingsInvalid(f"{file.name} is there already: a backup replaces none")
    folder = KeyFolder(settings.key_folder())
    with folder.vault.still():
        known = {
            "id": uuid.uuid4().hex,
            "made_at": datetime.now(UTC).replace(microsecond=0),
            "register_": folder.register().digest().hex(),
            "bundle": bundle.hex(),
            "vault_rows": folder.vault.count(),
        }
        made = [_write(archive, dict(_plain(settings, kafka=kafka)), {**known, "secret": False})]
        if keys is not None:
            made.append(_write(keys, dict(_secret(settings)), {**known, "secret": True}))
    _note(settings, made[0].made_at)
    return made


def last_backup(settings: Settings) -> datetime | None:
    """Return when a backup of this site was last made, as far as this machine knows."""
    try:
        noted = json.loads(_noted(settings).read_text())
        return datetime.fromisoformat(noted["made_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note(settings: Settings, made_at: datetime) -> None:
    with suppress(OSError):  # the archives are there; only `lali doctor` misses the note
        write_private(_noted(settings), json.dumps({"made_at": made_at.isoformat()}).encode())


def _noted(settings: Settings) -> Path:
    return settings.data_folder / "last-backup.json"


def _plain(settings: Settings, *, kafka: bool) -> Iterator[tuple[str, Path]]:
    named = Path(os.environ.get("LALI_SETTINGS", "lali.toml"))
    for name, file in (("lali.toml", named), ("connectors.toml", settings.connectors)):
        if file is not None and file.is_file():
            yield f"settings/{name}", file
    yield from _tree("bundle", settings.bundle)
    for part in _PUBLIC_KEYS:
        # The officers' private keys lie beside the list of officers, on machines for trials.
        yield from _tree(f"keys/{part}", settings.key_folder() / part)
    for name, file in _tree("gateway", settings.data_folder / "gateway"):
        # What a gateway projects from Kafka it makes anew; a lock is a process's own.
        made_anew = file.name.startswith("gateway-") or file.suffix == ".lock"
        if file.name not in _GATEWAY_SECRETS | _ENDS and not made_anew:
            yield name, file
    if kafka:
        yield from _tree("kafka", settings.data_folder / "kafka")


def _secret(settings: Settings) -> Iterator[tuple[str, Path]]:
    for part in (*_PRIVATE_KEYS, "vault"):
        yield from _tree(f"keys/{part}", settings.key_folder() / part)
    for name in sorted(_GATEWAY_SECRETS):
        yield from _tree(f"gateway/{name}", settings.data_folder / "gateway" / name)
    if settings.gateway_secret_file is not None:
        for name in _SECRETS:
            beside = settings.gateway_secret_file.name + name.removeprefix("secret")
            yield from _tree(f"gateway/{name}", settings.gateway_secret_file.with_name(beside))
    if settings.credentials is not None:
        yield from _tree("credentials", settings.credentials)


def _tree(name: str, path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield name, path
        return
    for file in sorted(path.rglob("*")) if path.is_dir() else ():
        if file.is_file() and not file.is_symlink() and not file.name.endswith(_JOURNALS):
            yield f"{name}/{file.relative_to(path).as_posix()}", file


def _write(archive: Path, files: dict[str, Path], known: dict[str, object]) -> Manifest:
    partial = archive.with_name(f".{archive.name}.partial")
    work = archive.with_name(f".{archive.name}.{os.getpid()}")
    work.mkdir(mode=0o700)
    try:
        digests = {name: _copied(file, work / name) for name, file in files.items()}
        manifest = Manifest.model_validate({**known, "files": digests})
        write_private(
            work / MANIFEST, json.dumps(manifest.model_dump(mode="json"), indent=1).encode()
        )
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as out, tarfile.open(fileobj=out, mode="w") as tar:
            for name in (MANIFEST, *sorted(digests)):
                tar.add(work / name, name, recursive=False)
            tar.close()
            out.flush()
            os.fsync(out.fileno())
        partial.replace(archive)
    finally:
        partial.unlink(missing_ok=True)
        shutil.rmtree(work)
    return manifest


def _copied(file: Path, copy: Path) -> str:
    """Copy *file*, a database as it stands between two transactions; return its SHA-256."""
    copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if file.suffix == ".db":
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    else:
        shutil.copyfile(file, copy)
    copy.chmod(0o600)
    return digest_of(copy)


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
