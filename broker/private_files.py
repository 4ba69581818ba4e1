"""Secrets in files that only their owner can read, and passwords one file a principal."""

import errno
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import BinaryIO, TextIO

from pydantic import SecretStr

from broker.errors import SettingsInvalid

#: 32 random bytes: far beyond guessing, so that few rounds of SCRAM are enough.
_PASSWORD_BYTES = 32
_OTHERS = 0o077
#: Longest secret that is read as text, bytes.
_LONGEST = 64 << 10


def private_folder(folder: Path) -> Path:
    """Make *folder*, with mode 0700."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return folder


def write_private(file: Path, content: bytes) -> None:
    """Write *file* whole or not at all, with mode 0600 from its first moment."""
    write_whole(file, content, 0o600)


def write_whole(file: Path, content: bytes, mode: int) -> None:
    """Write *file* whole or not at all, with *mode* whatever the umask is.

    A link in its place is replaced, and never followed.
    """
    # mkstemp makes a file with mode 0600 under a name that nobody can foresee, or fails.
    number, name = tempfile.mkstemp(dir=file.parent, prefix=".new-")
    try:
        with os.fdopen(number, "wb") as opened:
            opened.write(content)
            os.fchmod(opened.fileno(), mode)
            opened.flush()
            os.fsync(opened.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def open_lock(file: Path) -> TextIO:
    """Open *file* to lock it, with mode 0600; what is in it stays.

    Raises:
        OSError: It is a link: whoever put it there may have another file locked, or emptied.
    """
    number = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return os.fdopen(number, "r+")


def read_private(file: Path, most: int) -> bytes:
    """Return what is in *file*, at most one byte more than *most*.

    What is looked at is what is read: the file that was opened, which is a regular one. A pipe
    in its place is not waited for.

    Raises:
        SettingsInvalid: It cannot be read, is no regular file, or others may read it.
    """
    try:
        with _opened(file) as opened:
            _check_private(file, os.fstat(opened.fileno()))
            return opened.read(most + 1)
    except OSError:
        raise SettingsInvalid(f"{file.name}: no secret can be read from it") from None


def read_bounded(file: Path, most: int) -> bytes:
    """Return what is in *file*, at most one byte more than *most*, whoever may read it.

    Raises:
        OSError: It cannot be read, or is no regular file: a pipe is not waited for.
    """
    with _opened(file) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        return opened.read(most + 1)


def _opened(file: Path) -> BinaryIO:
    return os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")


def _check_private(file: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SettingsInvalid(f"{file.name}: it is no regular file")
    if found.st_mode & _OTHERS:
        raise SettingsInvalid(f"{file.name}: others may read it: chmod 600")


def read_secret(file: Path) -> SecretStr:
    """Return the secret in *file*, without the line's end.

    Raises:
        SettingsInvalid: It cannot be read, is empty, or others may read it.
    """
    try:
        text = read_private(file, _LONGEST).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SettingsInvalid(f"{file.name}: no secret can be read from it") from None
    if not text:
        raise SettingsInvalid(f"{file.name}: it is empty")
    return SecretStr(text)


class Passwords:
    """One file a principal, named after it.

    Args:
        folder: Mode 0700; made when the first password is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file_of(self, principal: str) -> Path:
        """Return the file of *principal*'s password."""
        return self._folder / f"{principal}.password"

    def has(self, principal: str) -> bool:
        """Whether there is one for *principal*."""
        return self.file_of(principal).exists()

    def read(self, principal: str) -> SecretStr:
        """Return the password of *principal*.

        Raises:
            SettingsInvalid: There is none, or others may read it.
        """
        return read_secret(self.file_of(principal))

    def write(self, principal: str, password: SecretStr) -> None:
        """Keep *password*."""
        private_folder(self._folder)
        write_private(self.file_of(principal), password.get_secret_value().encode() + b"\n")

    def stage(self, principal: str) -> None:
        """Make a new password that is not valid yet, beside the one that is.

        If its change breaks off, it is known which two passwords it may be, and the change
        is finished the next time.
        """
        private_folder(self._folder)
        write_private(self._staged(principal), new_password().get_secret_value().encode() + b"\n")

    def is_staged(self, principal: str) -> bool:
        """Whether a change of *principal*'s password broke off."""
        return self._staged(principal).exists()

    def newest(self, principal: str) -> SecretStr:
        """Return the staged password of *principal*, or the valid one.

        Raises:
            SettingsInvalid: There is none, or others may read it.
        """
        staged = self._staged(principal)
        return read_secret(staged if staged.exists() else self.file_of(principal))

    def settle(self, principal: str) -> None:
        """Take the staged password of *principal*, if there is one, as the valid one."""
        if self.is_staged(principal):
            self._staged(principal).replace(self.file_of(principal))

    def forget(self, principal: str) -> None:
        """Remove the password of *principal*."""
        self.file_of(principal).unlink(missing_ok=True)
        self._staged(principal).unlink(missing_ok=True)

    def _staged(self, principal: str) -> Path:
        return self._folder / f"{principal}.password-next"


def new_password() -> SecretStr:
    """Return a random password."""
    return SecretStr(secrets.token_urlsafe(_PASSWORD_BYTES))
