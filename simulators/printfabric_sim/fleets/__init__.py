"""Fleets that come with the simulators."""
