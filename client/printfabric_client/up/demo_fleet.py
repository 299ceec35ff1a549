"""Who is in the demonstration: the printers of this machine, and those of three simulated hosts, which print all the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from printfabric_client.up.demo import Demo, Language, Way
from printfabric_client.up.demo_devices import Usb
from printfabric_client.up.fabric import HOME

WAREHOUSE, KITCHEN, OFFICE = "warehouse", "kitchen", "office"
HOSTS = (WAREHOUSE, KITCHEN, OFFICE)
PLACES: Mapping[str, str] = {
    HOME: "Front shop",
    WAREHOUSE: "Warehouse, hall 2",
    KITCHEN: "Restaurant",
    OFFICE: "Office, first floor",
}
_ZPL, _ESCPOS, _PCL, _TEXT = Language.ZPL, Language.ESCPOS, Language.PCL, Language.TEXT
_RAW, _SERIAL, _USB = Way.RAW, Way.SERIAL, Way.USB

BASE = (
    Demo("labels", _ZPL, HOME, "LABELS", _RAW, "a simulated label printer (ZPL)"),
    Demo("receipts", _ESCPOS, HOME, "RECEIPTS", _RAW, "a simulated receipt printer (ESC/POS)"),
    Demo("picklists", _TEXT, HOME, "COM1:", _SERIAL, "a simulated line printer on a serial line", node="ttyPRN0"),
)  # fmt: skip
"""Those that are always there, and print what they are sent: its paper is kept."""

_SHIPPING = "shipping"
_AT_HOME = (
    Demo("ward-lists", _TEXT, HOME, "COM2:", _SERIAL, "Ward lists, on a serial line", node="ttyPRN1"),
    Demo("till-1", _ESCPOS, HOME, "TILL_1", _RAW, "Till 1, receipts"),
)
_IN_THE_WAREHOUSE = (
    Demo("dock-1", _ZPL, WAREHOUSE, "DOCK_1", _RAW, "Dock 1, pallet tags", roll=4000),
    Demo("dock-2", _ZPL, WAREHOUSE, "DOCK_2", _RAW, "Dock 2, pallet tags", roll=4000),
    Demo("pack-line-1", _ZPL, WAREHOUSE, "PACK_1", _RAW, "Shipping labels, any packing line", _SHIPPING, roll=1500),
    Demo("pack-line-2", _ZPL, WAREHOUSE, "PACK_2", _RAW, "Shipping labels, any packing line", _SHIPPING, roll=1500),
    Demo("pack-line-3", _ZPL, WAREHOUSE, "USB001", _USB, "Shipping labels, any packing line", _SHIPPING, node="usb/lp0"),
    Demo("shelf-tags", _ZPL, WAREHOUSE, "SHELF_1", _RAW, "Price tickets", roll=300, left=58),
    Demo("scale", _ZPL, WAREHOUSE, "COM1:", _SERIAL, "Weight labels of the scale", node="ttyUSB0",
         units_per_second=0.25),
    Demo("pick-lists", _TEXT, WAREHOUSE, "LPT1:", Way.PARALLEL, "Pick lists, a line printer", node="lp0"),
    Demo("stock-lists", _PCL, WAREHOUSE, "LPR_STOCK", Way.LPR, "Stock lists, a laser printer"),
    Demo("delivery-notes", _PCL, WAREHOUSE, "IPP_NOTES", Way.IPP, "Delivery notes, a laser printer"),
    Demo("day-book", _TEXT, WAREHOUSE, "day-book.txt", Way.FILE, "What went out today, in a file"),
    Demo("old-matrix", _TEXT, WAREHOUSE, "LPT2:", Way.PARALLEL, "The old matrix printer; its cable is off", node="lp1",
         plugged=False),
    # Plugged in, and used by nobody: to be added by who tries that.
    Demo("unpacked-usb", _ZPL, WAREHOUSE, "", _USB, "", node="usb/lp1"),
    Demo("unpacked-serial", _ZPL, WAREHOUSE, "", _SERIAL, "", node="ttyUSB1"),
)  # fmt: skip
_IN_THE_KITCHEN = (
    Demo("kitchen", _ESCPOS, KITCHEN, "KITCHEN", _RAW, "Kitchen tickets"),
    Demo("grill", _ESCPOS, KITCHEN, "GRILL", _RAW, "Tickets for the grill; its roll has run out", trouble="media-out"),
    Demo("bar", _ESCPOS, KITCHEN, "USB001", _USB, "Drinks", node="usb/lp0"),
    Demo("pass", _ESCPOS, KITCHEN, "COM1:", _SERIAL, "Tickets at the pass", node="ttyUSB0"),
)  # fmt: skip
_IN_THE_OFFICE = (
    Demo("letters", _PCL, OFFICE, "LASER_1", _RAW, "Letters; an old and slow laser printer", units_per_second=0.25),
    Demo("back-office", _PCL, OFFICE, "LPR_BACK", Way.LPR, "Lists of the back office"),
    Demo("front-desk", _PCL, OFFICE, "IPP_FRONT", Way.IPP, "The front desk"),
    Demo("till-2", _ESCPOS, OFFICE, "TILL_2", _RAW, "Till 2, receipts"),
)  # fmt: skip
FLEET = (*_AT_HOME, *_IN_THE_WAREHOUSE, *_IN_THE_KITCHEN, *_IN_THE_OFFICE)
"""Those that print all the time. No paper of theirs is kept."""

PLUGGED: Mapping[str, Sequence[Usb]] = {
    WAREHOUSE: (
        Usb("usb/lp0", "1-1", "Zebra", "ZD621-203dpi", "D4J212400871", "0a5f:0166", "ZPL"),
        Usb("usb/lp1", "1-2", "Zebra", "ZD421-203dpi", "D6N221805533", "0a5f:0185", "ZPL"),
        Usb("ttyUSB0", "2-1", "FTDI", "FT232R USB UART", "A10K3T01", "0403:6001"),
        Usb("ttyUSB1", "2-2", "Prolific", "USB-Serial Controller", "CB1A20Y8", "067b:23a3"),
    ),
    KITCHEN: (
        Usb("usb/lp0", "1-1", "EPSON", "TM-T88VI", "X3SG000412", "04b8:0202", "ESC/POS"),
        Usb("ttyUSB0", "2-1", "FTDI", "FT232R USB UART", "A90LX2KC", "0403:6001"),
    ),
}
"""What the kernel of a simulated host would know of its devices."""

DAY_S = 300
# Somebody has to load labels, and close a cover, every few minutes. Nothing that loses a document.
MISHAPS: Mapping[str, Sequence[Mapping[str, str]]] = {
    "dock-2": [{"at": "05:00", "fault": "media-out=40"}, {"at": "17:00", "fault": "media-out=25"}],
    "shelf-tags": [{"at": "12:00", "fault": "cover-open=30"}],
    "till-2": [{"at": "20:00", "fault": "media-out=20"}],
}
