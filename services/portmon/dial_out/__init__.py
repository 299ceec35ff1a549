"""The way to spoolers that cannot reach this host: it dials them, and serves them through its own connection."""
