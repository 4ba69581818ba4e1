"""What each service of compose can reach. The files are read: no engine runs them here."""

from pathlib import Path

import yaml

from attack.trying import attack, held

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
#: What partners collect is deliver's, and its folders are made by one that ends.
ALLOWED = {"folders", "deliver"}


@attack(
    24, "partners' files from other services of docker-compose.yml", "deliver alone", quick=True
)
def mounts_of_compose(site):
    services = yaml.safe_load(getattr(site, "compose", COMPOSE).read_text())["services"]
    mounts = {name: service.get("volumes", []) for name, service in services.items()}
    has = {name for name, each in mounts.items() if any(m.startswith("deliveries:") for m in each)}
    writable = [
        name for name, each in mounts.items()
        if any("connectors.toml" in m and not m.endswith(":ro") for m in each)
    ]  # fmt: skip
    return held(
        has == ALLOWED and not writable,
        f"have them: {sorted(has)}; may change the connectors file: {writable or 'none'}",
    )
