"""The command line: `lali`. Each command has a module of its own, imported when it is used."""

import json
import os
import sys
import traceback
from importlib.metadata import version
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

#: Where each command is, and what it is in a list of all: those are not imported for it.
_COMMANDS = {
    "demo": (
        "broker.cli.demo:demo",
        "A Pacific region at work, live, and the balance of it all.",
    ),
    "up": (
        "broker.cli.up:up",
        "Everything in one process, on a Kafka of its own or on yours.",
    ),
    "run": (
        "broker.cli.run:run",
        "One role in a process of its own: accept, route, deliver or gateway.",
    ),
    "publish": (
        "broker.cli.publish:publish",
        "Publish alerts from files.",
    ),
    "subscribe": (
        "broker.cli.subscribe:subscribe",
        "Follow one feed.",
    ),
    "journal": (
        "broker.cli.journal:app",
        "Alerts that wait here for a gateway.",
    ),
    "simulate": (
        "broker.cli.simulate:simulate",
        "Plausible, visibly synthetic alerts.",
    ),
    "status": (
        "broker.cli.status:status",
        "What became of an alert of one's own, and why, in words.",
    ),
    "feed": (
        "broker.cli.feed:app",
        "Pause, resume and retry one feed; recalls that it is owed.",
    ),
    "dead-letters": (
        "broker.cli.dead_letters:app",
        "What could not be delivered: list, show, replay, drop.",
    ),
    "trace": (
        "broker.cli.trace:trace",
        "The way of one alert: who received what, who did not, why.",
    ),
    "quarantine": (
        "broker.cli.quarantine:app",
        "What was not accepted, why, and its way back through accept.",
    ),
    "flows": (
        "broker.cli.flows:flows",
        "Counts by originator and feed.",
    ),
    "policy": (
        "broker.cli.policy:app",
        "Check and test the bundle; ask who would see an alert.",
    ),
    "schema": (
        "broker.cli.schema:app",
        "Check the schemas; write their page.",
    ),
    "topics": (
        "broker.cli.topics:app",
        "The topics that this community needs.",
    ),
    "doctor": (
        "broker.cli.doctor:doctor",
        "One look at this site: what is wrong, what soon will be, what to do.",
    ),
    "backup": (
        "broker.cli.backup:backup",
        "What is this site's own, into an archive; keys apart.",
    ),
    "restore": (
        "broker.cli.backup:restore_site",
        "A backup, put back and compared with the ledger.",
    ),
    "keys": (
        "broker.cli.keys:app",
        "Who has which keys; new ones, revoked ones.",
    ),
    "change": (
        "broker.cli.change:app",
        "What needs two people: keys, bundles, erasure.",
    ),
    "erase": (
        "broker.cli.erase:erase",
        "Make every copy of an alert unreadable.",
    ),
    "verify": (
        "broker.cli.verify:verify",
        "Is a release what its originator signed?",
    ),
    "secure": (
        "broker.cli.secure:app",
        "Certificates, passwords and rights in Kafka, and a check of them.",
    ),
    "gateway": (
        "broker.cli.gateway:app",
        "Who may come to the HTTP doors: API keys, certificates.",
    ),
    "kafka": (
        "broker.cli.kafka:app",
        "A real Kafka on this machine.",
    ),
    "settings": (
        "broker.cli.settings:settings",
        "Every setting, its value, and what it means.",
    ),
}


def make_app(first: str | None) -> cyclopts.App:
    """Return the command line; of *first*, the command asked for, its own text is its help."""
    app = cyclopts.App(
        name="lali",
        help="An interagency message broker for suspected human trafficking.",
        version=version("lali"),
        version_flags=["--version"],
    )
    for name, (where, summary) in _COMMANDS.items():
        more = {} if name == first else {"help": summary}
        app.command(where, name=name, **more)
    return app


def main() -> None:
    """Run `lali`; an error of ours is one line and an exit code, never a traceback."""
    configure_logs(level="warning")
    try:
        make_app(next(iter(sys.argv[1:]), None))()
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
