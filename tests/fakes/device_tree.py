"""Devices that come and go, by hand: ptys and FIFOs below directories that look like /dev and /sys."""

from __future__ import annotations

import os
import pty
import tty
from dataclasses import dataclass, field
from pathlib import Path

from portmon.devices.tree import DeviceTree


@dataclass
class FakeAdapter:
    """A USB serial adapter, or a USB printer: the far end is `fd`."""

    node: Path
    fd: int
    links: list[Path]
    sysfs: Path | None = None

    def unplug(self) -> None:
        """Pull it out: the line hangs up, its names go."""
        for path in (*self.links, self.node):
            path.unlink(missing_ok=True)
        if self.sysfs is not None:
            self.sysfs.unlink(missing_ok=True)
        os.close(self.fd)
        self.fd = -1


@dataclass
class FakeDevices:
    """A host's device directories, below `root`."""

    root: Path
    adapters: list[FakeAdapter] = field(default_factory=list)

    def __post_init__(self) -> None:
        for folder in (
            "dev/serial/by-id",
            "dev/serial/by-path",
            "dev/usb",
            "sys/class/tty",
            "sys/class/usbmisc",
            "sys/devices",
        ):
            (self.root / folder).mkdir(parents=True, exist_ok=True)

    @property
    def tree(self) -> DeviceTree:
        return DeviceTree(self.root / "dev", self.root / "sys")

    def plug(
        self,
        name: str,
        *,
        socket: str = "1-1",
        vendor: str = "FTDI",
        model: str = "FT232R USB UART",
        serial: str = "",
        ids: tuple[str, str] = ("0403", "6001"),
        sysfs: bool = True,
    ) -> FakeAdapter:
        """Plug in an adapter that the kernel calls `name`; udev's links are made as udev makes them."""
        node, near = self._pty(name)
        told = "_".join(part.replace(" ", "_") for part in (vendor, model, serial) if part)
        by_id = self.tree.by_id / f"usb-{told}-if00-port0"
        by_id.unlink(missing_ok=True)  # of two that are alike the last one has the link
        by_path = self.tree.by_path / f"pci-0000:00:14.0-usb-0:{socket.partition('-')[2]}:1.0-port0"
        for link in (by_id, by_path):
            link.symlink_to(f"../../{name}")
        found = FakeAdapter(node, near, [by_id, by_path])
        if sysfs:
            found.sysfs = self._in_sysfs("tty", name, socket, vendor, model, serial, ids)
        self.adapters.append(found)
        return found

    def plug_printer(
        self, name: str, *, socket: str, serial: str = "", model: str = "ZD621", product: str = "0166"
    ) -> FakeAdapter:
        """Plug in a USB printer that the kernel calls `name`; udev has no other name for it."""
        node, near = self._pty(f"usb/{name}")
        sysfs = self._in_sysfs("usbmisc", name, socket, "Zebra", model, serial, ("0a5f", product))
        found = FakeAdapter(node, near, [], sysfs)
        self.adapters.append(found)
        return found

    def plug_parallel(self, name: str) -> FakeAdapter:
        """Let there be a parallel port, with a printer that answers to nobody."""
        node, near = self._pty(name)
        found = FakeAdapter(node, near, [])
        self.adapters.append(found)
        return found

    def _pty(self, name: str) -> tuple[Path, int]:
        near, far = pty.openpty()
        tty.setraw(far)
        node = self.root / "dev" / name
        node.symlink_to(os.ttyname(far))
        os.close(far)
        return node, near

    def _in_sysfs(
        self,
        kind: str,
        name: str,
        socket: str,
        vendor: str,
        model: str,
        serial: str,
        ids: tuple[str, str],
    ) -> Path:
        usb = self.root / "sys/devices/pci0000:00/0000:00:14.0/usb1" / socket
        interface = usb / f"{socket}:1.0"
        device = interface / name if kind == "tty" else interface
        device.mkdir(parents=True, exist_ok=True)
        facts = {
            "idVendor": ids[0],
            "idProduct": ids[1],
            "manufacturer": vendor,
            "product": model,
            "serial": serial,
        }
        for file, text in facts.items():
            (usb / file).unlink(missing_ok=True)
            if text:
                (usb / file).write_text(text + "\n")
        link = self.root / "sys/class" / kind / name
        link.mkdir(exist_ok=True)
        (link / "device").unlink(missing_ok=True)
        (link / "device").symlink_to(device)
        return link / "device"

    def close(self) -> None:
        """Pull everything out."""
        for one in self.adapters:
            if one.fd >= 0:
                one.unplug()
