"""Many ordinary alerts quickly, for benchmarks.

A commitment covers a slot's name, salt and content, not the alert's id. So distinct alerts
are made from one by writing another id into its bytes.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import product
from uuid import UUID

from broker.model.alert import Alert
from broker.model.codes import Answer, Certainty, Exploitation, Sector, Severity, Urgency
from broker.model.label import Label
from broker.simulate.cast import Cast
from broker.simulate.chance import chance
from broker.simulate.stories import fishing_crew
from broker.simulate.telling import Case, Telling, tell
from broker.wire.alert_codec import encode_alert
from broker.wire.codec import FRAME_BYTES

_UUID_BYTES = 16

_VARYING = (Urgency, Severity, Certainty, Exploitation, Sector, Answer, Answer)


def bench_alerts(
    count: int, *, cast: Cast, at: datetime, labels: int = 1, seed: int = 0
) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield (originator, key, framed alert) of *count* accepted alerts of about 1.4 kB.

    Args:
        count: How many; every alert id is different.
        cast: Whose units publish.
        at: When they are all written; they expire 90 days later.
        labels: How many different labels they have, in turn. At most 400,000.
        seed: Names the series.
    """
    case = Case(f"bench/{seed}", fishing_crew, at)
    alert = tell(case, Telling(1, at), cast)
    values = [encode_alert(varied) for varied in _with_labels(alert, min(labels, count))]
    random = chance(seed, "bench ids")
    for number in range(count):
        alert_id = UUID(bytes=random.randbytes(_UUID_BYTES), version=4)
        value = values[number % len(values)]
        yield alert.label.originator, str(alert_id).encode(), _with_id(value, alert_id)


def _with_labels(alert: Alert, labels: int) -> Iterator[Alert]:
    combinations = product(*_VARYING)
    for _ in range(labels):
        urgency, severity, certainty, exploitation, sector, at_risk, transit = next(combinations)
        varied = alert.label.model_dump() | {
            "urgency": urgency,
            "severity": severity,
            "certainty": certainty,
            "exploitation": (exploitation,),
            "sectors": (sector,),
            "at_risk": at_risk,
            "in_transit": transit,
        }
        yield Alert(
            label=Label.model_validate(varied),
            distribution=alert.distribution,
            compartments=alert.compartments,
        )


def _with_id(value: bytes, alert_id: UUID) -> bytes:
    return value[:FRAME_BYTES] + alert_id.bytes + value[FRAME_BYTES + _UUID_BYTES :]
