"""The keys of a deployment: those of its roles, those of a client, and those made for trials."""

from collections.abc import Sequence

from broker.errors import SettingsInvalid
from broker.pipeline.protection import Protection
from broker.policy.bundle import Bundle, load_bundle
from broker.policy.directory import Directory
from broker.policy.fitness import require_fit
from broker.protect.change import ChangeKind
from broker.protect.development import agree, init_development, is_development
from broker.protect.key_folder import KeyFolder
from broker.settings import Settings


def make_protection(settings: Settings, bundle: Bundle, community: Directory) -> Protection | None:
    """Return the keys of this deployment, or None where protection is off.

    Raises:
        SettingsInvalid: There are none, or two officers did not agree to them or the bundle.
    """
    if settings.protection == "off":
        return None
    folder = KeyFolder(settings.key_folder(), settings.keeper_socket, settings.keeper_user)
    folder.register()
    folder.require_bundle(bundle.digest)
    units = {feed.id: feed.unit for feed in community.listed.values()}
    return Protection(folder, units)


def init_keys(settings: Settings, entrusted: Sequence[str] = ()) -> bool:
    """Make keys for development where there are none; return whether any were made.

    Raises:
        BundleInvalid: The bundle cannot be used.
    """
    folder = KeyFolder(settings.key_folder(), settings.keeper_socket, settings.keeper_user)
    if settings.protection == "off" or folder.exists:
        return False
    bundle = load_bundle(settings.bundle)
    if not _is_shipped(settings):
        require_fit(bundle)  # what is shipped was checked when it was made
    community = bundle.community
    units, feeds = list(community.units), list(community.listed)
    init_development(folder, units, feeds, bundle.digest, entrusted)
    return True


def agree_to_shipped(settings: Settings) -> str | None:
    """Let a site for development agree to the bundle that came with this version.

    Whoever upgrades a real site, or has a bundle of their own, must agree to it themselves.

    Returns:
        Digest of the bundle, hexadecimal, if it was agreed to; None if it was in force, or
        nothing is protected, or there are no keys yet.

    Raises:
        BundleInvalid: The bundle cannot be used.
        SettingsInvalid: NOT_APPROVED: it is not in force; the text says what to do.
    """
    folder = KeyFolder(settings.key_folder(), settings.keeper_socket, settings.keeper_user)
    if settings.protection == "off" or not folder.exists:
        return None
    digest = load_bundle(settings.bundle).digest
    try:
        folder.require_bundle(digest)
    except SettingsInvalid:
        if not (_is_shipped(settings) and is_development(folder)):
            raise
        agree(folder, ChangeKind.BUNDLE, digest.hex())
        folder.require_bundle(digest)
        return digest.hex()
    return None


def _is_shipped(settings: Settings) -> bool:
    shipped: object = Settings.model_fields["bundle"].get_default(call_default_factory=True)
    return settings.bundle == shipped


def client_protection(settings: Settings) -> Protection | None:
    """Return the keys of a client, which knows no bundle, or None where protection is off.

    Raises:
        SettingsInvalid: There is no register in the key folder.
    """
    if settings.protection == "off":
        return None
    folder = KeyFolder(settings.key_folder(), settings.keeper_socket, settings.keeper_user)
    folder.register()
    return Protection(folder, {})
