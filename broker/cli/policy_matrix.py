"""`lali policy matrix`: feeds by parts of an alert, always, sometimes or never, as a picture."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from broker.cli import print_json
from broker.cli.policy_proofs import need_solver
from broker.errors import SettingsInvalid
from broker.policy.bundle import load_bundle
from broker.policy.reading.picture import picture
from broker.private_files import write_whole
from broker.settings import load_settings

Flag = Annotated[bool, Parameter(negative="")]


def matrix(
    *,
    bundle: Path | None = None,
    out: Path | None = None,
    check: Flag = False,
    json: Flag = False,
) -> None:
    """Draw who sees which part of an alert: always, sometimes, never; proved over all labels.

    Needs z3, the extra `prove`.

    Example: `lali policy matrix --bundle policies/pacific --out policies/pacific/matrix.svg`

    Args:
        bundle: Folder of the bundle; the one in the settings if not given.
        out: The file to write; `matrix.svg` in the bundle's folder if not given.
        check: Write nothing; exit 1 if the file differs.
        json: Write nothing; print one JSON object: by feed and part, how often.
    """
    need_solver()
    from broker.policy.proof.matrix import matrix as matrix_of

    read = load_bundle(bundle or load_settings().bundle)
    found = matrix_of(read)
    if json:
        print_json({feed: {**row} for feed, row in found.items()})
        return
    _place(out or read.folder / "matrix.svg", picture(found, read.community), check=check)


def _place(file: Path, text: str, *, check: bool) -> None:
    try:
        same = file.exists() and file.read_text() == text
        if not check:
            write_whole(file, text.encode(), 0o644)  # it is for everybody
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(f"{file.name} cannot be read or written") from None
    said = "written" if not check else "up to date" if same else "stale"
    print(f"{file} is {said}")  # noqa: T201
    sys.exit(0 if same or not check else 1)
