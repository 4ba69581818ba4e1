"""`lali up`: everything in one process, on a Kafka of its own or on yours."""

import asyncio

from rich.console import Console

from broker.app import ROLES, Parts, init_keys, make_parts, make_role, run_roles
from broker.cluster.local import LocalKafka
from broker.logs import configure_logs
from broker.settings import Settings, load_settings, note_running


def up() -> None:
    """Run all roles together until Ctrl-C.

    Without LALI_BOOTSTRAP_SERVERS it starts a Kafka on this machine, on the loopback
    interface and without passwords, with its data in ./.lali.

    Example: `lali up`
    """
    settings = load_settings()
    configure_logs(settings.log_form, settings.log_level)
    if settings.bootstrap_servers:
        _serve(settings)
        return
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    folder = (settings.data_folder / "kafka").resolve()
    with LocalKafka(folder, heap_mb=settings.heap_mb) as kafka:
        note_running(settings.data_folder, kafka.bootstrap_servers)
        try:
            _serve(settings)
        finally:
            note_running(settings.data_folder, None)


def _serve(settings: Settings) -> None:
    if init_keys(settings, entrusted=sorted(settings.connector_overlay())):
        Console(stderr=True).print(
            "[yellow]Keys for development were made[/]: whoever can read "
            f"{settings.key_folder()} is every unit and both officers at once."
        )
    parts = make_parts(settings)
    created = asyncio.run(parts.apply_topics())
    console = Console(stderr=True)
    console.print(f"[bold]Lali is up[/] on {settings.servers()}, {len(created)} topics created")
    console.print(
        f"bundle {parts.bundle.digest.hex()[:12]} · {len(parts.community.publishers())} units "
        f"publish · {len(parts.community.feeds)} feeds\n"
        "In another terminal: [bold]lali simulate --alerts 20 --publish[/], "
        "[bold]lali flows[/], [bold]lali subscribe ptccc-coordinate --from-start[/]\n"
        "Ctrl-C stops it."
    )
    asyncio.run(_run(parts))


async def _run(parts: Parts) -> None:

    await run_roles([make_role(parts, role) for role in ROLES])
