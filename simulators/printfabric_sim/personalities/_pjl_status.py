"""What a PJL printer says of itself, asked or unasked.

After HP's "Printer Job Language Technical Reference Manual" (5021-0380), chapter 7 "Status Readback Commands" and appendix D
"PJL Status Codes". Checked there: the form of INFO STATUS with 10001 (7-25), of USTATUS DEVICE with 40021 "12 PRINTER OPEN"
(7-35), the groups of codes (7-34, 7-35, D-1). Checked in other makers' manuals that follow it: 10001 ready and 10002 not ready
(Lexmark "Technical Reference", table 3-12), 40010 cartridge missing, 40021 cover open, 40022 paper jam (table 3-14), 40022
(Panasonic KX-P7200). 10023 while printing is what clients look for. Not checked, from the group they are in: 10003, 50000,
and of 41xyy (no paper of that size in any tray) that 04 is A4: the codes 11 to 26 of D-20 were read, and it is not among them.
"""

from __future__ import annotations

import asyncio
import re

from printfabric_sim.condition import Condition
from printfabric_sim.inlet import Inlet
from printfabric_sim.personalities._pjl_variables import PjlVariables, other_value
from printfabric_sim.personality import Machine

# 10xxx informational, 40xxx operator intervention, 41xyy foreground paper mount, 50xxx hardware; the worst comes first.
_CODES: tuple[tuple[Condition, int, str, bool], ...] = (
    (Condition.COVER_OPEN, 40021, "12 PRINTER OPEN", False),
    (Condition.JAM, 40022, "13 PAPER JAM", False),
    (Condition.MEDIA_OUT, 41204, "LOAD A4", False),
    (Condition.RIBBON_OUT, 40010, "14 NO EP CART", False),
    (Condition.HEAD_HOT, 50000, "50 SERVICE", False),
    (Condition.CUTTER, 40022, "13 PAPER JAM", False),
    (Condition.PAUSED, 10002, "OFFLINE", False),
    (Condition.BUSY, 10023, "PROCESSING JOB", True),
    (Condition.WARMING_UP, 10003, "WARMING UP", True),
)
_TIMED_MIN_S, _TIMED_MAX_S = 5, 300
_MAX_DIGITS = 8
_STATE = re.compile(rb"CODE=(\d+)\r\nDISPLAY=\"[^\"]*\"\r\nONLINE=(?:TRUE|FALSE)\r\n")
_INQUIRED = re.compile(rb"@PJL D?INQUIRE ([^\r\n]*)\r\n([^\r\n]*)\r\n")
_SWITCH = re.compile(rb"=(OFF|ON)\b")
# A counter, or an amount of memory. (A job's name may contain anything.)
_COUNTER = re.compile(rb"^(?:PAGES=|PAGECOUNT=|@PJL USTATUS PAGE\r\n)(\d+)\r$", re.MULTILINE)
_MEMORY = re.compile(rb"^\t?(?:TOTAL|MEMORY)=(\d+)\r$", re.MULTILINE)


class PjlStatus:
    """Unsolicited status settings are the printer's; its messages go to every open sender."""

    def __init__(self, machine: Machine, model: str, variables: PjlVariables) -> None:
        self.ready_message = ""
        self._machine = machine
        self._variables = variables
        self._model = model
        self._inlets: dict[int, Inlet] = {}
        self._on: dict[str, str] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._every_s = 0  # USTATUS TIMED

    def add(self, inlet: Inlet) -> None:
        """A sender has connected."""
        self._inlets = {n: i for n, i in self._inlets.items() if not i.ended}
        self._inlets[inlet.number] = inlet

    def off(self) -> None:
        """USTATUSOFF."""
        self._on = {}
        self._set_timer(0)

    def subscribe(self, settings: dict[str, str], inlet: Inlet) -> None:
        """USTATUS name = value."""
        for name, value in settings.items():
            if name == "TIMED":
                seconds = (
                    int(value) if value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS else 0
                )
                self._set_timer(min(max(seconds, _TIMED_MIN_S), _TIMED_MAX_S) if seconds else 0)
            elif value == "OFF":
                self._on.pop(name, None)
            else:
                self._on[name] = value

    def code(self) -> tuple[int, str, bool]:
        """Return CODE, DISPLAY and ONLINE for the state the printer is in."""
        for condition, number, text, online in _CODES:
            if condition in self._machine.conditions:
                return number, text, online
        if self._machine.units_waiting:
            return 10023, "PROCESSING JOB", True
        return 10001, self.ready_message or "READY", True

    def inform(self, word: str, rest: str, inlet: Inlet) -> None:
        """INFO category, INQUIRE and DINQUIRE variable."""
        if word == "INFO":
            body = self._info(rest.upper().strip())
        else:
            body = [self._variables.value(rest, default=word == "DINQUIRE")]
        text = f"@PJL {word} {rest}\r\n" + "".join(f"{line}\r\n" for line in body) + "\f"
        self._machine.reply(text.encode("latin-1"), inlet)

    def _info(self, category: str) -> list[str]:
        number, text, online = self.code()
        answers = {
            "ID": [f'"{self._model}"'],
            "STATUS": [f"CODE={number}", f'DISPLAY="{text}"', f"ONLINE={_truth(online)}"],
            "PAGECOUNT": [f"PAGECOUNT={self._machine.printed}"],
            "MEMORY": ["TOTAL=16777216", "LARGEST=8388608"],
            "CONFIG": [
                *("IN TRAYS [1 ENUMERATED]", "\tINTRAY1 MP"),
                *("OUTPUT BINS [1 ENUMERATED]", "\tNORMAL FACEDOWN"),
                *("DUPLEX", "MEMORY=33554432"),
                *("LANGUAGES [4 ENUMERATED]", "\tPCL", "\tPCLXL", "\tPOSTSCRIPT", "\tPDF"),
                *("USTATUS [4 ENUMERATED]", "\tDEVICE", "\tJOB", "\tPAGE", "\tTIMED"),
            ],
            "USTATUS": [
                *(f"DEVICE={self._on.get('DEVICE', 'OFF')} [3 ENUMERATED]", "\tOFF", "\tON", "\tVERBOSE"),
                *(f"JOB={self._on.get('JOB', 'OFF')} [2 ENUMERATED]", "\tOFF", "\tON"),
                *(f"PAGE={self._on.get('PAGE', 'OFF')} [2 ENUMERATED]", "\tOFF", "\tON"),
                *(f"TIMED={self._every_s} [2 RANGE]", f"\t{_TIMED_MIN_S}", f"\t{_TIMED_MAX_S}"),
            ],
            "FILESYS": [
                "\tVOLUME\tTOTAL SIZE\tFREE SPACE\tLOCATION\tLABEL\tSTATUS",
                "\t0:\t1073741824\t536870912\tDISK\t?\tREAD-WRITE",
            ],
            "VARIABLES": self._variables.listing(),
        }
        return answers.get(category, ['"?"'])

    def untrue(self, data: bytes) -> bytes | None:
        """Return a reply that says the opposite: paper out when ready, ready when not, another value of a variable.

        None for replies that are no state of anything, or of what can have one value only.
        """
        if found := _STATE.search(data):
            ready = found[1].startswith(b"10")
            code, text = (b"41204", b"LOAD A4") if ready else (b"10001", b"READY")
            online = b"FALSE" if ready else b"TRUE"
            lie = b'CODE=%b\r\nDISPLAY="%b"\r\nONLINE=%b\r\n' % (code, text, online)
            return data[: found.start()] + lie + data[found.end() :]
        if found := _INQUIRED.match(data):
            other = other_value(found[1].decode("latin-1"), found[2].decode("latin-1"))
            return data[: found.start(2)] + other.encode() + data[found.end(2) :] if other else None
        if data.startswith((b"@PJL INFO USTATUS", b"@PJL INFO VARIABLES")) and (
            found := _SWITCH.search(data)
        ):
            return data[: found.start(1)] + (b"ON" if found[1] == b"OFF" else b"OFF") + data[found.end(1) :]
        if found := _COUNTER.search(data):
            return data[: found.start(1)] + b"%d" % (int(found[1]) + 1) + data[found.end(1) :]
        if found := _MEMORY.search(data):
            return data[: found.start(1)] + b"%d" % (int(found[1]) * 2) + data[found.end(1) :]
        return None

    def device(self) -> None:
        """USTATUS DEVICE, if somebody wants it."""
        if "DEVICE" in self._on:
            number, text, online = self.code()
            self._send(
                f'@PJL USTATUS DEVICE\r\nCODE={number}\r\nDISPLAY="{text}"\r\nONLINE={_truth(online)}\r\n\f'
            )

    def job(self, what: str, name: str, pages: int | None) -> None:
        """USTATUS JOB: START, or END with its pages."""
        if "JOB" in self._on:
            lines = [
                what,
                *([f'NAME="{name}"'] if name else []),
                *([f"PAGES={pages}"] if pages is not None else []),
            ]
            self._send("@PJL USTATUS JOB\r\n" + "".join(f"{line}\r\n" for line in lines) + "\f")

    def page(self, number: int) -> None:
        """USTATUS PAGE: so many pages of the job are out."""
        if "PAGE" in self._on:
            self._send(f"@PJL USTATUS PAGE\r\n{number}\r\n\f")

    def _send(self, text: str) -> None:
        for inlet in list(self._inlets.values()):
            self._machine.reply(text.encode("latin-1"), inlet)

    def _set_timer(self, seconds: int) -> None:
        self._every_s = seconds
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._timed, seconds)

    def _timed(self, seconds: int) -> None:
        number, text, online = self.code()
        self._send(
            f'@PJL USTATUS TIMED\r\nCODE={number}\r\nDISPLAY="{text}"\r\nONLINE={_truth(online)}\r\n\f'
        )
        self._timer = None
        if any(not inlet.ended for inlet in self._inlets.values()):
            self._set_timer(seconds)


def _truth(value: bool) -> str:
    return "TRUE" if value else "FALSE"
