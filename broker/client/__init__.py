"""What an agency's own system imports to publish alerts and to follow a feed.

`Publisher` sends alerts, `Subscriber` receives releases; both are async and speak Kafka.
docs/client.md has a whole program.
"""

from broker.client.publisher import Attempt, Published, Publisher
from broker.client.subscriber import Subscriber

__all__ = ["Attempt", "Published", "Publisher", "Subscriber"]
