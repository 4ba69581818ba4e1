"""Send alerts by HTTP in every form, for tests of publishing and of refusals."""

import json

from gatewaying import ORIGINATOR

from broker.testing import make_alert
from broker.wire.alert_codec import encode_alert

JSON_LINES = "application/x-ndjson"
AVRO = "application/vnd.apache.avro"
AVRO_BATCH = "application/vnd.lali.alerts"
CANARY = "CANARYNAME"


async def send(behind, body, media_type="application/json", unit=ORIGINATOR, **headers):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    said = {"Content-Type": media_type, **headers}
    return await behind.call("POST", "/v1/alerts", unit, data=body, headers=said)


def framed(**label):
    return encode_alert(make_alert(originator=ORIGINATOR, **label))
