"""Entries of a journal, and what a journal holds of them."""

from broker.client.journal import Journal
from broker.client.journal_entry import Entry
from broker.client.payload import Form, Payload
from broker.testing import alert_id_of

UNIT = "fiji-immigration"
CANARY = b"CANARYNAME-Jone-Specimen"


def entry(number=1, value=b"an alert", unit=UNIT, revision=1, form=Form.DRAFT):
    return Entry(unit, Payload(alert_id_of(number), revision, form, value))


def values(journal, unit=UNIT):
    return [each.entry.payload.value for each in journal.waiting(unit, 10_000)]


def filled(folder, *contents):
    with Journal(folder) as journal:
        for number, value in enumerate(contents, start=1):
            journal.append(entry(number, value))
    return folder / "journal"


def opened(folder):
    with Journal(folder) as journal:
        return values(journal)
