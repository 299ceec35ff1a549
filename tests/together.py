"""Files of tests that share what takes long to start run in one process, one after another: it is started once."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

# The console's tests share the demonstration of `make run`, a second console, and a browser.
TOGETHER = ("tests/console/",)
# These share nothing, and measure: they come last, when the neighbours have short tests.
APART = ("tests/console/test_budgets.py",)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give files to processes as xdist does, those that belong together as one."""
    return Together(config, log) if config.getoption("dist") == "loadfile" else None


class Together(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Work by the file, or by the folder."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(str(super()._split_scope(nodeid)))


def scope(file: str) -> str:
    """Return what a file is given out with: its folder, or it alone."""
    return file if file in APART else next((one for one in TOGETHER if file.startswith(one)), file)
