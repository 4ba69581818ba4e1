"""Faults: each a context manager that begins when it is entered and ends when it is left."""

import contextlib
import time

from broker.cluster.local import wait_until_ready

HOLD_SECONDS = 12  # longer than a session, so that the group goes on without who is paused


def paused(role):
    """Freeze the process of *role*, longer than its session lives."""

    @contextlib.contextmanager
    def happens(site):
        site.crew[role].pause()
        try:
            yield
            time.sleep(HOLD_SECONDS)
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


def node_killed(number=0, away_seconds=1):
    """Kill one node of Kafka, and start it again."""

    @contextlib.contextmanager
    def happens(site):
        node = site.kafka.nodes[number]
        node.kill()
        try:
            time.sleep(away_seconds)
            if len(site.kafka.nodes) > 1:
                yield  # the others go on
                node.start()
            else:
                node.start()
                yield
        finally:
            wait_until_ready(node)

    return happens


def node_paused(number=0):
    """Freeze one node of Kafka for a while."""

    @contextlib.contextmanager
    def happens(site):
        node = site.kafka.nodes[number]
        node.pause()
        try:
            if len(site.kafka.nodes) > 1:
                yield
            time.sleep(HOLD_SECONDS)
        finally:
            node.go_on()
        if len(site.kafka.nodes) == 1:
            yield

    return happens


def damaged(topic, value=b"\x00\x00\x00\x00\x09\xff\xff", key=b"no-alert"):
    """Write something into *topic* that is no record of it."""

    @contextlib.contextmanager
    def happens(site):
        for partition in range(site.partitions):
            with contextlib.suppress(Exception):
                site.write(topic, value, key, partition)
        yield

    return happens
