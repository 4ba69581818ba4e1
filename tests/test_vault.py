"""Vault and private keys: what is erased stays erased, and nothing lies open."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sealed import scratch

from broker.errors import SettingsInvalid
from broker.protect.algorithms import Algorithm
from broker.protect.keeper import FileKeeper
from broker.protect.slot_seal import SealBroken
from broker.protect.vault import FileVault, Row
from broker.protect.wrap import wrap

FAR = 1 << 60


def row(number: int, alert: int | None = None, until: int = FAR) -> Row:
    alert_id = (number if alert is None else alert).to_bytes(16, "big")
    return Row(number.to_bytes(32, "big"), alert_id, bytes([number]) * 32, until)


@pytest.fixture
def folder() -> Path:
    return scratch() / "vault"


@pytest.fixture
def vault(folder: Path):
    opened = FileVault(folder)
    yield opened
    opened.close()


def found(vault: FileVault, *rows: Row) -> set[bytes]:
    keys = vault.find([each.digest for each in rows])
    assert all(keys[each.digest] == each.key for each in rows if each.digest in keys)
    return set(keys)


def test_what_is_kept_is_found_and_nothing_else(vault):
    vault.keep([row(n) for n in range(1, 100)])

    assert found(vault, row(1), row(99)) == {row(1).digest, row(99).digest}
    assert found(vault, row(100)) == set()
    assert vault.find([]) == {}
    assert len(vault.find([n.to_bytes(32, "big") for n in range(1, 2000)])) == 99


def test_what_is_there_stays_when_it_is_kept_again(vault):
    vault.keep([row(1)])
    vault.keep([row(1)._replace(key=bytes(32))])

    assert vault.find([row(1).digest]) == {row(1).digest: row(1).key}


def test_erasing_takes_every_revision_of_the_alert_and_no_other(vault):
    vault.keep([row(1, alert=7), row(2, alert=7), row(3)])

    assert vault.erase([row(1, alert=7).alert_id], 0) == 2

    assert found(vault, row(1), row(2), row(3)) == {row(3).digest}
    assert vault.is_erased(row(1, alert=7).alert_id)
    assert not vault.is_erased(row(3).alert_id)


def test_an_alert_that_was_erased_is_not_kept_again(vault):
    vault.erase([row(1).alert_id], 0)
    vault.keep([row(1), row(2)])

    assert found(vault, row(1), row(2)) == {row(2).digest}


def test_forgetting_takes_what_ended_and_bars_nothing(vault):
    vault.keep([row(1, until=99), row(2, until=100)])

    assert vault.forget(100) == 1
    assert found(vault, row(1), row(2)) == {row(2).digest}
    vault.keep([row(1)])
    assert found(vault, row(1)) == {row(1).digest}


@pytest.mark.parametrize("survivors", [0, 1, 5])
@pytest.mark.parametrize("destroy", ["erase", "forget"])
def test_an_older_copy_of_the_database_opens_nothing_with_the_key_of_today(
    vault, folder, survivors, destroy
):
    vault.keep([row(1, until=5), *(row(n) for n in range(2, 2 + survivors))])
    older = _copy(folder)

    if destroy == "erase":
        vault.erase([row(1).alert_id], 0)
    else:
        vault.forget(6)

    shutil.copy(folder / "vault.key", older / "vault.key")
    with pytest.raises(SettingsInvalid):
        FileVault(older).find([row(1).digest])


def test_an_older_copy_opens_nothing_after_a_crash_while_the_last_row_was_erased(vault, folder):
    vault.keep([row(1)])
    older = _copy(folder)
    old_key = (folder / "vault.key").read_bytes()
    vault.erase([row(1).alert_id], 0)
    _undo_renaming(folder, old_key)  # the process died after its commit

    vault.keep([row(2)])

    assert found(vault, row(2)) == {row(2).digest}
    shutil.copy(folder / "vault.key", older / "vault.key")
    with pytest.raises(SettingsInvalid):
        FileVault(older).find([row(1).digest])


def test_a_crash_after_the_commit_loses_nothing(vault, folder):
    vault.keep([row(1), row(2)])
    old_key = (folder / "vault.key").read_bytes()
    vault.erase([row(1).alert_id], 0)
    _undo_renaming(folder, old_key)

    again = FileVault(folder)
    assert found(again, row(1), row(2)) == {row(2).digest}
    again.keep([row(3)])
    assert found(again, row(2), row(3)) == {row(2).digest, row(3).digest}
    assert (folder / "vault.key").read_bytes() != old_key
    assert not (folder / "vault.next").exists()


def test_a_crash_before_the_commit_loses_nothing(vault, folder):
    vault.keep([row(1)])
    (folder / "vault.next").write_bytes(os.urandom(32))

    again = FileVault(folder)
    assert found(again, row(1)) == {row(1).digest}
    again.keep([row(2)])
    assert found(again, row(1), row(2)) == {row(1).digest, row(2).digest}
    assert not (folder / "vault.next").exists()


class _Interrupted:
    """A database after whose first commit something else happens."""

    def __init__(self, database, meanwhile) -> None:
        self._database = database
        self._meanwhile = [meanwhile]

    def execute(self, query: str, *given):
        result = self._database.execute(query, *given)
        if query == "COMMIT" and self._meanwhile:
            self._meanwhile.pop()()
        return result

    def __getattr__(self, name: str):
        return getattr(self._database, name)


def test_a_key_is_put_in_force_by_nobody_but_who_holds_the_database(vault, folder):
    # Between this erasure's commit and its last step another process renews the key, and dies
    # before it commits: that key must not come into force.
    vault.keep([row(1), row(2)])
    other = FileVault(folder)

    def meanwhile() -> None:
        other.keep([])
        (folder / "vault.next").write_bytes(os.urandom(32))

    vault._database = _Interrupted(vault._database, meanwhile)
    vault.erase([row(1).alert_id], 0)

    again = FileVault(folder)
    assert found(again, row(2)) == {row(2).digest}
    again.keep([row(3)])
    assert found(again, row(2), row(3)) == {row(2).digest, row(3).digest}


def test_a_reader_that_an_erasure_overtakes_reads_again(vault, folder, monkeypatch):
    vault.keep([row(1), row(2)])
    reader = FileVault(folder)
    opened = FileVault._opened

    def overtaken(self, rows):
        monkeypatch.undo()
        vault.erase([row(1).alert_id], 0)
        return opened(self, rows)

    monkeypatch.setattr(FileVault, "_opened", overtaken)

    assert found(reader, row(2)) == {row(2).digest}


_OTHER_PROCESS = """
import sys
from pathlib import Path
from broker.protect.vault import FileVault
vault = FileVault(Path(sys.argv[1]))
for line in sys.stdin:
    what, _, number = line.strip().partition(" ")
    if what == "erase":
        vault.erase([int(number).to_bytes(16, "big")], 0)
    digest = int(number).to_bytes(32, "big")
    print(vault.find([digest]).get(digest), flush=True)
"""


def test_another_process_sees_every_renewal(vault, folder):
    vault.keep([row(n) for n in range(1, 6)])
    with subprocess.Popen(
        [sys.executable, "-c", _OTHER_PROCESS, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def ask(line: str) -> str:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        assert ask("find 1") == str(row(1).key)
        vault.erase([row(1).alert_id], 0)
        assert ask("find 1") == "None"
        assert ask("find 2") == str(row(2).key)
        assert ask("erase 2") == "None"
        assert found(vault, row(2), row(3)) == {row(3).digest}
        vault.keep([row(6)])
        assert ask("find 6") == str(row(6).key)


def test_only_its_owner_may_read_the_vault(vault, folder):
    vault.keep([row(1)])
    vault.erase([row(1).alert_id], 0)

    assert folder.stat().st_mode & 0o777 == 0o700
    for file in folder.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file.name


@pytest.mark.parametrize("name", ["vault.key", "vault.db"])
def test_a_vault_that_is_open_to_others_is_refused(vault, folder, name):
    vault.close()
    (folder / name).chmod(0o640)

    with pytest.raises(SettingsInvalid, match="open to others"):
        FileVault(folder)


@pytest.mark.parametrize("wrong", ["another", "missing", "cut"])
def test_a_vault_whose_key_is_not_its_own_does_not_start(vault, folder, wrong):
    vault.keep([row(1)])
    vault.close()
    key = (folder / "vault.key").read_bytes()
    if wrong == "missing":
        (folder / "vault.key").unlink()
    else:
        (folder / "vault.key").write_bytes(os.urandom(32) if wrong == "another" else key[:31])

    with pytest.raises(SettingsInvalid) as caught:
        FileVault(folder)

    for secret in (key, row(1).key):
        assert secret.hex() not in str(caught.value)
        assert repr(secret) not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_keys_in_the_database_are_sealed(vault, folder):
    vault.keep([row(65)])
    vault.close()

    lying = b"".join(file.read_bytes() for file in folder.iterdir())
    assert row(65).key not in lying
    assert row(65).digest in lying


def test_nothing_of_a_vault_or_a_keeper_shows_in_its_repr(vault):
    assert repr(vault) == "FileVault()"
    assert repr(row(1)) == "Row()"
    keeper = FileKeeper(scratch())
    keeper.generate(Algorithm.HPKE_X25519, "hub")
    assert repr(keeper) == "FileKeeper()"


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_private_key_lies_in_a_file_that_only_its_owner_may_read(algorithm):
    folder = scratch() / "private"
    key_id, _ = FileKeeper(folder).generate(algorithm, "hub")

    assert folder.stat().st_mode & 0o777 == 0o700
    (file,) = folder.iterdir()
    assert file.name == f"{key_id}.pem"
    assert file.stat().st_mode & 0o777 == 0o600


def _hub_key(folder: Path) -> tuple[str, bytes]:
    key_id, public = FileKeeper(folder).generate(Algorithm.HPKE_X25519, "hub")
    return key_id, wrap(b"a key", public, b"info")


def test_a_private_key_that_is_open_to_others_is_refused():
    folder = scratch() / "private"
    key_id, wrapped = _hub_key(folder)
    (folder / f"{key_id}.pem").chmod(0o604)

    with pytest.raises(SettingsInvalid, match="open to others"):
        FileKeeper(folder).unwrap(key_id, wrapped, b"info")
    folder.chmod(0o750)
    with pytest.raises(SettingsInvalid, match="open to others"):
        FileKeeper(folder)


def test_a_destroyed_key_opens_nothing_in_any_process():
    folder = scratch() / "private"
    key_id, wrapped = _hub_key(folder)
    one, other = FileKeeper(folder), FileKeeper(folder)
    assert one.unwrap(key_id, wrapped, b"info") == b"a key"
    assert other.unwrap(key_id, wrapped, b"info") == b"a key"

    one.destroy(key_id)
    one.destroy(key_id)

    assert not other.holds(key_id)
    for keeper in (one, other):
        with pytest.raises(KeyError):
            keeper.unwrap(key_id, wrapped, b"info")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n", None])
def test_a_file_without_a_key_that_lali_uses_is_refused_and_not_shown(content):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    if content is None:
        content = ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    folder = scratch()
    file = folder / f"{'0' * 16}.pem"
    file.touch(mode=0o600)
    file.write_bytes(content)

    with pytest.raises(SettingsInvalid) as caught:
        FileKeeper(folder).sign("0" * 16, b"message")
    assert "AAAA" not in str(caught.value)


@pytest.mark.parametrize(
    "key_id", ["../officers/one", "/etc/passwd", "\x00", "x" * 300, "", "A" * 16]
)
def test_a_key_id_never_leads_out_of_the_folder(key_id):
    folder = scratch() / "private"
    keeper = FileKeeper(folder)
    keeper.generate(Algorithm.HPKE_X25519, "hub")
    outside = folder.parent / "officers" / "one.pem"
    outside.parent.mkdir(mode=0o700)
    FileKeeper(outside.parent).generate(Algorithm.HPKE_X25519, "one")
    next(outside.parent.iterdir()).rename(outside)

    assert not keeper.holds(key_id)
    with pytest.raises(KeyError):
        keeper.unwrap(key_id, bytes(80), b"info")
    with pytest.raises(KeyError):
        keeper.sign(key_id, b"message")
    with pytest.raises(KeyError):
        keeper.destroy(key_id)
    assert outside.exists()


def test_a_key_is_not_used_for_what_it_is_not_for():
    keeper = FileKeeper(scratch())
    signs, _ = keeper.generate(Algorithm.ECDSA_P256_SHA256, "one")
    opens, public = keeper.generate(Algorithm.HPKE_X25519, "one")

    with pytest.raises(KeyError):
        keeper.sign(opens, b"message")
    with pytest.raises(KeyError):
        keeper.unwrap(signs, wrap(bytes(32), public, b"info"), b"info")
    with pytest.raises(SealBroken):
        keeper.unwrap(opens, wrap(bytes(32), public, b"other"), b"info")


def _copy(folder: Path) -> Path:
    """Return a copy of the database that holds all that was committed."""
    older = scratch() / "older"
    shutil.copytree(folder, older)
    return older


def _undo_renaming(folder: Path, old_key: bytes) -> None:
    (folder / "vault.key").rename(folder / "vault.next")
    (folder / "vault.key").touch(mode=0o600)
    (folder / "vault.key").write_bytes(old_key)
