"""The keys of a deployment: those of its roles, those of a client, and those made for trials."""

from collections.abc import Sequence

from broker.pipeline.protection import Protection
from broker.policy.bundle import Bundle, load_bundle
from broker.policy.directory import Directory
from broker.policy.fitness import require_fit
from broker.protect.development import init_development
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
    if settings.bundle != Settings.model_fields["bundle"].get_default(call_default_factory=True):
        require_fit(bundle)  # what is shipped was checked when it was made
    community = bundle.community
    units, feeds = list(community.units), list(community.listed)
    init_development(folder, units, feeds, bundle.digest, entrusted)
    return True


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
