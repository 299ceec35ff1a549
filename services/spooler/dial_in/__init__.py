"""Hosts that dial in: their connections are the way to them."""
