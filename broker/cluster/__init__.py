"""A real Apache Kafka on this machine, from the jars that Maven resolves."""
