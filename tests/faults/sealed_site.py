"""A site whose alerts are sealed, and come by HTTP to a gateway that may spool them.

An oracle cannot read a sealed release: it judges by what partners have, whose feeds' keys are
entrusted to deliver.
"""

import contextlib
import json
import secrets
import socket
import time
import urllib.request

from broker.testing import make_alert
from faults.disks import small_disk
from faults.site import PATIENCE_SECONDS, ROLES, UNIT, Site

_DISK_MB = 64


class SealedSite(Site):
    """Its keys with their vault, and its data folder with the spool, each on a small disk."""

    roles = (*ROLES, "gateway")

    def __init__(self, folder):
        super().__init__(folder)
        self.keys, self.data = folder / "keys-disk", folder / "data-disk"
        self._disks = contextlib.ExitStack()
        self._api_key = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]

    def __enter__(self):
        with contextlib.ExitStack() as disks:
            for each in (self.keys, self.data):
                disks.enter_context(small_disk(each, _DISK_MB))
            self._disks = disks.pop_all()
        try:
            return super().__enter__()
        except BaseException:
            self._disks.close()
            raise

    def __exit__(self, *fault):
        super().__exit__(*fault)
        self._disks.close()

    def environment(self):
        """Return the settings of every role."""
        return super().environment() | {
            "LALI_PROTECTION": "required",
            "LALI_KEYS": str(self.keys / "keys"),
            "LALI_DATA_FOLDER": str(self.data / "data"),
            "LALI_GATEWAY_SPOOL": "true",
            "LALI_GATEWAY_PORT": str(self._port),
            "LALI_GATEWAY_RATE": "100000/minute",
        }

    def prepare(self):
        """Make keys, topics, and who may come to the gateway."""
        entrusted = [word for feed in self.folders for word in ("--entrusted", feed)]
        self.lali("keys", "init", "--development", *entrusted)
        super().prepare()
        asked = ("--unit", UNIT, "--days", "2", "--rights", "publish", "--json")
        self._api_key = json.loads(self.lali("gateway", "key", "add", *asked))["key"]

    def feeds(self):
        """Return none: what stands in them is sealed."""
        return []

    def publish(self, count, unit=UNIT):
        """Publish *count* alerts of one label; return the marks of those that were taken."""
        before = len(self.taken)
        for _ in range(count):
            mark = secrets.token_hex(6)
            if self._post(mark, unit) == 202:
                self.taken.append(mark)
        return self.taken[before:]

    def until_taken(self):
        """Wait until the gateway takes alerts."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.publish(1):
            assert time.monotonic() < deadline, "the gateway takes nothing"
            time.sleep(1)

    def _post(self, mark, unit):
        alert = make_alert(mark=f"cnry{mark}", originator=unit)
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/v1/alerts?confirm_warnings=true",
            alert.model_dump_json(exclude_none=True).encode(),
            {"Authorization": f"Bearer {self._api_key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return answer.status
        except OSError as fault:  # refused, unavailable, or not there
            return getattr(fault, "code", None)
