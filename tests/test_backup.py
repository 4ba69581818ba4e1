"""C38: a backup has all that is needed, keys apart; what does not belong together is not served."""

import asyncio
import json
import shutil
import tarfile
import uuid

import pytest
import structlog
from gatewaying import FEED, UNIT_OF_FEED, Behind, settings_of

from broker.clock import epoch_ms
from broker.errors import SettingsInvalid
from broker.keys import init_keys
from broker.pipeline.vault_ledger import VaultWatch, compare
from broker.policy.bundle import load_bundle
from broker.protect.key_folder import KeyFolder
from broker.protect.vault import FileVault
from broker.settings import Settings
from broker.site_backup import MANIFEST, back_up
from broker.site_restore import erase_again, restore


@pytest.fixture
def settings(tmp_path):
    made = Settings(
        bootstrap_servers="127.0.0.1:1", protection="required", data_folder=tmp_path / "data"
    )
    init_keys(made)
    gateway = made.data_folder / "gateway"
    gateway.mkdir()
    for name in ("secret", "secret-older", "secret-drafts"):
        (gateway / name).write_bytes(b"s" * 32)
    (gateway / "sessions.db").write_bytes(b"SYNTHETIC")
    (gateway / "keys.json").write_text("{}")
    (gateway / "gateway-1.db").write_bytes(b"made anew")
    return made


def _backed_up(settings, folder):
    digest = load_bundle(settings.bundle).digest
    plain, keys = folder / "site.tar", folder / "keys.tar"
    back_up(settings, digest, plain, keys, kafka=False)
    return plain, keys


def _names(archive):
    with tarfile.open(archive) as tar:
        return tar.getnames()


def _gone(settings):
    shutil.rmtree(settings.key_folder())
    shutil.rmtree(settings.data_folder / "gateway")
    (settings.data_folder / "last-backup.json").unlink(missing_ok=True)


#: What a gateway signs with, and what drafts derive from.
GATEWAY = {"gateway/secret", "gateway/secret-older", "gateway/secret-drafts"}


def test_c38_what_opens_alerts_lies_in_the_archive_of_keys_alone(settings, tmp_path):
    vault = KeyFolder(settings.key_folder()).vault
    assert vault.count() == 0
    plain, keys = _backed_up(settings, tmp_path)

    assert {name.partition("/")[0] for name in _names(plain)} == {MANIFEST, "bundle", "keys"}
    assert "gateway/sessions.db" not in {*_names(plain), *_names(keys)}
    assert not [n for n in _names(plain) if n.endswith(".pem") or "vault" in n or "secret" in n]
    in_keys = _names(keys)
    assert {"keys/vault/vault.db", "keys/vault/vault.key", *GATEWAY} <= set(in_keys)
    assert any(name.startswith("keys/private/") for name in in_keys)
    for archive in (plain, keys):
        assert archive.stat().st_mode & 0o777 == 0o600


def test_c38_without_keys_no_secret_is_written_anywhere(settings, tmp_path):
    back_up(settings, load_bundle(settings.bundle).digest, tmp_path / "a.tar", None, kafka=False)

    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.tar", "data"]


def test_c38_there_and_back_all_is_as_it_was(settings, tmp_path):
    before = {
        file.relative_to(settings.key_folder()): file.read_bytes()
        for file in settings.key_folder().rglob("*")
        if file.is_file() and "vault" not in file.parts
    }
    plain, keys = _backed_up(settings, tmp_path)
    _gone(settings)

    restore(settings, plain, keys)

    folder = settings.key_folder()
    for file, content in before.items():
        assert (folder / file).read_bytes() == content
        assert (folder / file).stat().st_mode & 0o077 == 0
    KeyFolder(folder).require_bundle(
        load_bundle(settings.data_folder / "restored" / "bundle").digest
    )
    assert (settings.data_folder / "gateway" / "secret").read_bytes() == b"s" * 32


def test_c38_nothing_that_is_there_is_replaced(settings, tmp_path):
    plain, keys = _backed_up(settings, tmp_path)

    with pytest.raises(SettingsInvalid, match="restore replaces nothing"):
        restore(settings, plain, keys)
    with pytest.raises(SettingsInvalid, match="a backup replaces none"):
        _backed_up(settings, tmp_path)


def _edited(archive, change):
    """Write *archive* anew, with what *change* makes of its files."""
    with tarfile.open(archive) as tar:
        files = {each.name: tar.extractfile(each).read() for each in tar}
    change(files)
    import io

    with tarfile.open(archive, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def _damaged(files):
    name = next(n for n in files if n.startswith("keys/private/"))
    files[name] = b"x" + files[name][1:]


def _more(files):
    files["keys/private/../../../outside"] = b"x"


def _other_rows(files):
    manifest = json.loads(files[MANIFEST])
    files[MANIFEST] = json.dumps(manifest | {"vault_rows": 7}).encode()


def _other_backup(files):
    manifest = json.loads(files[MANIFEST])
    files[MANIFEST] = json.dumps(manifest | {"id": "0" * 32}).encode()


@pytest.mark.parametrize("change", [_damaged, _more, _other_backup])
def test_c38_an_archive_that_is_not_as_it_was_written_restores_nothing(settings, tmp_path, change):
    plain, keys = _backed_up(settings, tmp_path)
    _gone(settings)
    _edited(keys, change)

    with pytest.raises(SettingsInvalid):
        restore(settings, plain, keys)

    assert not settings.key_folder().exists()
    assert not (tmp_path / "outside").exists()
    assert sorted(p.name for p in settings.data_folder.iterdir()) == []


def test_c38_archives_in_each_others_place_are_told(settings, tmp_path):
    plain, keys = _backed_up(settings, tmp_path)
    _gone(settings)

    with pytest.raises(SettingsInvalid, match="is the archive of keys"):
        restore(settings, keys, plain)


def test_c38_a_vault_with_other_rows_is_told(settings, tmp_path):
    plain, keys = _backed_up(settings, tmp_path)
    _gone(settings)
    _edited(plain, _other_rows)

    with pytest.raises(SettingsInvalid, match="vault does not hold"):
        restore(settings, plain, keys)


def test_c38_what_was_erased_since_is_erased_again(tmp_path):
    vault, said = FileVault(tmp_path / "vault"), []
    erase_again(vault, [b"a" * 16], 0, said.append)
    erase_again(vault, [b"a" * 16], 0, said.append)

    assert vault.is_erased(b"a" * 16)
    assert said == [0]


@pytest.mark.kafka
async def test_c38_a_site_comes_back_and_what_is_apart_is_said_and_waits(kafka, tmp_path):
    """C38: restored without the vault it dropped every kept release, ready, and no log line."""
    settings = settings_of(
        kafka, f"t{uuid.uuid4().hex[:8]}.", tmp_path / "data", protection="required"
    )
    init_keys(settings, entrusted=[FEED])
    async with Behind(settings) as behind:
        kept = await behind.publish()
        await _readable(behind, kept)
        plain, keys = await asyncio.to_thread(_backed_up, settings, tmp_path)
        later = await behind.publish()
        await _readable(behind, later)
    _gone(settings)
    await asyncio.to_thread(restore, settings, plain, keys)

    async with Behind(settings) as behind:
        parts, vault = behind.parts, KeyFolder(settings.key_folder()).vault
        apart = await compare(parts.connection("judge"), parts.topics, vault, epoch_ms())
        assert apart == (2, 1)
        await _readable(behind, kept)
        path = f"/v1/feeds/{FEED}/alerts/{later}"
        status, _, body = await behind.call("GET", path, UNIT_OF_FEED)
        assert (status, body["code"]) == (503, "NOT_READY")

        watch = VaultWatch(parts.connection("route"), parts.topics, settings.key_folder())
        with structlog.testing.capture_logs() as logs:
            running = asyncio.create_task(watch.run())
            async with asyncio.timeout(60):
                while not [e for e in logs if e["event"] == "vault.apart"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            watch.stop()
            await running
        (said,) = [e for e in logs if e["event"] == "vault.apart"]
        assert (said["missing"], said["of"]) == (1, 2)


async def _readable(behind, alert_id):
    async with asyncio.timeout(120):
        while True:
            path = f"/v1/feeds/{FEED}/alerts/{alert_id}"
            status, _, body = await behind.call("GET", path, UNIT_OF_FEED)
            if status == 200:
                assert body["sealed"] is False
                return
            await asyncio.sleep(0.2)
