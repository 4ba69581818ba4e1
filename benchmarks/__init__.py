"""What an alert costs: CPU µs by stage, measured on a real Kafka, never in a timed test."""
