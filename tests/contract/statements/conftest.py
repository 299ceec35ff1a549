"""One fabric for all statements: starting it costs more than most of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.statements.stage import Stage
from tests.leftovers import ALLOWED


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The fabric."""
    found = Stage(tmp_path_factory.mktemp("statements"))
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture
def restarts(request: pytest.FixtureRequest) -> Iterator[None]:
    """A program of the stage that a test has started again belongs to the stage."""
    yield
    request.config.stash[ALLOWED].note_present()
