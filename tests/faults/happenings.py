"""Faults: each a context manager that begins when it is entered and ends when it is left."""

import contextlib
import time

_HOLD_SECONDS = 12  # longer than a session, so that the group goes on without who is paused


def paused(role):
    """Freeze the process of *role*, longer than its session lives."""

    @contextlib.contextmanager
    def happens(site):
        site.crew[role].pause()
        try:
            yield
            time.sleep(_HOLD_SECONDS)
        finally:
            site.crew[role].go_on()

    return happens


def killed(role):
    """Kill the process of *role*, and start another after a while."""

    @contextlib.contextmanager
    def happens(site):
        site.crew[role].kill()
        yield
        site.crew.start(role)

    return happens


@contextlib.contextmanager
def node_killed(site):
    """Kill Kafka, and start it again."""
    node = site.kafka.nodes[0]
    node.kill()
    try:
        time.sleep(1)
        node.start()
        yield
    finally:
        from broker.cluster.local import wait_until_ready

        wait_until_ready(node)


@contextlib.contextmanager
def node_paused(site):
    """Freeze Kafka for a while."""
    node = site.kafka.nodes[0]
    node.pause()
    time.sleep(_HOLD_SECONDS)
    node.go_on()
    yield


def damaged(topic, value=b"\x00\x00\x00\x00\x09\xff\xff", key=b"no-alert"):
    """Write something into *topic* that is no record of it."""

    @contextlib.contextmanager
    def happens(site):
        for partition in range(site.partitions):
            with contextlib.suppress(Exception):
                site.write(topic, value, key, partition)
        yield

    return happens
