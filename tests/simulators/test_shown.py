"""The pictures of docs/simulators.md are what the simulators draw of the documents in `shown.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageChops

from printfabric_sim import SimulatedPrinter
from tests.simulators import shown
from tests.simulators.test_zpl import plug

IMAGES = Path(__file__).parents[2] / "docs" / "images"


@pytest.mark.golden
@pytest.mark.parametrize(
    ("personality", "name", "serial"),
    [("zpl", "label", "000417"), ("escpos", "receipt", "000123"), ("plain", "page", "1")],
)
async def test_the_pictures_on_the_page_show_what_is_drawn_now(request, start, personality, name, serial):
    document = {"label": shown.LABEL, "receipt": shown.receipt(), "page": shown.PAGE}[name]
    printer: SimulatedPrinter = await start(personality)
    inlet, _ = plug(printer)
    printer.core.feed(inlet, document)
    assert printer.record.serials() == [serial]
    drawn, path = printer.personality.render(document), IMAGES / f"sim-{name}.png"
    if request.config.getoption("--golden-update"):
        drawn.save(path, optimize=True)
    kept = Image.open(path)
    assert kept.size == drawn.size
    # Another FreeType rounds letters otherwise; a thing that is missing or moved is more than that.
    differing = sum(ImageChops.difference(kept.convert("L"), drawn).histogram()[128:])
    assert differing < drawn.width * drawn.height / 200, (
        f"{differing} dots differ; make golden draws {path} anew"
    )
