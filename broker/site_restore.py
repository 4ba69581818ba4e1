"""Put a backup back: nothing is placed before everything was checked against everything else."""

import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from broker.errors import SettingsInvalid
from broker.policy.bundle import load_bundle
from broker.protect.key_folder import KeyFolder, now
from broker.protect.model_files import read_model
from broker.protect.register import HUB, Holder
from broker.protect.vault import FileVault
from broker.settings import Settings
from broker.site_backup import MANIFEST, Manifest, digest_of


def restore(settings: Settings, archive: Path, keys: Path | None) -> list[Path]:
    """Put the archives of one backup back where *settings* say; return what was placed.

    Settings, connectors and bundle go to ``restored/`` in the data folder: an operator compares
    them with today's and says where they belong.

    Raises:
        SettingsInvalid: An archive is damaged or not of this backup, its parts do not belong
            together, or something is there already. Nothing was placed.
    """
    targets = _targets(settings)
    for target in targets.values():
        if target.exists() and any(target.iterdir()):
            raise SettingsInvalid(f"{target.name} is there already: restore replaces nothing")
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.data_folder, prefix=".restore-") as work:
        staged = Path(work)
        plain = _unpack(archive, staged, secret=False)
        secret = _unpack(keys, staged, secret=True) if keys is not None else None
        if secret is not None and secret.id != plain.id:
            raise SettingsInvalid("the archive of keys belongs to another backup")
        _check(staged, plain, with_keys=secret is not None)
        return [_place(staged / name, target) for name, target in targets.items()
                if (staged / name).exists()]  # fmt: skip


def _targets(settings: Settings) -> dict[str, Path]:
    restored = settings.data_folder / "restored"
    return {
        "keys": settings.key_folder(),
        "gateway": settings.data_folder / "gateway",
        "kafka": settings.data_folder / "kafka",
        "bundle": restored / "bundle",
        "settings": restored / "settings",
        "credentials": restored / "credentials",
    }


def _unpack(archive: Path, into: Path, *, secret: bool) -> Manifest:
    try:
        with tarfile.open(archive) as tar:
            members = tar.getmembers()
            if not all(each.isfile() for each in members):
                raise SettingsInvalid(f"{archive.name}: holds more than files")
            tar.extractall(into, members, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise SettingsInvalid(f"{archive.name}: {type(error).__name__}") from None
    manifest = read_model(into / MANIFEST, Manifest)
    (into / MANIFEST).unlink()
    if manifest.secret is not secret:
        which = "of keys" if manifest.secret else "without keys"
        raise SettingsInvalid(f"{archive.name}: is the archive {which}")
    if {each.name for each in members} != {MANIFEST, *manifest.files}:
        raise SettingsInvalid(f"{archive.name}: holds other files than its manifest says")
    for name, digest in manifest.files.items():
        if digest_of(into / name) != digest:
            raise SettingsInvalid(f"{archive.name}: {name} is damaged")
        (into / name).chmod(0o600)
    _close(into)
    return manifest


def _close(folder: Path) -> None:
    for each in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        each.chmod(0o700)


def _check(staged: Path, manifest: Manifest, *, with_keys: bool) -> None:
    """Check that register, bundle, private keys and vault belong together."""
    folder = KeyFolder(staged / "keys")
    register = folder.register()
    if register.digest().hex() != manifest.register_:
        raise SettingsInvalid("the key register is not the one that was backed up")
    bundle = load_bundle(staged / "bundle").digest
    if bundle.hex() != manifest.bundle:
        raise SettingsInvalid("the bundle is not the one that was backed up")
    folder.require_bundle(bundle)
    if not with_keys:
        return
    hub = [key for key in register.keys if key.holder is Holder.HUB and key.owner == HUB]
    counting = [key.id for key in hub if key.fault(now()) is None]
    if not any(folder.keeper.holds(key_id) for key_id in counting):
        raise SettingsInvalid("the archive of keys has no key of the hub that counts")
    with closing(FileVault(staged / "keys" / "vault")) as vault:
        if vault.count() != manifest.vault_rows:
            raise SettingsInvalid("the vault does not hold what was backed up")


def _place(staged: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.rmdir()
    shutil.move(os.fspath(staged), target)
    return target


def erase_again(
    vault: FileVault, erased: Iterable[bytes], at: int, say: Callable[[int], None]
) -> None:
    """Erase in a vault that came back what was erased since its backup.

    Args:
        vault: The vault.
        erased: Ids of alerts that the audit log says were erased.
        at: Epoch milliseconds.
        say: Told how many keys that destroyed.
    """
    missed = [each for each in erased if not vault.is_erased(each)]
    if missed:
        say(vault.erase(missed, at))
