"""A gateway that runs in a thread of its own, for clients that know nothing of asyncio."""

import asyncio
import contextlib
import threading
import uuid

from gatewaying import Behind, settings_of


class Doorway:
    """Accept, route and a gateway behind one URL.

    Attributes:
        behind: The gateway and its roles; only `run` may touch it.
    """

    def __init__(self, kafka, folder, **settings):
        prefix = f"t{uuid.uuid4().hex[:8]}."
        self._settings = settings_of(kafka, prefix, folder, **settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)

    def __enter__(self):
        self._thread.start()
        self.behind = self.run(self._made())
        try:
            self.run(self.behind.__aenter__())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.run(self.behind.__aexit__())
        finally:
            self._end()

    async def _made(self):
        return Behind(self._settings)

    def _end(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        with contextlib.suppress(RuntimeError):
            self._loop.close()

    @property
    def url(self):
        return self.behind.url

    def run(self, coroutine, seconds=180):
        """Run *coroutine* where the gateway runs; return what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(seconds)
