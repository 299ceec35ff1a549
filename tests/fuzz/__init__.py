"""Hostile input for every decoder, for as long as is wanted: `make fuzz SECONDS=60`."""
