"""Rows for a vault, and what of them it has."""

from broker.protect.vault import FileVault, Row

FAR = 1 << 60


def row(number: int, alert: int | None = None, until: int = FAR) -> Row:
    alert_id = (number if alert is None else alert).to_bytes(16, "big")
    return Row(number.to_bytes(32, "big"), alert_id, bytes([number]) * 32, until)


def found(vault: FileVault, *rows: Row) -> set[bytes]:
    keys = vault.find([each.digest for each in rows])
    assert all(keys[each.digest] == each.key for each in rows if each.digest in keys)
    return set(keys)
