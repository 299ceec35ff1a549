"""Kills, cuts, stalls and bad input, against real processes."""
