"""The label, the receipt and the page of which docs/simulators.md shows pictures."""

from __future__ import annotations

from escpos.printer import Dummy  # type: ignore[import-untyped]
from PIL import Image, ImageDraw, ImageFont

LABEL = b"""^XA^PW812^LL620^CI28
^FO20,20^GB772,580,4^FS^FO20,160^GB772,1,4^FS^FO20,400^GB772,1,4^FS
^FO44,48^A0N,64,60^FDPrint Fabric Ltd.^FS
^FO44,116^A0N,28,28^FDDock 7, 4021 Porto^FS
^FO44,192^A0N,28,28^FDShip to:^FS
^FO44,232^A0N,44,42^FB480,3^FDMaria Oliveira\\&Rua das Flores 12\\&4050-262 Porto^FS
^FO540,180^BQN,2,6^FDMA,https://example.org/p/000417^FS
^FO740,180^A0B,26,26^FDthis side up^FS
^FO60,430^BY2^BCN,110,Y,N,N^FDSN-000417^FS
^FO420,416^BY2^BCR,60,N^FD417^FS
^FO560,430^GB200,60,60^FS^FO576,438^A0N,46,38^FR^FDEXPRESS^FS
^FO560,524^A0N,28,28^FDSERIAL 000417^FS
^XZ"""

PAGE = """
PICK LIST 4711                          Friday, 21 November 2026        Page 1
==============================================================================

Dock 3, carrier DHL, 4 boxes             Receiver: Muster GmbH, Osterode

┌──────┬──────────────┬──────────────────────────────────────┬─────┬────────┐
│ Bin  │ Article      │ What                                 │ Qty │ Packed │
├──────┼──────────────┼──────────────────────────────────────┼─────┼────────┤
│ A-01 │ 4006381-01   │ Pencil HB, hexagonal, box of 12      │   3 │ [    ] │
│ A-07 │ 4006381-44   │ Fineliner 0.4 mm, black              │  20 │ [    ] │
│ B-02 │ 5011321-12   │ Notebook A5, squared, 96 sheets      │   8 │ [    ] │
│ C-11 │ 7612345-90   │ Label roll 102 x 152 mm, 475 labels  │   2 │ [    ] │
│ C-12 │ 7612345-91   │ Ribbon wax/resin 110 mm x 450 m      │   1 │ [    ] │
│ D-04 │ 8710103-05   │ Tape 50 mm, brown, low noise         │   6 │ [    ] │
└──────┴──────────────┴──────────────────────────────────────┴─────┴────────┘

6 lines, 40 pieces.   Packed by: ________________   Checked by: ________________

Fragile: C-12.  Do not stack.  Größe M, señal, naïve: accents come out.
\f""".encode("cp437")


def receipt() -> bytes:
    """Return the receipt as python-escpos writes it."""
    printer = Dummy(profile="TM-T88V")
    printer.set(align="center")
    printer.image(_logo(), impl="bitImageColumn")
    printer.set(align="center", bold=True, double_width=True, double_height=True)
    printer.text("CAFÉ CENTRAL\n")
    printer.set(align="center", bold=False, normal_textsize=True)
    printer.text("Rua 5, Porto\n\n")
    printer.set(align="left", font="b")
    printer.text("Table 4, served by Inês      21.11.2026 13:07\n")
    printer.set(align="left", font="a", underline=1)
    printer.text("what                                         EUR\n")
    printer.set(underline=0)
    for what, price in (
        ("2x Espresso", "2,40"),
        ("1x Pastel de nata", "1,60"),
        ("1x Sumo de laranja", "3,20"),
    ):
        printer.text(f"{what:<43}{price:>5}\n")
    printer.set(double_height=True, double_width=False, bold=True)
    printer.text(f"\nTOTAL{'€ 7,20':>43}\n")
    printer.set(align="center", normal_textsize=True, bold=False)
    printer.text("\n")
    printer.set(invert=True)
    printer.text("  PAID BY CARD  ")
    printer.set(invert=False)
    printer.text("\n\nReceipt no 000123\n\n")
    printer.barcode("4006381333931", "EAN13", height=64, width=2)
    printer.text("\n")
    printer.qr("https://example.org/r/000123", size=5, native=True)
    printer.text("\nObrigado!\n")
    printer.cut()
    return bytes(printer.output)


def _logo() -> Image.Image:
    """A cup on a saucer."""
    image = Image.new("1", (240, 96), 1)
    draw = ImageDraw.Draw(image)
    draw.chord((70, -40, 150, 76), 0, 180, fill=0)
    draw.ellipse((138, 24, 168, 54), outline=0, width=6)
    draw.ellipse((50, 76, 170, 90), fill=0)
    draw.text((180, 60), "1958", font=ImageFont.load_default(size=24), fill=0)
    return image
