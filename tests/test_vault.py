"""The vault: what is erased stays erased, and nothing in it lies open."""

import os
from pathlib import Path

import pytest
from sealed import scratch
from vault_rows import found, row

from broker.errors import SettingsInvalid
from broker.protect.algorithms import Algorithm
from broker.protect.keeper import FileKeeper
from broker.protect.vault import FileVault


@pytest.fixture
def folder() -> Path:
    return scratch() / "vault"


@pytest.fixture
def vault(folder: Path):
    opened = FileVault(folder)
    yield opened
    opened.close()


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
