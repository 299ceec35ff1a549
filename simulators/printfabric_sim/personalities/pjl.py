"""A laser printer with PJL around PCL, PostScript or PDF.

After HP's "Printer Job Language Technical Reference Manual": UEL, COMMENT, JOB, EOJ, ENTER, SET, DEFAULT, RESET, INITIALIZE,
ECHO, INFO, INQUIRE, DINQUIRE, USTATUS DEVICE/JOB/PAGE/TIMED, USTATUSOFF, RDYMSG; status codes by its appendix D. A page is a
unit; of the variables COPIES, QTY and PERSONALITY have an effect on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from printfabric_sim.condition import Condition
from printfabric_sim.inlet import Inlet
from printfabric_sim.personalities._pages import Pages
from printfabric_sim.personalities._pdl_pages import pages_for, undecided
from printfabric_sim.personalities._pjl_status import PjlStatus
from printfabric_sim.personalities._pjl_variables import PjlVariables
from printfabric_sim.personality import SHORT_TEXT, Machine, Personality, Step
from printfabric_sim.unit import Job, Unit

if TYPE_CHECKING:
    from PIL.Image import Image

UEL = b"\x1b%-12345X"
_SETTING = re.compile(r"([A-Z]+)\s*(?::\s*\S+)?\s*=\s*(\"[^\"]*\"|\S+)")
# A PJL line is no longer than this; more without a line end is taken for garbage.
_LINE_BYTES = 1024
# So far in a payload, behind white space, a language may show.
_START_BYTES = 64
# Commands that bring every variable back.
_RESETTING = ("JOB", "EOJ", "RESET", "INITIALIZE")
_Answer = Callable[[], None]


class LaserPrinter(Personality):
    """A LaserJet-like printer. Options: `model`, `language` (what raw data is taken for: AUTO, PCL, PCLXL, POSTSCRIPT, PDF)."""

    name = "pjl"
    kind = "page"
    commands_persist = True
    known_options: ClassVar[Mapping[str, str]] = {
        "model": SHORT_TEXT,
        "language": "AUTO|PCL|PCLXL|POSTSCRIPT|PDF",
    }
    device_id: ClassVar[str] = (
        "MFG:Hewlett-Packard;CMD:PJL,PCL,PCLXL,POSTSCRIPT,PDF;MDL:SIM LaserJet;CLS:PRINTER;"
    )

    def __init__(self, machine: Machine, options: Mapping[str, str]) -> None:
        super().__init__(machine, options)
        self.variables = PjlVariables(options.get("language", "AUTO"))
        self.status = PjlStatus(machine, options.get("model", "SIM LaserJet 4000"), self.variables)
        self.reset()

    def reset(self) -> None:
        """Power-on: no unsolicited status, one copy, waiting for PJL or data."""
        self.status.off()
        self.flush()

    def flush(self) -> None:
        """Leave job and language."""
        self._pages: Pages | None = None  # inside a payload
        self._in_pjl = False
        self.variables.reset()
        self._job: str | None = None
        self._taken = False  # something of the payload is in the draft
        self._cut = False  # and it ends with half a UEL
        self._job_of_inlet: Job | None = None
        self._outside: Job | None = None  # the connection's own

    def inlet_opened(self, inlet: Inlet) -> None:
        """Remember who is to get unsolicited status."""
        self.status.add(inlet)

    def parse(self, buffer: bytearray, inlet: Inlet) -> Step:
        """Take PJL line by line, payload page by page."""
        if self._pages is not None:
            return self._payload(buffer, inlet)
        if buffer.startswith(UEL):
            self._in_pjl = True
            return Step(len(UEL))
        if UEL.startswith(bytes(buffer[: len(UEL)])):
            return Step(0) if not inlet.last else Step(len(buffer), reason="a command cut short")
        if self._in_pjl:
            if buffer[:4].upper() == b"@PJL":
                return self._line(buffer, inlet)
            if b"@PJL".startswith(bytes(buffer[:4]).upper()) and not inlet.last:
                return Step(0)
            if buffer[0] in b"\r\n \t\x00":
                return Step(1)
        # Anything else is data in the default language.
        start = bytes(buffer[:_START_BYTES]).lstrip(b" \t\r\n\x00")
        tells = len(buffer) >= _START_BYTES or inlet.last or not undecided(start)
        if self.variables.language == "AUTO" and not tells:
            return Step(0)
        self._in_pjl = False
        self._pages = pages_for(self.variables.language, start)
        return self._payload(buffer, inlet)

    def _line(self, buffer: bytearray, inlet: Inlet) -> Step:
        end = buffer.find(b"\n")
        if end < 0:
            return (
                Step(0) if len(buffer) < _LINE_BYTES else Step(len(buffer), reason="a PJL line without end")
            )
        line = bytes(buffer[4:end]).decode("latin-1").strip()
        word, _, rest = line.partition(" ")
        mark = self._command(word.upper(), rest.strip(), inlet)
        return Step(end + 1, mark=mark, anew=word.upper() in _RESETTING)

    def _command(self, word: str, rest: str, inlet: Inlet) -> _Answer | None:
        """Obey one PJL command; a mark if its answer comes only when what is before it has been printed."""
        settings = {name: value.strip('"') for name, value in _SETTING.findall(rest.upper())}
        if word == "ECHO":
            self.machine.reply(f"@PJL ECHO {rest}\r\n\f".encode("latin-1"), inlet)
        elif word in ("INFO", "INQUIRE", "DINQUIRE"):
            self.status.inform(word, rest, inlet)
        elif word == "USTATUS":
            self.status.subscribe(settings, inlet)
        elif word == "USTATUSOFF":
            self.status.off()
        elif word == "JOB":
            return self._begin_job(rest, inlet)
        elif word == "EOJ":
            return self._end_job(inlet)
        elif word == "ENTER":
            self._in_pjl = False
            self._pages = pages_for(settings.get("LANGUAGE", "AUTO"), b"")
        elif word == "RDYMSG":
            self.status.ready_message = _quoted(rest)
        else:
            self._set(word, rest)
        return None

    def _set(self, word: str, rest: str) -> None:
        """Obey a command about variables; others are comments to this printer."""
        if word == "SET":
            self.variables.set(rest)
        elif word == "DEFAULT":
            self.variables.default(rest)
        elif word == "RESET":
            self.variables.reset()
        elif word == "INITIALIZE":
            self.variables.initialize()

    def _begin_job(self, rest: str, inlet: Inlet) -> _Answer:
        if self._job is None:
            self._outside = inlet.job
        self._job = _quoted(rest)
        self.variables.reset()
        self._job_of_inlet = job = self.machine.begin_job(self._job, inlet)
        return lambda: self.status.job("START", job.name, None)

    def _end_job(self, inlet: Inlet) -> _Answer | None:
        name, self._job = self._job, None
        self.variables.reset()
        if name is None:
            return None
        job = self._job_of_inlet
        if self._outside is not None and inlet.job is job:
            inlet.job = self._outside
        return lambda: self.status.job("END", name, job.units if job is not None else 0)

    def _payload(self, buffer: bytearray, inlet: Inlet) -> Step:
        assert self._pages is not None
        uel = buffer.find(UEL)
        if uel == 0:
            return self._leave(len(UEL))
        half = _before_half_a_uel(buffer)
        self._cut = inlet.last and uel < 0 and half < len(buffer)
        end = uel if uel > 0 else len(buffer) if inlet.last else half
        piece = self._pages.take(buffer, end)
        if piece.used == 0 and piece.pages == 0:
            if uel < 0 and not inlet.last:
                return Step(0)
            # The payload ends here and its last bytes say nothing by themselves.
            piece = self._pages.last(buffer, end)
        self._taken = True
        if piece.pages:
            self._taken = False
            return Step(piece.used, part=True, copies=piece.pages * self.variables.copies)
        return Step(piece.used, part=True)

    def _leave(self, used: int) -> Step:
        """A UEL ends the payload; the page in progress is ejected. The UEL belongs to no page."""
        assert self._pages is not None
        pages = self._pages.finish() if self._taken else 0
        if pages:
            self._taken = False
            return Step(0, copies=pages * self.variables.copies)
        drop, void = self._taken, self._pages.void
        self._pages, self._taken = None, False
        self._in_pjl = True
        return Step(used, drop=drop, void=void)

    def end_of_input(self, inlet: Inlet, clean: bool) -> Step:
        """The end of a connection ends the job: the page in progress is ejected, whole or not."""
        pages = self._pages.finish() if self._pages is not None and self._taken else 0
        drop = self._taken and not pages
        void = self._pages is not None and self._pages.void and not self._cut
        pages *= self.variables.copies
        self.flush()
        return Step(0, copies=pages, drop=drop, void=void, anew=True)

    def condition_changed(self, condition: Condition, on: bool) -> None:
        """Tell those who asked for it."""
        self.status.device()

    def unit_left(self, unit: Unit, copy: int) -> None:
        """Tell those who asked for it."""
        self.status.page(unit.job.units)

    def wrong_status(self, data: bytes) -> bytes:
        """Say "no paper" when ready, "ready" when not, and other values of variables and counters."""
        return self.status.untrue(data) or data

    def text(self, content: bytes) -> str:
        """Return what is readable of the page."""
        from printfabric_sim.render.page import page_text  # noqa: PLC0415 (Pillow only when a picture is wanted)

        return page_text(content)

    def render(self, content: bytes) -> Image:
        """Draw the page: its text, by line."""
        from printfabric_sim.render.page import draw_text_page  # noqa: PLC0415 (Pillow only when a picture is wanted)

        return draw_text_page(self.text(content))


def _quoted(rest: str) -> str:
    """Return the text of NAME="…" or DISPLAY="…", or nothing."""
    found = re.search(r'"([^"]*)"', rest)
    return found[1] if found is not None else ""


def _before_half_a_uel(buffer: bytearray) -> int:
    """Return how much of `buffer` cannot be the beginning of a UEL."""
    tail = buffer.rfind(b"\x1b", max(0, len(buffer) - len(UEL) + 1))
    return tail if tail >= 0 and UEL.startswith(bytes(buffer[tail:])) else len(buffer)
