"""Whether a socket's place belongs to its service: nobody else can put another one there."""

import stat
from pathlib import Path

ROOT = 0
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def others_may_replace(path: Path, user: int) -> bool:
    """Whether somebody but *user* and root can make, remove or move what lies at *path*.

    Its folder must be theirs alone to write. In those above, a sticky bit is enough: it keeps
    others from renaming what is not theirs (`/tmp` may lie above, and never directly).

    Raises:
        OSError: A folder on the way cannot be looked at.
    """
    folder, *above = (path.parent.resolve(), *path.parent.resolve().parents)
    return _is_open(folder, user) or any(_is_open(each, user, sticky=True) for each in above)


def _is_open(folder: Path, user: int, *, sticky: bool = False) -> bool:
    found = folder.stat()
    if found.st_uid not in {user, ROOT}:
        return True
    if sticky and found.st_mode & stat.S_ISVTX:
        return False
    return bool(found.st_mode & _OTHERS_WRITE)
