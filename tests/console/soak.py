"""How soon what a console hears is on a screen, and whether the page that shows it stays light: for as long as is asked.

python -m tests.console.soak SECONDS [PORTS]

The console is `large_fleet`, whose ports all change every second; each frame carries when it was made. A page notes when it
has drawn it: after the next animation frame and the task behind it, so layout and paint of that frame are in the figure.
What the display itself takes is not. Console and browser read the same clock.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.console import figures
from tests.console.conftest import AXE, chromium
from tests.console.large_fleet import running_fleet
from tests.console.visit import Visit
from tests.rig.programs import wait_until

_EVERY_S = 10.0
# Wraps what the page reads frames with; runs before the page's own script.
_WATCH_FRAMES = """(() => {
    const parse = JSON.parse;
    window.drawnAfter = [];
    JSON.parse = (text, ...more) => {
        const found = parse(text, ...more);
        if (found?.made) requestAnimationFrame(() => {
            const behind = new MessageChannel();
            behind.port1.onmessage = () => window.drawnAfter.push(Date.now() - found.made);
            behind.port2.postMessage(0);
        });
        return found;
    };
})()"""
_TAKE = "() => window.drawnAfter.splice(0)"


def soak(browser: Browser, address: str, seconds: float) -> dict[str, float]:
    """Look at a list of ports for so long; return how late its figures were (ms) and what its heap held (MB)."""
    visit = Visit(browser, address, AXE)
    try:
        page = visit.window()
        page.add_init_script(_WATCH_FRAMES)
        visit.open(page, "/ports")
        # Not `wait_for_function`: what it asks again is evaluated by the page, whose security policy forbids that.
        wait_until(lambda: page.evaluate("window.drawnAfter.length"))
        page.evaluate(_TAKE)  # the first frames meet a page that is still being made
        return _watched(page, seconds)
    finally:
        visit.close()


def _watched(page: Page, seconds: float) -> dict[str, float]:
    late: list[float] = []
    heap = [_heap_mb(page)]
    began = time.monotonic()
    while (left := seconds - (time.monotonic() - began)) > 0:
        page.wait_for_timeout(1000 * min(_EVERY_S, left))
        late += page.evaluate(_TAKE)
        heap.append(_heap_mb(page))
    return {
        "seconds": round(time.monotonic() - began),
        "frames": len(late),
        "late_ms_median": quantile(late, 0.5),
        "late_ms_p95": quantile(late, 0.95),
        "late_ms_most": max(late),
        "heap_mb_first": heap[0],
        "heap_mb_most": max(heap),
        "heap_mb_last": heap[-1],
        "load": figures.load(),
    }


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` of all do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, -(-int(share * 1000) * len(ranked) // 1000) - 1)]


def _heap_mb(page: Page) -> float:
    """Return what the page's scripts hold, rubbish taken out."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("HeapProfiler.collectGarbage")
    found = devtools.send("Runtime.getHeapUsage")["usedSize"]
    devtools.detach()
    return round(float(found) / 1e6, 2)


def main() -> None:
    """Soak for as long as the command line says; say what was found, and keep it with the other figures."""
    seconds, count = float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200
    with (
        tempfile.TemporaryDirectory() as folder,
        running_fleet(count, Path(folder)) as (address, _pid),
        sync_playwright() as playwright,
    ):
        found = soak(chromium(playwright.chromium), address, seconds)
    figures.note(f"soak of {count} ports", **found)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
