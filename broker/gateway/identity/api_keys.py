"""API keys for small partners: shown once, kept as digests, bounded, revocable.

A key is ``lali_<id>_<secret>``. The secret is 256 random bits, so one SHA-256 is as good as a
slow hash: there is nothing to guess. The id finds the entry without looking through all.
"""

import fcntl
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from broker.errors import SettingsInvalid
from broker.gateway.caller import Right
from broker.gateway.identity.grant import Grant
from broker.gateway.identity.refused import CredentialRefused
from broker.gateway.identity.watched import Watched
from broker.model.base import Id, Line, Model, Moment
from broker.private_files import open_lock, private_folder, write_private
from broker.settings import Settings

#: Days that a key may live.
LONGEST_DAYS = 400

_FORM = re.compile(r"lali_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_OTHERS = 0o077
#: Compared with where there is no such key, so that absence costs what a wrong secret costs.
_NOBODY = hashlib.sha256(secrets.token_bytes(32)).hexdigest()


class ApiKey(Model):
    """One key, as it is kept: without the secret."""

    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
    unit: Id
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(repr=False)
    rights: tuple[Right, ...] = Field(min_length=1)
    role: Id | None = None
    feeds: tuple[Id, ...] | None = Field(None, description="None: all of its unit.")
    note: Line | None = None
    made_at: Moment
    expires_at: Moment
    revoked_at: Moment | None = None

    def counts(self, moment: datetime) -> bool:
        """Whether it may be used at *moment*."""
        return self.revoked_at is None and self.made_at <= moment < self.expires_at


class _File(Model):
    keys: tuple[ApiKey, ...] = ()


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; the only time that its text exists."""

    entry: ApiKey
    text: str


def new_key(
    unit: str,
    rights: Iterable[Right],
    made_at: datetime,
    expires_at: datetime,
    *,
    role: str | None = None,
    feeds: Iterable[str] | None = None,
    note: str | None = None,
) -> NewKey:
    """Return a new key; it counts once its entry is in the key file.

    Raises:
        SettingsInvalid: No rights, or a note that is too long.
    """
    key_id = secrets.token_hex(6)
    text = f"lali_{key_id}_{secrets.token_urlsafe(32)}"
    try:
        entry = ApiKey(
            id=key_id,
            unit=unit,
            digest=_digest(text),
            rights=tuple(sorted(set(rights))),
            role=role,
            feeds=None if feeds is None else tuple(sorted(set(feeds))),
            note=note,
            made_at=made_at,
            expires_at=expires_at,
        )
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        raise SettingsInvalid(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
    return NewKey(entry, text)


class KeyFile:
    """The file of API keys.

    Args:
        file: Mode 0600; written whole, so that a reader sees the old or the new one.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._watched = Watched(self.read, lambda _: (file,))

    def grant(self, text: str, moment: datetime) -> Grant:
        """Return what the key *text* allows.

        Raises:
            CredentialRefused: It is none of ours, or counts no more.
            SettingsInvalid: The file cannot be used.
        """
        keys = self._watched.now()
        form = _FORM.fullmatch(text)
        entry = keys.get(form[1]) if form else None
        genuine = hmac.compare_digest(_digest(text), entry.digest if entry else _NOBODY)
        if entry is None or not genuine or not entry.counts(moment):
            raise CredentialRefused("KEY_REFUSED")
        return _grant_of(entry)

    def granted(self, key_id: str, moment: datetime) -> Grant:
        """Return what a key allows now that was shown whole before, as a signed session says.

        Raises:
            CredentialRefused: It counts no more.
            SettingsInvalid: The file cannot be used.
        """
        entry = self._watched.now().get(key_id)
        if entry is None or not entry.counts(moment):
            raise CredentialRefused("KEY_REFUSED")
        return _grant_of(entry)

    def read(self) -> dict[str, ApiKey]:
        """Return the keys by id.

        Raises:
            SettingsInvalid: It cannot be read, others may read it, or it is damaged.
        """
        try:
            if self.file.stat().st_mode & _OTHERS:
                raise SettingsInvalid(f"{self.file.name}: others may read it: chmod 600")
            found = _File.model_validate_json(self.file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError):
            raise SettingsInvalid(f"{self.file.name}: no keys can be read from it") from None
        return {key.id: key for key in found.keys}

    def add(self, entry: ApiKey) -> None:
        """Keep *entry*.

        Raises:
            SettingsInvalid: The file cannot be used.
        """
        with self._alone():
            self._write(self.read() | {entry.id: entry})

    def revoke(self, key_id: str, moment: datetime) -> ApiKey:
        """Make a key count no more; return its entry.

        Raises:
            SettingsInvalid: There is no such key, or the file cannot be used.
        """
        with self._alone():
            keys = self.read()
            if key_id not in keys:
                raise SettingsInvalid("no key has this id: `lali gateway key list`")
            entry = keys[key_id]
            if entry.revoked_at is None:
                entry = entry.model_copy(update={"revoked_at": moment})
            self._write(keys | {key_id: entry})
            return entry

    def _write(self, keys: dict[str, ApiKey]) -> None:
        text = _File(keys=tuple(keys.values())).model_dump_json(indent=1)
        write_private(self.file, text.encode() + b"\n")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        private_folder(self.file.parent)
        with open_lock(self.file.with_suffix(".lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def key_file(settings: Settings) -> KeyFile:
    """Return the file of API keys of this deployment."""
    return KeyFile(settings.data_folder / "gateway" / "keys.json")


def _grant_of(entry: ApiKey) -> Grant:
    return Grant(
        entry.unit,
        f"key:{entry.id}",
        frozenset(entry.rights),
        None if entry.role is None else frozenset({entry.role}),
        None if entry.feeds is None else frozenset(entry.feeds),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
