"""The HTTP doors: agencies publish and units read without speaking Kafka."""
