"""Somebody at the console with a mouse, a finger or the keyboard alone, who does what is to be done with that."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.visit import DESKTOP, TABLET, Visit

_MOST_TABS = 120
# The key that leads on to something; none when it has the focus. Of a group of radio buttons Tab comes to one only.
_NEXT_KEY = """(one) => {
    const here = document.activeElement;
    return here === one ? "" : one.type === "radio" && here.name === one.name ? "ArrowDown" : "Tab";
}"""


class By(StrEnum):
    """What somebody presses with."""

    MOUSE = "mouse"
    FINGER = "finger"
    KEYS = "keys"


# Device, theme, and what is pressed with.
VIEWS = {
    "desktop-light": (DESKTOP, "light", By.MOUSE),
    "desktop-dark": (DESKTOP, "dark", By.MOUSE),
    "tablet-light": (TABLET, "light", By.FINGER),
    "tablet-dark": (TABLET, "dark", By.FINGER),
    "keyboard": (DESKTOP, "light", By.KEYS),
}


@dataclass(frozen=True)
class Person:
    """Somebody on a page. `view` is one of `VIEWS`."""

    visit: Visit
    page: Page
    view: str
    by: By

    def press(self, what: Locator) -> None:
        """Click it, tap it, or go there and press its key."""
        if self.by is By.FINGER:
            what.tap()
        elif self.by is By.MOUSE:
            what.click()
        else:
            self._go_to(what)
            self.page.keyboard.press(
                "Space" if what.get_attribute("type") in ("radio", "checkbox") else "Enter"
            )

    def press_button(self, name: str) -> None:
        """Press the button of that name."""
        self.press(self.page.get_by_role("button", name=name, exact=True))

    def press_link(self, name: str | re.Pattern[str]) -> None:
        """Press the link of that name."""
        self.press(self.page.get_by_role("link", name=name, exact=True))

    def type(self, field: Locator, text: str) -> None:
        """Fill a field."""
        if self.by is not By.KEYS:
            field.fill(text)
            return
        self._go_to(field)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def choose(self, field: Locator, label: str) -> None:
        """Choose from a list."""
        if self.by is not By.KEYS:
            field.select_option(label)
            return
        self._go_to(field)
        self.page.keyboard.type(label)
        expect(field.locator("option:checked")).to_have_text(label)

    def _go_to(self, what: Locator) -> None:
        what.wait_for()
        for _ in range(_MOST_TABS):
            key = str(what.evaluate(_NEXT_KEY))
            if not key:
                return
            self.page.keyboard.press(key)
        pytest.fail(f"Tab never comes to {what}")

    def sees(self, name: str) -> None:
        """Keep what is seen now, and find nothing in it that bars anybody."""
        if self.by is not By.KEYS:  # it is the same page with a mouse
            assert self.visit.barriers(self.page) == []
        self.visit.screen(self.page, f"{name}-{self.view}")
