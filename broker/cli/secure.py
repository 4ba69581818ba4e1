"""`lali secure`: certificates, passwords, rights, and whether the cluster keeps to them."""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import cyclopts
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from broker.app import Parts, make_parts
from broker.certificates import DAYS, DevelopmentCa
from broker.cli import print_json
from broker.cluster.local import LocalKafka
from broker.cluster.protection import ADMIN, BROKER
from broker.errors import SettingsInvalid
from broker.logs import configure_logs
from broker.provisioning import Checked, check, provision
from broker.settings import load_settings
from broker.wire.access_check import Cell
from broker.wire.identity import connection_as
from broker.wire.provision import revoke as revoke_now
from broker.wire.wide_client import wide_client

app = cyclopts.App(
    name="secure", help="Certificates, passwords and rights in Kafka, and a check of them."
)
_Flag = Annotated[bool, Parameter(negative="")]
_SHOWN = 40


@app.command
def certificates(folder: Path, *, host: tuple[str, ...] = ()) -> None:
    """Make a development CA, the brokers' certificate, and one for each principal.

    They last thirty days and say in their subject what they are. A CA that is in the folder
    already is kept, and made anew under its own key where half of its days are over;
    production takes certificates of its own PKI.

    Example: `lali secure certificates ./certificates --host kafka-1.example`

    Args:
        folder: Where they are written: keys with mode 0600.
        host: Name or address of a broker, beside localhost and 127.0.0.1.
    """
    principals = make_parts(load_settings()).rights().principals()
    ca = DevelopmentCa(folder, renewed=True)
    ca.issue_server(BROKER, ["127.0.0.1", "localhost", *host])
    for principal in (ADMIN, *principals):
        ca.issue_client(principal)
    Console().print(
        f"CA, {BROKER} and {len(principals) + 1} clients in {folder}; they last {DAYS} days"
    )


@app.command
def apply(*, rotate: tuple[str, ...] = (), rotate_all: _Flag = False, json: _Flag = False) -> None:
    """Give every principal its password, rights and quotas; take away what is too much.

    Connects as the settings' user, or as admin from the folder of credentials. Passwords
    that exist are kept. What is right already is left alone.

    Example: `lali secure apply --rotate unit.fiji-police`

    Args:
        rotate: Principals that get a new password.
        rotate_all: All of them do.
        json: Print one JSON object.
    """
    parts = make_parts(load_settings())
    known = parts.rights().principals()
    if unknown := sorted(set(rotate) - set(known)):
        raise SettingsInvalid(f"no principal is called {', '.join(unknown)}")
    done = provision(parts, known if rotate_all else list(rotate))
    if json:
        print_json({name: getattr(done, name) for name in done.__slots__})
        return
    console = Console(highlight=False)
    console.print(
        f"{len(done.users_added)} passwords set, {len(done.users_removed)} principals removed, "
        f"{len(done.acls_added)} rights added, {len(done.acls_removed)} removed, "
        f"quotas of {done.quotas_set} units set"
    )
    for line in (*done.acls_removed, *(f"not ours: {line}" for line in done.foreign)):
        console.print(f"  {line}", markup=False)


@app.command
def revoke(principal: str) -> None:
    """Take password and rights from one principal, at once, also on open connections.

    A certificate of its cannot be taken back: it connects until it ends, and may do nothing.
    `lali secure apply` gives the rights again while the unit is in the community file.

    Example: `lali secure revoke unit.fiji-police`

    Args:
        principal: Who, as `lali secure check --all` names them.
    """
    parts = make_parts(load_settings())
    if not parts.principals().owns(principal):
        raise SettingsInvalid("that is no principal of this community")
    with wide_client(connection_as(parts.settings, "lali-secure", ADMIN)) as client:
        revoke_now(client, principal)
    console = Console(highlight=False)
    console.print(f"{principal} has neither password nor rights, on every broker")
    console.print("a certificate of its connects until it ends, and may do nothing")
    if principal in parts.rights().principals():
        console.print("`lali secure apply` gives them again: take it out of community.toml first")


@app.command(name="check")
def check_command(
    *, local: _Flag = False, nodes: Literal["1", "3"] = "1", every: Annotated[bool, Parameter(
        name="--all", negative="")] = False, json: _Flag = False
) -> None:  # fmt: skip
    """Ask the cluster, as each principal, what it may do, and compare with what it should.

    Exit code 1 if anything differs. It asks by attempts that do nothing: no record is read
    or written, no group joined, no producer fenced.

    Example: `lali secure check --local --json`

    Args:
        local: Start a protected cluster in a temporary folder, set it up, and check that.
        nodes: Nodes of that cluster: 1 or 3.
        every: Show all cells, not only those that differ.
        json: Print one JSON object as the last line.
    """
    configure_logs(level="error")
    began = time.monotonic()
    checked = _check_local(int(nodes)) if local else check(make_parts(load_settings()))
    console = Console(stderr=json, highlight=False)
    _show(console, checked, every=every)
    if json:
        print_json(_figures(checked) | {"seconds": round(time.monotonic() - began, 1)})
    sys.exit(0 if checked.right else 1)


def _check_local(nodes: int) -> Checked:
    with (
        tempfile.TemporaryDirectory(prefix="lali-check-") as name,
        LocalKafka(Path(name) / "kafka", nodes=nodes, secure=True) as kafka,
    ):
        parts = local_parts(kafka)
        provision(parts)
        asyncio.run(parts.apply_topics())
        return check(parts)


def local_parts(kafka: LocalKafka) -> Parts:
    """Return the parts of this community on a protected local cluster."""
    made = kafka.protection
    return make_parts(
        load_settings(
            bootstrap_servers=kafka.bootstrap_servers,
            security_protocol="SASL_SSL",
            ca_file=made.ca_file,
            user=None,
            credentials=made.passwords_folder,
            replication=kafka.replication,
        )
    )


def _figures(checked: Checked) -> dict[str, Any]:
    cells = checked.matrix.cells
    return {
        "cells": len(cells),
        "wrong": len(checked.matrix.wrong()),
        "allowed": sum(cell.expected for cell in cells),
        "principals": len({cell.principal for cell in cells}),
        "shut_out": len(checked.matrix.shut_out),
        "foreign": len(checked.foreign),
    }


def _show(console: Console, checked: Checked, *, every: bool) -> None:
    matrix = checked.matrix
    cells = matrix.cells if every else matrix.wrong()[:_SHOWN]
    if cells:
        console.print(_table(cells))
    more = 0 if every else len(matrix.wrong()) - len(cells)
    if more > 0:
        console.print(f"and {more} more")
    for principal, reason in sorted(matrix.shut_out.items()):
        console.print(f"{principal} does not get in: {reason}", markup=False)
    for line in checked.foreign:
        console.print(f"not ours: {line}", markup=False)
    console.print(_counts(matrix.cells))
    figures = _figures(checked)
    console.print(
        f"{figures['cells']} cells, {figures['wrong']} wrong, {figures['foreign']} rights of others"
    )


def _table(cells: list[Cell]) -> Table:
    table = Table("principal", "operation", "kind", "name", "should", "does")
    for cell in cells:
        seen = {True: "allowed", False: "denied", None: "no such topic"}[cell.observed]
        should = "allowed" if cell.expected else "denied"
        table.add_row(cell.principal, cell.operation, cell.kind, cell.name, should, seen)
    return table


def _counts(cells: list[Cell]) -> Table:
    table = Table("kind", "operation", "allowed", "denied", "wrong")
    rows = {(cell.kind.value, str(cell.operation)) for cell in cells}
    allowed = Counter((c.kind.value, str(c.operation)) for c in cells if c.expected)
    wrong = Counter((c.kind.value, str(c.operation)) for c in cells if c.wrong)
    total = Counter((c.kind.value, str(c.operation)) for c in cells)
    for row in sorted(rows):
        table.add_row(
            *row, str(allowed[row]), str(total[row] - allowed[row]), str(wrong[row] or "·")
        )
    return table
