"""The AsyncAPI document of Lali's topics, written from the modules that decide them.

Names, partitions and retention come from `broker.wire.topics`, who sends and receives from
`broker.wire.access`, what is in a topic from `broker.wire.contents`, and the schemas from the
catalogue. So it cannot say what is not so. AsyncAPI 3.0.0, Kafka bindings 0.5.0.
"""

from collections.abc import Iterator
from typing import Any

from broker.wire.access import Access
from broker.wire.contents import COMPARTMENTS, VALUES, TopicKind
from broker.wire.rights import Kind, Operation
from broker.wire.schema import Catalogue, SchemaEntry
from broker.wire.topics import Topics, TopicSpec

Document = dict[str, Any]

_BINDING_VERSION = "0.5.0"
_AVRO = "application/vnd.apache.avro;version=1.9.0"
_ORIGINATOR, _FEED, _UNIT = "{originator}", "{feed}", "{unit}"

_DESCRIPTION = """The Kafka topics of Lali, an interagency message broker for suspected human \
trafficking. Every value is framed: 0x00, four bytes of schema id (big-endian), the Avro \
record; the id in the frame is the only one that counts. Keys are the alert's random id where \
there is one. Each operation says what one class of principals may do; whatever has none is \
denied."""

_MEANING = {
    TopicKind.INTAKE: "Alerts as their originator publishes them: the topic is the sender.",
    TopicKind.ALERTS: "Accepted alerts.",
    TopicKind.FEED: "Releases and recalls for one recipient unit and one purpose.",
    TopicKind.LEDGER: "Who holds what of each alert, and what became of each release.",
    TopicKind.AUDIT: "What happened, without content.",
    TopicKind.PLANS: "Decisions of every feed for one label, by their digest.",
    TopicKind.QUARANTINE: "Originals that could not be accepted, sealed.",
    TopicKind.DEAD_LETTER: "Releases that could not be delivered to one feed.",
    TopicKind.OWED: "What feeds have yet to get that could not be written; the header names one.",
    TopicKind.CLOCK: "Empty records, whose times are the brokers': roles compare clocks.",
}
_KEYS = {
    TopicKind.LEDGER: "What the entry is about: an alert, an alert and a feed, or an intake.",
    TopicKind.PLANS: "The plan's digest, hexadecimal.",
    TopicKind.AUDIT: "The alert's id, or none.",
    TopicKind.QUARANTINE: "The alert's id, or none where it cannot be trusted.",
}
_ALERT_KEY = "The alert's id: a random UUID, as text."
_PARAMETERS = {
    _ORIGINATOR: {"description": "Id of the unit that publishes, as in the community file."},
    _FEED: {"description": "Id of the feed, as in the community file."},
}
_ACTIONS = {Operation.READ: "receive", Operation.WRITE: "send"}


def asyncapi_document(catalogue: Catalogue) -> Document:
    """Return the document for any community: ids of units and feeds are its parameters."""
    topics = Topics()
    access = Access(topics, (_ORIGINATOR,), {_FEED: _UNIT}, (_ORIGINATOR, _UNIT))
    kinds = _kinds(topics)
    specs = topics.specs([_ORIGINATOR], [_FEED])
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Lali",
            "version": "1",
            "description": _DESCRIPTION,
            "license": {
                "name": "Apache-2.0",
                "url": "https://www.apache.org/licenses/LICENSE-2.0",
            },
        },
        "defaultContentType": "application/vnd.apache.avro",
        "channels": {kinds[spec.name]: _channel(spec, kinds, catalogue) for spec in specs},
        "operations": dict(_operations(access, kinds)),
        "components": {
            "messages": {
                _name(entry): _message(entry, kind)
                for kind in TopicKind
                for entry in _entries(catalogue, kind)
            },
            "schemas": {_name(entry): _schema(entry) for entry in _shown(catalogue)},
            "securitySchemes": {
                "password": {"type": "scramSha512", "description": "SASL_SSL"},
                "certificate": {"type": "X509", "description": "SSL"},
            },
        },
    }


def _kinds(topics: Topics) -> dict[str, TopicKind]:
    return {
        topics.intake(_ORIGINATOR): TopicKind.INTAKE,
        topics.alerts: TopicKind.ALERTS,
        topics.feed(_FEED): TopicKind.FEED,
        topics.ledger: TopicKind.LEDGER,
        topics.audit: TopicKind.AUDIT,
        topics.plans: TopicKind.PLANS,
        topics.quarantine: TopicKind.QUARANTINE,
        topics.dead_letter(_FEED): TopicKind.DEAD_LETTER,
        topics.clock: TopicKind.CLOCK,
        topics.owed: TopicKind.OWED,
    }


def _channel(spec: TopicSpec, kinds: dict[str, TopicKind], catalogue: Catalogue) -> Document:
    kind = kinds[spec.name]
    messages = {
        _name(entry): {"$ref": f"#/components/messages/{_name(entry)}"}
        for entry in _entries(catalogue, kind)
    }
    parameters = {name.strip("{}"): told for name, told in _PARAMETERS.items() if name in spec.name}
    return {
        "address": spec.name,
        "description": _MEANING[kind],
        **({"parameters": parameters} if parameters else {}),
        "messages": messages,
        "bindings": {"kafka": _topic_binding(spec)},
    }


def _topic_binding(spec: TopicSpec) -> Document:
    config = spec.config
    retention = {"retention.ms": int(config["retention.ms"])} if "retention.ms" in config else {}
    return {
        "partitions": spec.partitions,
        "topicConfiguration": {
            "cleanup.policy": [config["cleanup.policy"]],
            **retention,
            "max.message.bytes": int(config["max.message.bytes"]),
        },
        "bindingVersion": _BINDING_VERSION,
    }


def _operations(access: Access, kinds: dict[str, TopicKind]) -> Iterator[tuple[str, Document]]:
    for right in access.rights():
        action = _ACTIONS.get(right.operation)
        if right.kind is not Kind.TOPIC or action is None:
            continue
        who, kind = _class_of(right.principal, access), kinds[right.name]
        security = [
            {"$ref": f"#/components/securitySchemes/{n}"} for n in ("password", "certificate")
        ]
        yield (
            f"{who}-{action}-{kind}",
            {
                "action": action,
                "channel": {"$ref": f"#/channels/{kind}"},
                "title": f"{who} {action}s {kind}",
                "tags": [{"name": who}],
                "security": security,
            },
        )


def _class_of(principal: str, access: Access) -> str:
    is_unit = principal.startswith(access.names.unit(""))
    return "unit" if is_unit else principal.rpartition(".")[2]


def _message(entry: SchemaEntry, kind: TopicKind) -> Document:
    return {
        "name": _name(entry),
        "title": f"{entry.name}, version {entry.version}",
        "summary": _line(entry.avro["doc"]),
        "contentType": "application/vnd.apache.avro",
        "payload": {"$ref": f"#/components/schemas/{_name(entry)}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": _KEYS.get(kind, _ALERT_KEY)},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "4",
                "schemaLookupStrategy": "TopicNameStrategy",
                "bindingVersion": _BINDING_VERSION,
            }
        },
        "x-lali-schema-id": entry.schema_id,
    }


def _schema(entry: SchemaEntry) -> Document:
    return {"schemaFormat": _AVRO, "schema": entry.avro}


def _entries(catalogue: Catalogue, kind: TopicKind) -> list[SchemaEntry]:
    return [entry for entry in catalogue if entry.name in VALUES[kind]]


def _shown(catalogue: Catalogue) -> list[SchemaEntry]:
    """Return every schema that occurs in a topic, as a value or framed inside one."""
    names = {name for names in VALUES.values() for name in names} | set(COMPARTMENTS)
    return [entry for entry in catalogue if entry.name in names]


def _name(entry: SchemaEntry) -> str:
    return f"{entry.name}-v{entry.version}"


def _line(doc: str) -> str:
    return " ".join(doc.split())
