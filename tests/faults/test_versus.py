"""Where stock CUPS loses, doubles and forgets, this fabric does not: `make versus` shows both in full length."""

from __future__ import annotations

import pytest

from tests.faults.versus import QUICK, compare, table
from tests.surroundings import require_tool


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_reset_a_crash_and_a_kill_lose_double_and_forget_nothing_beside_cups():
    require_tool("cupsd")
    rows = list(compare(QUICK))
    print(table(rows))
    ours = [row for row in rows if row.system != "CUPS"]
    assert len(rows) == 2 * len(ours) == 6
    for row in ours:
        assert (row.on_paper, row.twice, row.missing) == (row.of, 0, 0), row
        assert row.said.endswith(("completed, handed over", "completed, printed")), row
    assert "may have printed" in ours[0].said, "after a reset a person is asked"
