"""Hygiene for every test: see the plugins. Fixtures that start services live beside the tests that need them."""

import os
import signal

# Also where pytest is called without make (see the Makefile).
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Ctrl-C is tried on programs that the tests start: they inherit it ignored where a shell started the tests in the background.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.leftovers", "tests.golden", "tests.surroundings", "tests.alone", "tests.together"]
