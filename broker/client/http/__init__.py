"""The client's way over HTTP, to a gateway: for whoever cannot speak Kafka, or not from there."""
