"""The command line: `lali`. Each command has a module of its own, imported when it is used."""

import json
import os
import sys
import traceback
from typing import Any

import cyclopts

from broker.errors import (
    BundleInvalid,
    GatewayRefused,
    GatewayUnavailable,
    KafkaRefused,
    KafkaUnavailable,
    LaliError,
    SettingsInvalid,
)
from broker.logs import configure_logs

_REFUSED, _UNUSABLE = 1, 2

app = cyclopts.App(
    name="lali",
    help="An interagency message broker for suspected human trafficking.",
    version_flags=["--version"],
)
app.command(
    "broker.cli.demo:demo",
    name="demo",
    help="A Pacific region at work, live, and the balance of it all.",
)
app.command(
    "broker.cli.up:up",
    name="up",
    help="Everything in one process, on a Kafka of its own or on yours.",
)
app.command(
    "broker.cli.run:run",
    name="run",
    help="One role in a process of its own: accept, route, deliver or gateway.",
)
app.command("broker.cli.publish:publish", name="publish", help="Publish alerts from files.")
app.command("broker.cli.subscribe:subscribe", name="subscribe", help="Follow one feed.")
app.command("broker.cli.journal:app", name="journal", help="Alerts that wait here for a gateway.")
app.command(
    "broker.cli.simulate:simulate", name="simulate", help="Plausible, visibly synthetic alerts."
)
app.command(
    "broker.cli.trace:trace",
    name="trace",
    help="The way of one alert: who received what, who did not, why.",
)
app.command("broker.cli.flows:flows", name="flows", help="Counts by originator and feed.")
app.command(
    "broker.cli.policy:app",
    name="policy",
    help="Check and test the bundle; ask who would see an alert.",
)
app.command("broker.cli.schema:app", name="schema", help="Check the schemas; write their page.")
app.command("broker.cli.topics:app", name="topics", help="The topics that this community needs.")
app.command("broker.cli.keys:app", name="keys", help="Who has which keys; new ones, revoked ones.")
app.command(
    "broker.cli.change:app", name="change", help="What needs two people: keys, bundles, erasure."
)
app.command("broker.cli.erase:erase", name="erase", help="Make every copy of an alert unreadable.")
app.command(
    "broker.cli.verify:verify", name="verify", help="Is a release what its originator signed?"
)
app.command(
    "broker.cli.secure:app",
    name="secure",
    help="Certificates, passwords and rights in Kafka, and a check of them.",
)
app.command(
    "broker.cli.gateway:app",
    name="gateway",
    help="Who may come to the HTTP doors: API keys, certificates.",
)
app.command("broker.cli.kafka:app", name="kafka", help="A real Kafka on this machine.")
app.command(
    "broker.cli.settings:settings",
    name="settings",
    help="Every setting, its value, and what it means.",
)


def main() -> None:
    """Run `lali`; an error of ours is one line and an exit code, never a traceback."""
    configure_logs(level="warning")
    try:
        app()
    except (BundleInvalid, SettingsInvalid) as error:
        lines = error.findings if isinstance(error, BundleInvalid) else [str(error)]
        _fail("\n".join(lines), _UNUSABLE)
    except GatewayRefused as error:
        _fail(f"the gateway refuses ({error}): do key, right and name count there?", _REFUSED)
    except KafkaRefused as error:
        _fail(str(error), _REFUSED)
    except GatewayUnavailable as error:
        _fail(f"the gateway does not answer ({error}): is its URL right?", _REFUSED)
    except KafkaUnavailable as error:
        _fail(
            f"Kafka does not answer ({error}): does it run, and is LALI_BOOTSTRAP_SERVERS right?",
            _REFUSED,
        )
    except LaliError as error:
        _fail(str(error), _REFUSED)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as fault:  # noqa: BLE001 - its text may quote a victim's name
        _fail(f"unexpected fault {type(fault).__name__} at {_place(fault)}", _REFUSED)


def print_json(result: Any) -> None:
    """Print *result* as one line of JSON, the last line of a command for machines."""
    sys.stdout.write(json.dumps(result, default=str) + "\n")


def _place(fault: BaseException) -> str:
    *_, (frame, line) = traceback.walk_tb(fault.__traceback__)
    return f"{frame.f_globals.get('__name__', '?')}:{line}"


def _fail(text: str, code: int) -> None:
    sys.stderr.write(f"lali: {text}\n")
    sys.exit(code)
