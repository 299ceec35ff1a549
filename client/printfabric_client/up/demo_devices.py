"""The devices of a simulated host: directories like /dev and /sys, as kernel and udev make them for what is plugged in.

A port monitor is told to look there (`device_root`, `sys_root`). The nodes themselves are the simulators' (ptys, FIFOs).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_BY_ID = "serial/by-id"
_FOLDERS = (f"dev/{_BY_ID}", "dev/serial/by-path", "dev/usb", "sys/class/tty", "sys/class/usbmisc")


@dataclass(frozen=True, slots=True)
class Usb:
    """A USB printer (`usb/lp0`) or a serial adapter (`ttyUSB0`), and what it says of itself. `ids`: vendor:product."""

    node: str
    socket: str
    vendor: str
    model: str
    serial_number: str
    ids: str
    command_sets: str = ""

    @property
    def is_printer(self) -> bool:
        """Whether it is a printer of its own."""
        return self.node.startswith("usb/")

    @property
    def by_id(self) -> str:
        """The name that udev gives a serial adapter."""
        words = f"{self.vendor} {self.model} {self.serial_number}".split()
        return f"usb-{'_'.join(words)}-if00-port0"


def make_devices(root: Path, plugged: Iterable[Usb]) -> None:
    """Make a host's `dev` and `sys` below `root`, and tell there of what is plugged in."""
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    for one in plugged:
        _tell(root / "dev", root / "sys", one)


def best_name(dev: Path, node: str, plugged: Iterable[Usb]) -> Path:
    """Return the path of a node: by what the device is, where udev makes such a name."""
    adapter = next((one for one in plugged if one.node == node and not one.is_printer), None)
    return dev / _BY_ID / adapter.by_id if adapter else dev / node


def _tell(dev: Path, sys: Path, one: Usb) -> None:
    name = Path(one.node).name
    interface = sys / "devices" / one.socket / f"{one.socket}:1.0"
    kind, device = ("usbmisc", interface) if one.is_printer else ("tty", interface / name)
    device.mkdir(parents=True, exist_ok=True)
    vendor_id, _, product_id = one.ids.partition(":")
    facts = {
        "idVendor": vendor_id,
        "idProduct": product_id,
        "manufacturer": one.vendor,
        "product": one.model,
        "serial": one.serial_number,
    }
    for file, text in facts.items():
        (interface.parent / file).write_text(f"{text}\n", "utf-8")
    if one.is_printer:
        said = f"MFG:{one.vendor};MDL:{one.model};CMD:{one.command_sets};SN:{one.serial_number};CLS:PRINTER;"
        (interface / "ieee1284_id").write_text(said, "utf-8")
    else:
        _link(dev / _BY_ID / one.by_id, f"../../{name}")
    (sys / "class" / kind / name).mkdir(exist_ok=True)
    _link(sys / "class" / kind / name / "device", str(device))


def _link(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)
