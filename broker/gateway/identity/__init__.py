"""Who is asking: client certificates, OAuth tokens and API keys, each bound to a unit."""
