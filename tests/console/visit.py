"""A person at the console: windows of given sizes and themes, and what the browser complained about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Request

SCREENS = Path(__file__).resolve().parents[2] / "build" / "screens"
DESKTOP, TABLET, TURNED, PHONE = (1280, 800), (820, 1180), (1180, 820), (390, 844)
# What a page has of 1280 by 1024 when somebody enlarges it: a quarter, a half.
AT_400, AT_200 = (320, 256), (640, 512)
# WCAG 2.2 A and AA, which is what the console promises.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


# Waits for the pictures in sight; those further down are fetched when somebody comes there.
PICTURES = """() => Promise.all([...document.images]
    .filter((one) => one.getBoundingClientRect().top < innerHeight).map((one) => one.decode().catch(() => {})))"""


class Visit:
    """Windows on the console. `complaints` are errors in the console, violations of the policy, requests to others."""

    def __init__(self, browser: Browser, address: str, axe: str) -> None:
        self.address = address
        self.complaints: list[str] = []
        self._browser = browser
        self._axe = axe
        self._contexts: list[BrowserContext] = []

    def window(
        self,
        size: tuple[int, int] = DESKTOP,
        theme: str = "light",
        *,
        scripts: bool = True,
        forced: bool = False,
        zone: str | None = None,
    ) -> Page:
        """Open a window; without scripts it is a browser that has none, `forced` one with its own few colours.

        zone: the viewer's time zone, "Asia/Kathmandu"; None: this machine's.
        """
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=theme,  # type: ignore[arg-type]
            java_script_enabled=scripts,
            has_touch=size != DESKTOP,
            reduced_motion="reduce",
            forced_colors="active" if forced else "none",
            timezone_id=zone,
        )
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda message: self._say(message.type, message.text, page.url))
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("request", self._requested)
        return page

    def _say(self, kind: str, text: str, url: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{url}: {kind}: {text}")

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:")):
            self.complaints.append(f"asked somebody else: {request.url}")

    def open(self, page: Page, path: str) -> None:
        """Go to a page."""
        answer = page.goto(self.address + path, wait_until="load")
        assert answer is not None
        assert answer.status == 200, f"{path}: {answer.status}"

    def screen(self, page: Page, name: str) -> None:
        """Keep a picture. Playwright adds a style for it, which our policy rightly refuses: not a complaint."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        before = len(self.complaints)
        page.evaluate(PICTURES)
        page.screenshot(path=SCREENS / f"{name}.png")
        self.complaints[before:] = [
            one for one in self.complaints[before:] if "Content Security Policy" not in one
        ]

    def barriers(self, page: Page) -> list[str]:
        """Return what axe-core finds wrong on the page as it is now."""
        page.evaluate(self._axe)
        run = (
            "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})"
        )
        found: dict[str, Any] = page.evaluate(run, RULES)
        return [
            f"{one['id']}: {node['html'][:160]} ({node['failureSummary'][:200]})"
            for one in found["violations"]
            for node in one["nodes"]
        ]

    def forget(self, *texts: str) -> None:
        """Take back complaints that a test has caused on purpose."""
        self.complaints = [one for one in self.complaints if not any(text in one for text in texts)]

    def close(self) -> None:
        """Close the windows."""
        for context in self._contexts:
            context.close()
