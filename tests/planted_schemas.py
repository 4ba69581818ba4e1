"""Plant one fault in a copy of the schemas."""

import copy
import hashlib
import json

from broker.wire.schema import read_catalogue


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def plant(folder, name, change):
    """Change the newest version of *name* in place, and pin the digest it then has."""
    file = read_catalogue(folder).latest(name).file
    before, avro = digest(file), json.loads(file.read_text())
    change(avro)
    file.write_text(json.dumps(avro))
    rows = folder / "catalogue.toml"
    rows.write_text(rows.read_text().replace(before, digest(file)))


def evolve(folder, name, change):
    """Add a version of *name* that differs by *change*; return its number."""
    known = read_catalogue(folder)
    newest = known.latest(name)
    avro = copy.deepcopy(newest.avro)
    change(avro)
    version = newest.version + 1
    file = newest.file.parent / f"v{version}.avsc"
    file.write_text(json.dumps(avro))
    with (folder / "catalogue.toml").open("a") as rows:
        rows.write(
            f"\n[[schema]]\nid = {max(e.schema_id for e in known) + 1}\nname = '{name}'\n"
            f"version = {version}\nfile = '{name}/v{version}.avsc'\nsha256 = '{digest(file)}'\n"
        )
    return version


def field(avro, name):
    """Return the field *name* of a record."""
    return next(field for field in avro["fields"] if field["name"] == name)


def add(**made):
    """Return the change that adds a field."""
    return lambda avro: avro["fields"].append({"doc": "Planted.", **made})
