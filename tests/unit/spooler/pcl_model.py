"""A printer of PCL 5 in a few lines: what is in force, and under what each text was printed. No part of it is the splitter's.

Where printers differ it can be either: whether a page size or an orientation that is said again resets margins
(`again_resets`), and whether that changes the spacing of lines and columns too (`spacing_too`).
"""

import re
from copy import deepcopy
from typing import Any

DEFAULTS: dict[str, Any] = {"&l#O": 0, "&l#A": 2, "&l#L": 1, "vmi": 8, "hmi": 12, "&u#D": 300, "&k#G": 0}
_TOKEN = re.compile(
    rb"(?P<two>\x1b[E9=])|\x1b(?P<family>[!-/][a-z]?)(?P<rest>[-+0-9.a-z]*[A-Z@])|(?P<char>[\x0c\x0d\x0e\x0f\n])|(?P<text>[^\x1b\x0c\x0d\x0e\x0f\n]+)",
    re.DOTALL,
)
_COUNTED = {"*b#W", "*c#W", "(s#W", ")s#W", "(f#W", "*v#W", "&p#X"}
_IDS = {"*c#D", "*c#E", "*c#G", "*c#R", "&f#Y"}
PLAIN = {*DEFAULTS, *_IDS, "&s#C", "&l#X", "&l#S", "&l#H", "*t#R", "*b#M", "*l#O"}


class Printer:
    def __init__(self, again_resets=True, spacing_too=True):
        self.again_resets, self.spacing_too = again_resets, spacing_too
        self.marks = []
        self.reset()

    def reset(self):
        self.now = dict(DEFAULTS)
        self.fonts: dict[int, dict[str, Any]] = {1: {}, 2: {}}
        self.font = 1
        self.kept: dict[Any, bytes] = {}  # what was downloaded
        self.colours: dict[Any, Any] = {"now": None}
        self.stack: list[dict[Any, Any]] = []
        self.margins()
        self.x: tuple[Any, ...] = ("left", self.now["left"])
        self.y: tuple[Any, ...] = self.first_line()
        self.macro: bytes | None = None

    def margins(self):
        self.now |= {"top": "default", "left": "default", "right": "default"}
        self.now["length"] = ("below", "default", self.now["&l#O"], self.now["&l#A"])
        self.now.pop("overlay", None)

    def first_line(self):
        return ("line 1 below", self.now["top"], self.now["vmi"], self.now["&l#O"], self.now["&l#A"])

    @property
    def state(self):
        return (self.now, self.fonts, self.font, self.kept, self.colours, self.stack)

    def read(self, data):
        position = 0
        while position < len(data):
            found = _TOKEN.match(data, position)
            assert found, data[position : position + 20]
            position = found.end()
            if self.macro is not None:
                self.macro += found[0]
                if found[0].endswith(b"&f1X"):
                    self.kept["macro", self.now.get("&f#Y")] = self.macro[:-5]
                    self.macro = None
            elif found["two"]:
                self.short(found[0])
            elif found["char"]:
                self.char(found[0])
            elif found["text"]:
                self.mark(found[0])
            else:
                position += self.sequence(found["family"], found["rest"], data[position:])
        return self

    def mark(self, what):
        self.marks.append((what, self.x, self.y, deepcopy(self.state)))
        self.x = ("behind", self.x, what, self.now["hmi"])

    def short(self, sequence):
        if sequence == b"\x1bE":
            self.reset()
        elif sequence == b"\x1b9":
            self.now["left"] = self.now["right"] = "cleared"

    def char(self, char):
        if char in b"\x0e\x0f":
            self.font = 2 if char == b"\x0e" else 1
            self.column_of_font()
        elif char == b"\n":
            self.y = ("below", self.y, self.now["vmi"])
        elif char == b"\r" or self.now["&k#G"] in (2, 3):
            self.x = ("left", self.now["left"])
        if char == b"\x0c":
            self.y = self.first_line()

    def column_of_font(self):
        self.now["hmi"] = ("of", self.font, tuple(sorted(self.fonts[self.font].items())))

    def sequence(self, family, rest, behind):
        used = 0
        for value, letter in re.findall(rb"([-+0-9.]*)([a-zA-Z@])", rest):
            name = f"{family.decode()}#{letter.decode().upper()}"
            data = b""
            if name in _COUNTED:
                used = int(value or 0)
                data = behind[:used]
            self.command(name, value.decode(), data)
        return used

    def command(self, name, value, data):
        number = int(value) if value.isdigit() else value
        if name in HOW:
            HOW[name](self, name, number, data)
        elif name in PLAIN:
            self.now[name] = number
        else:
            assert name[0] in "()", name
            self.choose(1 if name[0] == "(" else 2, name, number)

    def line(self, name, number, _data):
        self.now["vmi"] = (name, number)

    def across(self, name, number, _data):
        measure = {"&a#H": "", "&a#C": self.now["hmi"], "*p#X": self.now["&u#D"]}[name]
        self.x = ("behind", self.x, number) if isinstance(number, str) else ("at", number, measure)

    def down(self, _name, number, _data):
        assert number == 0
        self.y = self.first_line()

    def fill(self, name, _number, _data):
        place = self.x
        self.mark(name.encode())
        self.x = place

    def draw(self, name, _number, data):
        self.mark(name.encode() + data)

    def picture(self, _name, _number, _data):
        self.x = ("by a picture", self.x)

    def other(self, name, number, _data):
        at = self.now.get("*c#G")
        found: dict[str, dict[str, Any]] = {
            "&d#D": {"underline": ("on", number)},
            "&d#@": {"underline": "off"},
            "&k#H": {"hmi": ("set", number)},
            "*c#A": {"area": (number, self.now["&u#D"])},
            "*v#T": {"pattern": (number, at, self.kept.get(("pattern", at)))},
        }
        self.now |= found[name]

    def page(self, name, number, _data):
        changes, self.now[name] = self.now[name] != number, number
        if changes or self.again_resets:
            self.margins()
            if self.spacing_too or name == "&l#O":
                self.now |= {"vmi": 8, "hmi": 12}

    def margin(self, name, number, _data):
        by = (self.now["vmi"], self.now["&l#O"], self.now["&l#A"])
        if name == "&l#E":
            self.now["top"] = (number, *by)
            self.now["length"] = ("below", self.now["top"])
        elif name == "&l#F":
            self.now["length"] = (number, self.now["top"], *by)
        else:
            self.now["left" if name == "&a#L" else "right"] = (number, self.now["hmi"], *by[1:])

    def choose(self, which, name, number):
        font = self.fonts[which]
        if name[1] == "s":
            font[name] = number
        elif name.endswith("X") or (name.endswith("@") and number == 3):
            font.clear()
            font["by id"] = (number, self.kept.get(("font", number)))
        else:
            font["symbols"] = (number, name[-1])
        if which == self.font:
            self.column_of_font()

    def colour(self, name, number, data):
        if name == "*v#W":
            self.colours = {"made by": data, "now": self.colours.get("now")}
        elif name == "*v#I":
            self.colours[number] = tuple(self.colours.pop(part, 0) for part in "ABC")
        elif name == "*v#S":
            self.colours["now"] = (number, self.colours.get(number), self.colours.get("made by"))
        elif name[:2] == "*v":
            self.colours[name[-1]] = number
        elif number == 0:
            self.stack.append(dict(self.colours))
        elif self.stack:
            self.colours = self.stack.pop() | {"now": self.colours.get("now")}

    def store(self, name, number, data):
        if name == "*c#W":
            self.kept["pattern", self.now.get("*c#G")] = data
        elif name == ")s#W":
            self.kept["font", self.now.get("*c#D")] = data
        elif name == "(s#W":
            self.kept["char", self.now.get("*c#D"), self.now.get("*c#E")] = data
        elif name == "(f#W":
            self.kept["symbols", self.now.get("*c#R")] = data
        elif number == 0:
            self.macro = b""
        elif number == 3:
            self.mark(b"macro " + repr(self.kept.get(("macro", self.now.get("&f#Y")))).encode())
        elif number == 4:
            self.now["overlay"] = self.now.get("&f#Y")
        elif number == 5:
            self.now.pop("overlay", None)
        elif number == 8:
            self.kept.pop(("macro", self.now.get("&f#Y")), None)


HOW = {
    **dict.fromkeys(("&l#O", "&l#A"), Printer.page),
    **dict.fromkeys(("&l#E", "&l#F", "&a#L", "&a#M"), Printer.margin),
    **dict.fromkeys(("&l#C", "&l#D"), Printer.line),
    **dict.fromkeys(("*v#A", "*v#B", "*v#C", "*v#I", "*v#S", "*v#W", "*p#P"), Printer.colour),
    **dict.fromkeys(("&f#X", "*c#W", "(s#W", ")s#W", "(f#W"), Printer.store),
    **dict.fromkeys(("&a#H", "&a#C", "*p#X"), Printer.across),
    **dict.fromkeys(("*b#W", "&p#X"), Printer.draw),
    **dict.fromkeys(("*r#A", "*r#B"), Printer.picture),
    **dict.fromkeys(("&d#D", "&d#@", "&k#H", "*c#A", "*v#T"), Printer.other),
    "&a#R": Printer.down,
    "*c#P": Printer.fill,
}
