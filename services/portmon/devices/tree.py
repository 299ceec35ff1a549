"""Where devices are looked for: /dev and /sys, or somebody's stand-ins for them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DeviceTree:
    """The directories of one host. `proc` is where open files of all programs are seen."""

    dev: Path = Path("/dev")
    sys: Path = Path("/sys")
    proc: Path = Path("/proc")

    @property
    def by_id(self) -> Path:
        """Links named after vendor, model and serial number; udev makes them."""
        return self.dev / "serial" / "by-id"

    @property
    def by_path(self) -> Path:
        """Links named after the socket a device is plugged into."""
        return self.dev / "serial" / "by-path"

    @property
    def watched(self) -> tuple[Path, ...]:
        """The directories in which devices come and go."""
        return (self.dev, self.dev / "usb", self.dev / "serial", self.by_id, self.by_path)


def node_of(path: Path) -> Path:
    """Return the node that a by-id or by-path link stands for: one step of the link, and no further."""
    try:
        target = path.readlink()
    except OSError:
        return path
    return Path(os.path.normpath(path.parent / target))
