"""`lali up`: everything in one process, on a Kafka of its own or on yours."""

import asyncio
import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from broker.app import ROLES, Parts, Role, make_parts, make_role, run_roles
from broker.cluster.attendant import Attendant
from broker.cluster.local import LocalKafka
from broker.collector import keep_apart
from broker.errors import SettingsInvalid
from broker.gateway.first_steps import curl_lines
from broker.gateway.identity.development import DevelopmentKeys, make_development_keys
from broker.keys import agree_to_shipped, init_keys
from broker.logs import configure_logs
from broker.observed import observed
from broker.policy.bundle import load_bundle
from broker.private_files import open_lock
from broker.protect.development import is_development
from broker.protect.key_folder import KeyFolder
from broker.provisioning import provision
from broker.renewals import KeyRenewal
from broker.running import Running, note_running
from broker.settings import Settings, load_settings


def up(*, secure: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Run all roles together until Ctrl-C.

    Without LALI_BOOTSTRAP_SERVERS it starts a Kafka on this machine, on the loopback
    interface, with its data in ./.lali: in plaintext and without passwords, or with
    --secure on TLS, where every role and unit has a password and exactly its own rights.
    On a Kafka of yours the keys must be there: for trials `lali keys init --development`.

    Example: `lali up --secure`

    Args:
        secure: TLS, SCRAM-SHA-512 and ACLs on the Kafka that it starts.
    """
    settings = load_settings()
    configure_logs(settings.log_form, settings.log_level)
    if settings.bootstrap_servers:
        if secure:
            raise SettingsInvalid("--secure is for a Kafka of its own; yours is set up already")
        _serve(settings, _keys_for_trials(settings))
        return
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    folder = (settings.data_folder / ("kafka-secure" if secure else "kafka")).resolve()
    cluster = LocalKafka(folder, heap_mb=settings.heap_mb, secure=secure)
    with _alone(settings.data_folder), _bundle_agreed(settings), cluster as kafka:
        note_running(settings.data_folder, running(kafka, secure=secure))
        try:
            _make_keys(settings)
            parts = make_parts(settings)
            if secure:
                provision(parts)
            folder = make_development_keys(settings, parts.community)
            _serve(settings, folder, kafka)
        finally:
            note_running(settings.data_folder, None)


def running(kafka: LocalKafka, *, secure: bool) -> Running:
    """Return what other commands need to know of *kafka*."""
    if not secure:
        return Running(kafka.bootstrap_servers)
    made = kafka.protection
    return Running(kafka.bootstrap_servers, made.ca_file, made.passwords_folder)


def _keys_for_trials(settings: Settings) -> Path | None:
    """Return the folder of API keys, made where all keys here are for development; else None.

    Raises:
        SettingsInvalid: There are no keys, or the bundle is not in force: the text says what
            to do, before anything is said to be up.
    """
    parts = make_parts(settings)
    if parts.protection is not None and not is_development(parts.protection.folder):
        return None
    return make_development_keys(settings, parts.community)


def _make_keys(settings: Settings) -> None:
    # Every feed is entrusted: whoever tries Lali reads over HTTP, and with no key of its own.
    entrusted = sorted(load_bundle(settings.bundle).community.feeds)
    if init_keys(settings, entrusted=entrusted):
        Console(stderr=True).print(
            "[yellow]Keys for development were made[/]: whoever can read "
            f"{settings.key_folder()} is every unit and both officers at once."
        )
    if settings.protection != "off":
        folder = KeyFolder(settings.key_folder(), settings.keeper_socket, settings.keeper_user)
        KeyRenewal(folder).look_safely()  # before anybody needs them


@contextmanager
def _bundle_agreed(settings: Settings) -> Iterator[None]:
    """Know that the bundle may decide before Kafka is started, not behind "Lali is up"."""
    if (digest := agree_to_shipped(settings)) is not None:
        Console(stderr=True).print(
            f"[yellow]Agreed to the bundle of this version[/], {digest[:12]}, by both officers "
            "for development."
        )
    yield


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep *folder* for this process; the lock goes with it, however it ends."""
    with open_lock(folder / "lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsInvalid(
                f"another `lali up` runs in {folder}: stop it, or set LALI_DATA_FOLDER"
            ) from None
        yield


def _serve(settings: Settings, api_keys: Path | None, kafka: LocalKafka | None = None) -> None:
    parts = make_parts(settings)
    created = asyncio.run(parts.apply_topics())
    console = Console(stderr=True)
    # An older version made topics whose records carry their writers' times.
    differences = asyncio.run(parts.mend_topics() if kafka else parts.topic_differences())
    for difference in differences if not kafka else ():
        console.print(f"{difference}: lali topics apply --mend", markup=False, soft_wrap=True)
    how = "on TLS" if parts.connection("topics").security else "in plaintext, without passwords"
    console.print(
        f"[bold]Lali is up[/] on {settings.servers()} ({how}), {len(created)} topics created"
    )
    console.print(
        f"bundle {parts.bundle.digest.hex()[:12]} · {len(parts.community.publishers())} units "
        f"publish · {len(parts.community.feeds)} feeds\n"
        "In another terminal: [bold]lali simulate --alerts 20 --publish[/], "
        "[bold]lali flows[/], [bold]lali subscribe ptccc-coordinate --from-start[/]\n"
        "Ctrl-C stops it."
    )
    _show_door(console, settings, api_keys)
    attending: list[Role] = [Attendant(kafka)] if kafka else []
    if api_keys is not None:
        attending.append(DevelopmentKeys(settings, parts.community))
    asyncio.run(_run(parts, attending))


def _show_door(console: Console, settings: Settings, api_keys: Path | None) -> None:
    scheme = "https" if settings.gateway_certificate else "http"
    url = f"{scheme}://{settings.gateway_host}:{settings.gateway_port}"
    console.print(f"[bold]HTTP[/] on {url}: its reference at {url}/docs, a form at {url}/report")
    if api_keys is None:
        console.print("an API key for a unit: [bold]lali gateway key add --unit … --days 30[/]")
        return
    for what, line in curl_lines(url, str(api_keys)):
        console.print(f"[dim]# {what}[/]")
        console.print(line, soft_wrap=True, markup=False, highlight=False)


async def _run(parts: Parts, attending: Sequence[Role]) -> None:
    roles = [parts.agreed(role, make_role(parts, role)) for role in ROLES]
    keep_apart()
    renewing = [KeyRenewal(parts.protection.folder)] if parts.protection else []
    with observed(parts, ROLES) as watches:
        await run_roles([*roles, *watches, *renewing, *attending])
