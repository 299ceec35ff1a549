"""Hygiene for every test: see the three plugins. Fixtures that start services live beside the tests that need them."""

pytest_plugins = ["tests.leftovers", "tests.golden", "tests.surroundings"]
