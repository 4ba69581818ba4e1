"""The first three requests that somebody makes, as lines of curl to be copied."""

import json

from broker.gateway.examples import DRAFT

#: Who publishes in them, and which feed shows it.
PUBLISHER, READER, FEED = "fiji-immigration", "samoa-tcu", "samoa-tcu-investigate"


def curl_lines(url: str, keys: str) -> list[tuple[str, str]]:
    """Return what each line does, and the line.

    Args:
        url: Of the gateway, such as ``http://127.0.0.1:8440``.
        keys: Folder with the API key of each unit, as the shell sees it.
    """
    draft = json.dumps(DRAFT, separators=(",", ":"))
    written = f"-H 'Content-Type: application/json' -d '{draft}'"
    publisher = f'-H "Authorization: Bearer $(cat {keys}/{PUBLISHER})"'
    reader = f'-H "Authorization: Bearer $(cat {keys}/{READER})"'
    return [
        ("who would see this alert", f"curl -s {publisher} {written} {url}/v1/alerts:preview"),
        ("publish it", f"curl -s {publisher} {written} {url}/v1/alerts"),
        ("read it as another unit", f"curl -s {reader} '{url}/v1/feeds/{FEED}?form=summary'"),
    ]
