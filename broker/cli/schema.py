"""`lali schema`: check the schemas, and write their page and the AsyncAPI document."""

import json as json_module
import sys
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter
from rich.console import Console

from broker.asyncapi import asyncapi_document
from broker.cli import print_json
from broker.resources import shipped
from broker.wire.schema import read_catalogue
from broker.wire.schema_check import check_catalogue
from broker.wire.schema_page import schema_page

app = cyclopts.App(name="schema", help="Check the schemas; write their page.")

Flag = Annotated[bool, Parameter(negative="")]


@app.command
def check(*, schemas: Path | None = None, json: Flag = False) -> None:
    """Check every schema: samples, evolution, ids, ownership, recursion, order, docs.

    Example: `lali schema check`

    Args:
        schemas: Folder with catalogue.toml; the shipped one if not given.
        json: Print one JSON object.
    """
    folder = schemas or shipped("schemas")
    catalogue = read_catalogue(folder)
    findings = check_catalogue(catalogue)
    page = folder.parent / "docs" / "schema.md"
    if page.exists() and page.read_text() != schema_page(catalogue):
        findings.append("docs/schema.md is stale: run `lali schema docs`")
    count = len(list(catalogue))
    if json:
        print_json({"schemas": count, "findings": findings})
    else:
        for finding in findings:
            Console().print(f"[red]✗[/] {finding}", highlight=False)
        Console().print(f"{count} schemas, {len(findings)} findings")
    sys.exit(1 if findings else 0)


@app.command
def docs(*, out: Path = Path("docs/schema.md"), check: Flag = False) -> None:
    """Write one readable page of every field, code list and source.

    Example: `lali schema docs --out docs/schema.md`

    Args:
        out: The file to write.
        check: Write nothing; exit 1 if the file differs.
    """
    _write_or_check(out, schema_page(read_catalogue(shipped("schemas"))), check=check)


@app.command
def asyncapi(*, out: Path = Path("docs/asyncapi.json"), check: Flag = False) -> None:
    """Write the AsyncAPI document of the topics: channels, operations, messages.

    Example: `lali schema asyncapi --out docs/asyncapi.json`

    Args:
        out: The file to write.
        check: Write nothing; exit 1 if the file differs.
    """
    document = asyncapi_document(read_catalogue(shipped("schemas")))
    text = json_module.dumps(document, indent=1, ensure_ascii=False) + "\n"
    _write_or_check(out, text, check=check)


def _write_or_check(out: Path, text: str, *, check: bool) -> None:
    if check:
        same = out.exists() and out.read_text() == text
        Console().print(f"{out} is {'up to date' if same else 'stale'}")
        sys.exit(0 if same else 1)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text)
    Console().print(f"{out} written")
