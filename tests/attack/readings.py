"""Who read is in the audit log, and receipts are for what was shown."""

import asyncio
import uuid

from attack.site import FEED, ORIGINATOR, READER, until
from attack.trying import attack, held
from broker.audit.log import read_audit

RECEIPTS = f"/v1/feeds/{FEED}/receipts"
_TAXII = {"Accept": "application/taxii+json;version=2.1"}


def _decided(site, alert_id):
    path = f"/v1/alerts/{alert_id}"
    said = site.ask("GET", path, headers=site.headers(ORIGINATOR))
    return said.status == 200 and said.json().get("feeds", 0) > 0


def published(site):
    """Publish an alert that nobody reads; return its id once it is in its feeds."""
    alert_id = site.publish()
    if not until(lambda: _decided(site, alert_id)):
        raise RuntimeError("an ordinary alert was not decided")
    return alert_id


@attack(10, "receipts for what lies in the feed unseen, and for nothing", "one answer")
def receipts_for_the_unseen(site):
    alert_id = published(site)
    said = [_receipt(site, each) for each in (alert_id, str(uuid.uuid4()))]
    path = f"/v1/feeds/{FEED}/alerts/{alert_id}"
    read = until(lambda: site.ask("GET", path, headers=site.headers(READER)).status == 200)
    later = _receipt(site, alert_id)
    return held(
        said == [(False, ("NOT_FOUND",))] * 2 and read and later == (True, ()),
        f"unseen: {said[0]}; nothing: {said[1]}; after reading: {later}",
    )


def _receipt(site, alert_id):
    line = {"alert_id": alert_id, "revision": 1, "state": "ACTED_UPON"}
    said = site.ask("POST", RECEIPTS, headers=site.headers(READER), body={"receipts": [line]})
    (result,) = said.json()["results"]
    return result["recorded"], tuple(each["code"] for each in result["errors"])


@attack(9, "reading by a key, by a certificate and by TAXII", "an entry for each credential")
def who_read(site):
    alert_id = published(site)
    path = f"/v1/feeds/{FEED}/alerts/{alert_id}"
    certificate = site.ca.issue_client(f"unit.{READER}")
    key = site.headers(READER)
    by_key = until(lambda: site.ask("GET", path, headers=key).status == 200)
    by_certificate = site.ask("GET", path, pair=certificate).status
    collection = f"/taxii2/api/collections/{FEED}/objects/"
    by_taxii = until(
        lambda: b"objects" in site.ask("GET", collection, pair=certificate, headers=_TAXII).body
    )
    parts = site.parts()
    log = asyncio.run(read_audit(parts.connection("trace"), parts.topics))
    entries = [e for e in log.of("DELIVERED") if str(e.alert_id) == alert_id and e.feed == FEED]
    kinds = {(e.reference, (e.credential or "nobody").partition(":")[0]) for e in entries}
    named = {kind for _, kind in kinds}
    return held(
        by_key and by_certificate == 200 and by_taxii and len(named) >= 2 and "nobody" not in named,
        f"entries by door and kind of credential: {sorted(map(str, kinds))}",
    )
