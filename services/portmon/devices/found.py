"""The devices of a host that ports could be made for, each under the name that will still be its own tomorrow."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from portmon.devices.facts import DeviceFacts, facts_of
from portmon.devices.tree import DeviceTree, node_of

_LINES = ("ttyUSB*", "ttyACM*", "ttyS*", "ttyAMA*", "ttyXRUSB*", "rfcomm*")
_UNUSED_8250 = "0"  # the kernel keeps four ttyS whether there is a chip or not


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """A device that is there now.

    path: the one to configure: by what it is (by-id), else by where it is plugged in (by-path), else its node.
    node: what the kernel calls it at the moment.
    identity: what to know it by when it comes back: its serial number, else its socket, else its node.
    alike: how many devices here cannot be told from this one but by their sockets, itself included.
    """

    path: str
    node: str
    paths: tuple[str, ...]
    description: str
    facts: DeviceFacts = field(default_factory=DeviceFacts)
    alike: int = 1

    @property
    def identity(self) -> str:
        """See above."""
        facts = self.facts
        if facts.serial_number and self.alike == 1:
            vendor, model = facts.kind
            return f"serial number {vendor}/{model}/{facts.serial_number}"
        if facts.topology:
            return f"socket {facts.topology}"
        by_path = next((one for one in self.paths if "/by-path/" in one), "")
        if by_path:
            return f"socket {Path(by_path).name}"
        return f"name {self.path}" if self.path != self.node else f"node {self.node}"

    @property
    def is_known(self) -> bool:
        """Whether it would be known again under another name."""
        return not self.identity.startswith(("node ", "name "))


def serial_lines(tree: DeviceTree) -> list[FoundDevice]:
    """Return the serial lines, those that are named best first."""
    by_id, by_path = _links(tree.by_id), _links(tree.by_path)
    nodes = {*by_id, *by_path, *(node for glob in _LINES for node in tree.dev.glob(glob))}
    there = [node for node in nodes if node.exists() and not _is_empty_socket(tree, node)]
    classes = (tree.sys / "class" / "tty",)
    facts = {node: facts_of(node, classes, next(iter(by_id.get(node, ())), "")) for node in there}
    same = _counted(facts.values())
    found = [
        _device(node, by_id.get(node, ()), by_path.get(node, ()), facts[node], same, tree, "Serial port")
        for node in sorted(there, key=_natural)
    ]
    return sorted(found, key=lambda one: one.path == one.node)


def printer_nodes(tree: DeviceTree) -> list[FoundDevice]:
    """Return USB printers (usblp) and parallel ports."""
    usb = sorted((tree.dev / "usb").glob("lp[0-9]*"), key=_natural)
    parallel = sorted(tree.dev.glob("lp[0-9]*"), key=_natural)
    classes = (tree.sys / "class" / "usbmisc", tree.sys / "class" / "usb")
    facts = {node: facts_of(node, classes) for node in usb}
    same = _counted(facts.values())
    found = [_device(node, (), (), facts[node], same, tree, "USB printer") for node in usb]
    return found + [
        FoundDevice(str(node), str(node), (str(node),), f"Parallel port {node.name}") for node in parallel
    ]


def by_identity(devices: Iterable[FoundDevice], identity: str) -> FoundDevice | None:
    """Return the device of an identity, if it is there and the only one."""
    found = [one for one in devices if one.identity == identity]
    return found[0] if len(found) == 1 else None


def index(devices: Iterable[FoundDevice]) -> Mapping[str, FoundDevice]:
    """Return devices by all their names and by where these lead."""
    found: dict[str, FoundDevice] = {}
    for one in devices:
        found.update(dict.fromkeys((*one.paths, os.path.realpath(one.node)), one))
    return found


def at(devices: Iterable[FoundDevice], path: str) -> FoundDevice | None:
    """Return the device that a path leads to, whichever of its names that is."""
    return looked_up(index(devices), path)


def looked_up(devices: Mapping[str, FoundDevice], path: str) -> FoundDevice | None:
    """Return the same of an index."""
    return devices.get(path) or devices.get(os.path.realpath(path))


def identity(devices: Iterable[FoundDevice], path: str) -> str:
    """Say which device a path leads to, so that another one behind the same path is noticed; "" when nobody can."""
    found = at(devices, path)
    return f"{path} {found.identity}" if found is not None and found.is_known else ""


def _links(folder: Path) -> dict[Path, list[str]]:
    found: dict[Path, list[str]] = {}
    for link in sorted(folder.glob("*")):
        found.setdefault(node_of(link), []).append(link.name)
    return found


def _counted(facts: Iterable[DeviceFacts]) -> Mapping[tuple[tuple[str, str], str], int]:
    return Counter((one.kind, one.serial_number) for one in facts if any(one.kind))


def _device(
    node: Path,
    by_id: Sequence[str],
    by_path: Sequence[str],
    mine: DeviceFacts,
    same: Mapping[tuple[tuple[str, str], str], int],
    tree: DeviceTree,
    kind: str,
) -> FoundDevice:
    known = any(mine.kind)
    alike = same[mine.kind, mine.serial_number] if known else 1
    ids = [str(tree.by_id / name) for name in by_id]
    places = [str(tree.by_path / name) for name in by_path]
    # Of two that are alike, one link by-id is there, and leads to whichever came last: their sockets tell them apart.
    best = [*places, *ids] if alike > 1 else [*ids, *places]
    paths = (*best, str(node))
    return FoundDevice(paths[0], str(node), paths, mine.text(f"{kind} {node.name}"), mine, alike)


def _is_empty_socket(tree: DeviceTree, node: Path) -> bool:
    if not node.name.startswith("ttyS"):
        return False
    try:
        return (tree.sys / "class" / "tty" / node.name / "type").read_text().strip() == _UNUSED_8250
    except OSError:
        return False


def _natural(path: Path) -> tuple[str, int]:
    digits = "".join(letter for letter in path.name if letter.isdigit())
    return (str(path).rstrip("0123456789"), int(digits or 0))
