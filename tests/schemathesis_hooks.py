"""How Schemathesis writes the bodies that it does not know: as the text or bytes that it made."""

import schemathesis


@schemathesis.serializer(
    "application/x-ndjson", "application/vnd.apache.avro", "application/vnd.lali.alerts"
)
def as_it_is(_context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
