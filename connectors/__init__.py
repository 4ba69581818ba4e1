"""One file a protocol: how a release reaches its recipient."""
