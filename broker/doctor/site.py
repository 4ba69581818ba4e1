"""What can be seen without a cluster: keys and what ends, the disk, the files, the last backup."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.doctor.finding import Finding, fine, not_looked, soon, wrong
from broker.endings import Ending, endings
from broker.errors import SettingsInvalid
from broker.policy.bundle import Bundle
from broker.protect.development import is_development
from broker.protect.key_folder import KeyFolder
from broker.settings import Settings
from broker.site_backup import last_backup

#: Less of a disk is free: soon, and wrong.
_LITTLE, _TOO_LITTLE = 0.10, 0.03
#: A site whose last backup is older has one that is soon of little use.
_BACKUP_DAYS = 7


def look_at_site(settings: Settings, bundle: Bundle, at: datetime) -> Iterator[Finding]:
    """Yield what is found at *at*, without asking Kafka."""
    yield from _keys(settings, bundle)
    yield from _ends(settings, at)
    yield _disk(settings.data_folder)
    yield from _sizes(settings.data_folder)
    yield _backup(settings, at)


def _keys(settings: Settings, bundle: Bundle) -> Iterator[Finding]:
    if settings.protection == "off":
        advice = "set LALI_PROTECTION=required, but where nothing of it is real"
        yield soon("protection", "PROTECTION_OFF", "Alerts are neither signed nor sealed.", advice)
        return
    folder = KeyFolder(settings.key_folder(), settings.keeper_socket, settings.keeper_user)
    if not folder.exists:
        says = "There is no key register in the key folder: nothing kept can be opened."
        advice = "restore the key folder (`lali restore ARCHIVE --keys KEYS`); make no new keys"
        yield wrong("keys", "KEYS_MISSING", says, advice)
        return
    try:
        folder.register()
        folder.require_bundle(bundle.digest)
    except SettingsInvalid as invalid:
        yield wrong("keys", "NOT_APPROVED", str(invalid), "two officers agree: `lali change list`")
        return
    yield fine("keys", "The register is agreed to, and the bundle is in force.")
    if is_development(folder):
        says = "Both officers are of this machine's own making: for trials only."
        yield soon("keys", "DEVELOPMENT_KEYS", says, "for a real site: docs/security.md")


def _ends(settings: Settings, at: datetime) -> Iterator[Finding]:
    try:
        found = endings(settings)
    except (SettingsInvalid, OSError) as fault:
        yield not_looked("what ends", type(fault).__name__, "What ends cannot be read.")
        return
    due = [each for each in found if each.stage(at) is not None]
    yield from (_ending(each, at) for each in due)
    if not due:
        first = f"; the next is {found[0].name}, on {found[0].ends_at:%Y-%m-%d}" if found else ""
        yield fine("what ends", f"None of {len(found)} ends within 30 days{first}.")


_RENEWED_BY = {
    "signing key": "`lali keys rotate`",
    "sealing key": "`lali keys rotate`",
    "API key": "`lali gateway key add`, then give it to its unit",
    "certificate": "renew it, and restart what uses it",
}


def _ending(each: Ending, at: datetime) -> Finding:
    says, advice = f"The {each.kind} of {each.name}", _RENEWED_BY.get(each.kind, "renew it")
    if each.stage(at) == 0:
        says = f"{says} ended on {each.ends_at:%Y-%m-%d}."
        return wrong("what ends", "ENDED", says, advice)
    days = each.days_left(at)
    return soon("what ends", "ENDS_SOON", f"{says} ends in {days} days.", advice)


def _disk(folder: Path) -> Finding:
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    usage = shutil.disk_usage(there)
    share = usage.free / usage.total
    says = f"{usage.free >> 20:,} MB are free where the data lie ({share:.0%})."
    advice = "make room, or move the data folder: a full disk stops everything"
    if share < _TOO_LITTLE:
        return wrong("disk", "DISK_FULL", says, advice)
    return soon("disk", "DISK_LOW", says, advice) if share < _LITTLE else fine("disk", says)


def _sizes(folder: Path) -> Iterator[Finding]:
    if not folder.is_dir():
        return
    sizes = {each.name: _size(each) for each in sorted(folder.iterdir())}
    told = ", ".join(f"{name} {size >> 20:,} MB" for name, size in sizes.items() if size >> 20)
    yield fine("what grows", f"In the data folder: {told or 'nothing of a megabyte'}.")


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    total = 0
    for each in files:
        try:
            total += each.lstat().st_size if each.is_file() else 0
        except OSError:
            continue  # gone meanwhile, or not ours to see
    return total


def _backup(settings: Settings, at: datetime) -> Finding:
    made_at = last_backup(settings)
    advice = "`lali backup site.tar --keys keys.tar`, off this machine"
    if made_at is None:
        return soon("backup", "BACKUP_NONE", "No backup was made of this site.", advice)
    days = (at - made_at) // timedelta(days=1)
    if days > _BACKUP_DAYS:
        return soon("backup", "BACKUP_OLD", f"The last backup is {days} days old.", advice)
    return fine("backup", f"The last backup is of {made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC.")
