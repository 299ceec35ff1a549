"""A label printer in a few lines: what is in force, and under what each label was printed. No part of it is the splitter's.

Where printers differ it can be either: whether a parameter that is left out keeps its value (`keeps_omitted`), or goes to its
default.
"""

import re
from typing import Any

# What a number means goes by these.
_UNITS = ("MU", "JM")
_FIELDS = {"FD", "FV", "GB", "XG", "GF"}
_OF_ONE_LABEL = {"FO", "FS", "FX", "FH", "PQ", "A0", "JU", "ST", "HS", "JA", "XZ", "XB", "FN", "BC"}
_KEYED = {"CW": 1, "SO": 1, "FL": 2}
_SETVAR = re.compile(r'setvar "(\w+)" "(\w+)"')


class Printer:
    def __init__(self, keeps_omitted=True, words="^~,"):
        self.keeps_omitted = keeps_omitted
        self.words = list(words)
        self.now: dict[Any, Any] = {}
        self.stored: dict[str, Any] = {}
        self.bitmap: list[Any] = []
        self.labels: list[Any] = []
        self.inside = False

    @property
    def state(self):
        """What is in force, and what is kept."""
        return (
            {key: value for key, value in self.now.items() if value != {}},
            self.stored,
            self.bitmap,
            self.words,
        )

    def read(self, data):
        text, position = data.decode("latin-1"), 0
        while position < len(text):
            caret, tilde, comma = self.words
            char, code = text[position], text[position + 1 : position + 3].upper()
            if char not in (caret, tilde):
                stop = next(
                    (at for at in range(position, len(text)) if text[at] in (caret, tilde)), len(text)
                )
                self.outside(text[position:stop])
                position = stop
                continue
            if code in ("CC", "CT", "CD"):
                self.words[("CC", "CT", "CD").index(code)] = text[position + 3]
                position += 4
                continue
            stop = position + 1
            while stop < len(text) and text[stop] not in (caret, tilde):
                stop += 1
            rest = text[position + 3 : stop]
            if code == "DY":  # B: bytes that are counted
                head = re.match(r"[^,;]*.B.\w.(\d+).\d+.", rest)
                assert head
                stop = position + 3 + head.end() + int(head[1])
                rest = text[position + 3 : stop]
            position = stop
            line = (rest.splitlines() or [""])[0]
            line = line.partition("!")[0] if char == tilde else line
            self.take(char == tilde, code, [part.strip() for part in line.split(comma)], rest)
        return self

    def take(self, control, code, parts, rest):
        self.outside(rest)
        if control and code in ("DG", "DY"):
            body = rest.split("!")[0].strip() if code == "DG" else rest
            self.stored[parts[0]] = (code, *self.split(body))
        elif control and code == "JX":
            self.inside = False
        elif control:
            if code not in _OF_ONE_LABEL:
                self.set("~" + code, parts)
        elif code == "XA":
            self.inside, self.fields, self.storing = True, [], None
        elif self.inside:
            self.in_format(code, parts, rest)

    def outside(self, text):
        if not self.inside:
            for name, value in _SETVAR.findall(text):
                self.now["var", name] = {0: value}

    def split(self, text):
        return [part.strip() for part in text.split(self.words[2])]

    def in_format(self, code, parts, rest):
        if self.storing is not None and code != "XZ":
            self.stored[self.storing].append((code, parts, rest))
        elif code == "DF":
            self.storing = self.name_of(parts[0])
            self.stored[self.storing] = []
        elif code == "XF":
            for one in list(self.stored.get(self.name_of(parts[0]), ())):
                self.in_format(*one)
            self.fields.append(("recalled", parts[0]))
        elif code == "ID":
            self.stored.pop(parts[0], None)
        elif code in _FIELDS:
            what = self.stored.get(parts[0]) if code == "XG" else tuple(parts)
            self.fields.append((code, what))
        elif code == "XZ":
            self.finish()
            self.outside(rest)
        elif code == "A@":
            if len(parts) > 3:
                self.now[code] = {0: parts[3]}
        elif code not in _OF_ONE_LABEL:
            self.set(code, parts)

    def name_of(self, name):
        name = name if ":" in name else "R:" + name
        return name if "." in name else name + ".ZPL"

    def set(self, code, parts):
        key = (code, *parts[: _KEYED.get(code, 0)])
        kept = dict(self.now.get(key, {})) if self.keeps_omitted else {}
        units = None if code in _UNITS else tuple(str(self.now.get((one,))) for one in _UNITS)
        values = {number: (part, units) for number, part in enumerate(parts[_KEYED.get(code, 0) :]) if part}
        self.now[key] = kept | values

    def finish(self):
        self.inside = False
        if self.storing is not None or not self.fields:
            return
        shown = [*self.bitmap, *self.fields]
        stays = self.now.get(("MC",), {}).get(0, ("Y",))[0] == "N"
        self.labels.append((shown, {key: dict(values) for key, values in self.state[0].items()}))
        self.bitmap = [one for one in shown if one[0] != "FV"] if stays else []
