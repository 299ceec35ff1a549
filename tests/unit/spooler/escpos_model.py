"""A receipt printer in a few lines: what is in force, and under what each thing was printed. No part of it is the splitter's.

Where printers differ it can be either: whether page mode has a line spacing of its own (`own_spacing`), whether leaving page
mode puts its area back (`area_goes`), whether a command for the beginning of a line is heeded elsewhere (`anywhere`).
"""

import re
from collections.abc import Callable
from typing import Any

_TOKEN = re.compile(
    rb"\x1b(?P<plain>[@LS24])|\x1b(?P<tabs>D[^\x00]*\x00)|\x1b(?P<own>&\x03(?P<char>.).\x01...)|\x1b(?P<area>W.{8})|\x1b(?P<paper>c..)"
    rb"|\x1b(?P<column>\*.\x01\x00.)|\x1b(?P<far>[$\\]..)|\x1b(?P<one>[ !%\-3=?EGMRTUVadJrt{].)|\x1d(?P<motion>[PLW]..)|\x1d(?P<one_gs>[!BHbfhwE].)"
    rb"|\x1d(?P<image>\*\x01\x01.{8})|\x1d(?P<show>/.|v0.\x01\x00\x02\x00..)|\x1d(?P<cut>V[\x00\x01])|\x1d(?P<bars>k\x04[^\x00]*\x00)|(?P<family>[\x1d\x1c]\((?P<letter>.)(?P<size>.)\x00)"
    rb"|\x1c(?P<kanji>[&.])|\x1c(?P<one_fs>[!CW\-].)|\x1c(?P<far_fs>S..)|(?P<feed>\n)|(?P<form>\x0c)|(?P<text>[^\x1b\x1c\x1d\n\x0c])",
    re.DOTALL,
)
_AT_START = {"a", "{", "L", "W"}
_MODAL = {" ", "3", "fsS"}
_FAMILIES_BY_FUNCTION = {"K": 1, "N": 1, "P": 1, "k": 2, "A": 1, "C": 2, "F": 1, "D": 2}
# Commands about properties that others set too.
_SEVERAL: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "!": lambda n: {"font": n[0] & 1, "E": n[0] & 8, "size": n[0] & 48, "-": n[0] & 128},
    "M": lambda n: {"font": n[0] & 1},
    "gs!": lambda n: {"size": n},
    "-": lambda n: {"-": n[0] and 128, "thick": n},
    "fs!": lambda n: {"kanji": n[0] & 12, "kanji under": n[0] & 128},
    "fsW": lambda n: {"kanji": n},
    "fs-": lambda n: {"kanji under": n[0] and 128, "kanji thick": n},
    "fs&": lambda _: {"kanji mode": True},
    "fs.": lambda _: {"kanji mode": False},
}


class Printer:
    def __init__(self, own_spacing=True, area_goes=True, anywhere=True):
        self.own_spacing, self.area_goes, self.anywhere = own_spacing, area_goes, anywhere
        self.marks = []
        self.listens = True
        self.reset()

    def reset(self):
        self.now: dict[Any, Any] = {}
        self.stored: dict[Any, Any] = {}
        self.page = self.amid = False

    @property
    def state(self):
        return (self.now, self.stored, self.page)

    def read(self, data):
        position = 0
        while position < len(data):
            found = _TOKEN.match(data, position)
            assert found, data[position : position + 20]
            position = found.end()
            if found["family"]:
                after = position + found["size"][0]
                self.of_family(found["letter"].decode(), data[position:after], found["family"][:1] == b"\x1c")
                position = after
            elif self.listens or (found["one"] or b"").startswith(b"="):
                self.take(found.lastgroup if found["char"] is None else "own", found)
        return self

    def mark(self, what):
        self.marks.append((what, dict(self.now), dict(self.stored), self.page))

    def leave(self):
        self.page = self.amid = False
        if self.area_goes:
            self.now.pop("area", None)

    def take(self, group, found):
        data = found[group]
        if group in ("text", "column", "far", "bars", "show"):
            self.mark(data)
            self.amid = self.amid or (not self.page and group in ("text", "column", "far") and data != b"\r")
        elif group == "feed":
            self.mark(data)
            self.amid = False
        elif group == "form":
            self.mark(data)
            if self.page:
                self.leave()
        elif group == "cut":
            self.amid = False
        elif group == "plain":
            self.plain(data)
        elif group == "own":
            self.stored["char", found["char"], self.now.get("font")] = data
        elif group == "image":
            self.stored["image"] = data
        else:
            self.set(group, data)

    def plain(self, data):
        if data == b"@":
            self.reset()
        elif data == b"L" and (self.anywhere or not self.amid):
            self.page = True
        elif data == b"S" and self.page:
            self.leave()
        elif data == b"2":
            self.now[self.modal("3")] = "default"

    def modal(self, name):
        return (name, self.page and self.own_spacing) if name in _MODAL else name

    def set(self, group, data):
        name, value = data[:1].decode(), data[1:]
        if group in ("one_gs", "motion", "one_fs", "far_fs", "kanji"):
            name = {"motion": "", "one_gs": "gs"}.get(group, "fs") + name
        elif group == "area":
            name = "area"
        if name in _AT_START and not self.anywhere and self.amid and not self.page:
            return
        if name == "=":
            self.listens = bool(value[0] & 1)
        elif name in ("d", "J"):
            self.mark(data)
            self.amid = False
        elif name == "?":
            self.stored.pop(("char", value, self.now.get("font")), None)
        elif group == "one" and name == "E":
            self.now["E"] = value[0] and 8
        elif name in _SEVERAL:
            self.now |= _SEVERAL[name](value)
        else:
            self.put(name, value)

    def put(self, name, value):
        motion = self.now.get("P")
        match name:
            case "D":
                self.now["tabs"] = (
                    value,
                    *(self.now.get(one) for one in ("font", "size", self.modal(" "), "P")),
                )
            case "c":
                self.now["c", value[:1]] = value[1:]
            case " " | "3" | "L" | "W" | "fsS" | "area":
                self.now[self.modal(name)] = (value, motion)
            case _:
                self.now[name] = value

    def of_family(self, letter, data, kanji):
        if not self.listens:
            return
        if letter == "L" and not kanji:
            match data[1]:
                case 112:
                    self.stored["waiting"] = data
                case 50:
                    self.mark(("graphics", self.stored.pop("waiting", None)))
                case 83:
                    self.stored["graphics", data[2:4]] = data
                case 82:
                    self.stored.pop(("graphics", data[2:4]), None)
                case 85:
                    self.mark(("graphics", self.stored.get(("graphics", data[2:4]))))
                case 49:
                    self.now["density"] = data
                case _:
                    raise AssertionError(data)
        elif letter == "k" and data[1] == 81:
            self.mark(data)
        else:
            motion = self.now.get("P") if letter in "PF" else None
            key = _FAMILIES_BY_FUNCTION[letter]
            self.now["family", kanji, letter, data[:key]] = (data[key:], motion)
