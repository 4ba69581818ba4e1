"""The client's way over HTTP, to a gateway: for whoever cannot speak Kafka, or not from there.

`HttpPublisher` and `HttpSubscriber` have the interface of `Publisher` and `Subscriber`;
`Journal` keeps alerts while the gateway is away. docs/client.md has a whole program.
"""

from broker.client.http.credentials import Credentials
from broker.client.http.publisher import HttpPublisher
from broker.client.http.retrying import Patience
from broker.client.http.subscriber import HttpSubscriber
from broker.client.journal import Journal

__all__ = ["Credentials", "HttpPublisher", "HttpSubscriber", "Journal", "Patience"]
