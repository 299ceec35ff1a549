"""What the kernel, and udev's names, say of a device: vendor, model, serial number, and where it is plugged in."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

from portmon.devices import ieee1284

_BY_ID = re.compile(r"usb-(?P<what>.+?)(?:-if[0-9a-f]{2}(?:-port\d+)?)?")
_SERIAL_NUMBER = re.compile(r"(?=.*\d)[0-9A-Za-z]{4,}")
_MOST_CHARS = 126  # a USB string descriptor
_DEPTH = 6  # from a tty up to its USB device, hubs are siblings


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What is known of a device. Empty: not known."""

    vendor: str = ""
    model: str = ""
    serial_number: str = ""
    vendor_id: str = ""
    product_id: str = ""
    topology: str = ""  # the USB socket and interface, as 1-1.4:1.0
    command_sets: tuple[str, ...] = ()  # of a printer's IEEE 1284 device id

    @property
    def kind(self) -> tuple[str, str]:
        """What two devices of one type have in common."""
        return (self.vendor_id or self.vendor, self.product_id or self.model)

    def text(self, default: str) -> str:
        """Return what a person would call it."""
        model = self.model.removeprefix(self.vendor).strip()
        name = " ".join(part for part in (self.vendor, model) if part) or default
        return f"{name} (S/N {self.serial_number})" if self.serial_number else name


def facts_of(node: Path, class_dirs: tuple[Path, ...], by_id: str = "") -> DeviceFacts:
    """Return what is known of a node: of the kernel's tree below `class_dirs`, else of the by-id link's name."""
    for folder in class_dirs:
        found = _from_sysfs(folder / node.name / "device")
        if found is not None:
            return _with_device_id(found, folder / node.name / "device" / "ieee1284_id")
    return _from_name(by_id)


def _with_device_id(found: DeviceFacts, path: Path) -> DeviceFacts:
    """Add what a printer says of itself, which usblp asked when it was plugged in."""
    try:
        said = ieee1284.parse(path.read_bytes()[: ieee1284.MOST_BYTES])
    except OSError:
        return found
    return replace(
        found,
        vendor=said.manufacturer or found.vendor,
        model=said.model or found.model,
        serial_number=found.serial_number or said.serial_number,
        command_sets=said.command_sets,
    )


def _from_sysfs(device: Path) -> DeviceFacts | None:
    with contextlib.suppress(OSError, RuntimeError):
        here = device.resolve(strict=True)
        interface = here.name
        for _ in range(_DEPTH):
            if (here / "idVendor").exists():
                return DeviceFacts(
                    vendor=_line(here / "manufacturer"),
                    model=_line(here / "product"),
                    serial_number=_line(here / "serial"),
                    vendor_id=_line(here / "idVendor"),
                    product_id=_line(here / "idProduct"),
                    topology=interface if ":" in interface else here.name,
                )
            if ":" in here.name:
                interface = here.name
            here = here.parent
    return None


def _line(path: Path) -> str:
    """Return a line of the kernel's; what a device says about itself may be anything."""
    try:
        text = path.read_bytes()[:512].decode("utf-8", "replace")
    except OSError:
        return ""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[:_MOST_CHARS]


def _from_name(by_id: str) -> DeviceFacts:
    """Read udev's name, `usb-Vendor_Model_SERIAL-if00-port0`: where no kernel's tree is seen, as in a container."""
    match = _BY_ID.fullmatch(by_id)
    if match is None:
        return DeviceFacts()
    *words, last = match["what"].split("_")
    serial_number = last if words and _SERIAL_NUMBER.fullmatch(last) else ""
    words = words if serial_number else [*words, last]
    return DeviceFacts(vendor=words[0], model=" ".join(words[1:]), serial_number=serial_number)
