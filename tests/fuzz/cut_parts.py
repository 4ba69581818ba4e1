"""What cuts alerts and releases at their places, on bytes that the strict decoder took."""

from fuzz import samples
from fuzz.harness import Target

from broker.errors import Rejected
from broker.pipeline.project import narrow, read_release
from broker.wire import codec
from broker.wire.sealing import AlertParts, ReleaseParts, opened_alert


def read(data):
    name = "release" if codec.name_of(data) == "release" else "alert"
    record = codec.decode(data, name)
    if name == "alert":
        _cut_alert(data)
    elif record["label"] and record["compartments"]:
        _cut_release(data)
    else:
        _narrowed(data)


def _cut_alert(data):
    parts = AlertParts(data)
    parts.statement(bytes(32))
    if parts.seal is None:
        assert opened_alert(parts, lambda _number, content: content)[5:-1] in data
    else:
        opened_alert(parts, lambda _number, _content: None)


def _cut_release(data):
    ReleaseParts(data).statement()
    _narrowed(data)


def _narrowed(data):
    try:
        release = read_release(data)
    except Rejected:
        return
    if release.profile >= 0:
        narrow(release, 5)


def seeds():
    kinds = {
        "alert": samples.plain_alerts,
        "sealed-alert": samples.sealed_alerts,
        "release": samples.plain_releases,
        "sealed-release": samples.sealed_releases,
    }
    return {f"{kind}-{name}": v for kind, made in kinds.items() for name, v in made().items()}


TARGET = Target(read, seeds, most_bytes=5000)
