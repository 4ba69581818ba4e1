"""What happened: audit entries, the trace of an alert, and the flows between units."""
