"""Hygiene for every test: see the plugins. Fixtures that start services live beside the tests that need them."""

import os

# Also where pytest is called without make (see the Makefile).
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

pytest_plugins = ["tests.leftovers", "tests.golden", "tests.surroundings", "tests.alone"]
