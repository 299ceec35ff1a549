"""The page about states says what the tables say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden import Golden
from tests.house import states_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "states.md"


@pytest.mark.golden
def test_the_page_of_states_is_drawn_from_the_tables(golden: Golden):
    golden(PAGE, states_page.text())


def test_each_state_and_each_way_is_on_the_page():
    text = states_page.text()

    assert "| pending | start | processing |" in text
    assert "| in_document | device_lost | failed |" in text
    assert "    processing --> processing_stopped: stop" in text
