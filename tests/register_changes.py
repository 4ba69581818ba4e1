"""A register changed by hand, or by two officers."""

import json

from broker.protect.change import ChangeKind
from broker.protect.development import agree
from broker.protect.key_folder import KeyFolder
from broker.protect.register import Register


def edit(folder: KeyFolder, change) -> None:
    """Change register.json by hand."""
    file = folder.path / "register.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def renew(folder: KeyFolder, register: Register) -> None:
    agree(folder, ChangeKind.KEYS, register.digest().hex(), register)
