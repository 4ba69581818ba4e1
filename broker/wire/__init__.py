"""Bytes: schemas, codecs, topics, and the only code that speaks to Kafka."""
