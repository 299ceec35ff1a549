"""PJL: laser and office printers. After HP's "PJL Technical Reference Manual": JOB/EOJ, USTATUS, ECHO, INFO.

A document becomes a job whose name carries job number and attempt, so that a late word about an earlier attempt is not
taken for this one. A document that brings a JOB of its own is not wrapped again, since printers differ about nested
jobs: its own ends are counted, between an ECHO before it and one behind it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from typing_extensions import override

from portmon.document import Evidence
from portmon.facts import Fact, Kind
from portmon.language import Language, Word, Wrapped
from portmon.languages._pjl_codes import OFFLINE, report_of
from portmon.languages._pjl_facts import config_facts, page_facts, variable_facts, volume_facts
from portmon.languages._seen import Seen
from portmon.reports import Report, Severity

UEL = b"\x1b%-12345X"
_MOST_BYTES = 16384  # of one answer, INFO VARIABLES is the longest; more is garbage
_OWN_JOB = re.compile(rb"@PJL[ \t]+JOB\b", re.IGNORECASE)
_END = re.compile(rb"@PJL[ \t]+EOJ\b", re.IGNORECASE)
_PAIR = re.compile(r'^\s*([A-Z0-9]+)\s*=\s*"?([^"\r\n]{0,200})"?\s*$', re.MULTILINE)
_CANCELED = ("CANCELED", "CANCELLED")
_READY, _AT_WORK = 10001, 10023
_MOST_READY = 3  # so often it says that it is ready, and no word of the end of the job has come
_ASKS_WHO = (
    "INFO ID", "INFO STATUS", "INFO CONFIG", "INFO MEMORY", "INFO VARIABLES", "INFO FILESYS", "INFO PAGECOUNT",
)  # fmt: skip
_ASKS = b"@PJL INFO STATUS\r\n"
_MEANINGS = {"INFO VARIABLES": variable_facts, "INFO FILESYS": volume_facts, "INFO PAGECOUNT": page_facts}
# Windows' PJL monitor's names of values; DWORDs, bytes.
_VALUES = {"Installed Memory": "INFO CONFIG", "Available Memory": "INFO MEMORY"}


class Pjl(Language):
    """Printers that understand the Printer Job Language."""

    name = listed_as = "PJL"
    evidence = Evidence.PJL
    ask_s = 1.0
    heartbeat_s = 12.0  # USTATUS TIMED comes every 5 s

    def __init__(self, *, pipe: bool) -> None:
        super().__init__(pipe=pipe)
        self._input = bytearray()
        self._tag = self._job_tag = ""
        self._own_job = self._resumed = False  # the document's, not ours; begun by an earlier attempt
        self._listening = False  # what comes now is about this document: its first ECHO came back
        self._jobs = Seen(_END, 16)
        self._ended = self._readies = 0
        self._said_end = False  # the document's last byte and our EOJ are said
        self._behind = False  # the ECHO behind the document came back: all of it was read
        self._code, self._display, self._online = 0, "", True
        self._facts: dict[str, Fact] = {}
        self._values: dict[str, bytes] = {}
        self._identified = self._heard = False  # who it is; anything at all since the last document began

    @override
    def begin(self, document: Wrapped, first: bytes) -> bytes:
        super().go_on(document)
        self._tag, self._job_tag = document.tag, document.job_tag
        self._own_job = _OWN_JOB.search(first) is not None
        self._listening = self._behind = self._said_end = self._resumed = self.busy = False
        self._ended = self._readies = 0
        self._jobs.reset()
        # Whoever fell silent may be another printer when it speaks again.
        self._identified, self._heard = self._identified and self._heard, False
        lines = [f"ECHO {self._tag} BEGIN", "USTATUS DEVICE=ON", "USTATUS JOB=ON", "USTATUS TIMED=5"]
        if not self._own_job:
            title = "".join(c for c in document.info.document_name if c.isprintable() and c != '"')[:60]
            display = f' DISPLAY="{title}"' if title.isascii() and title else ""
            lines.append(f'JOB NAME="{self._tag}"{display}')
        if not self._identified:
            lines += _ASKS_WHO
        # The document begins after a UEL, as it would on a wire of its own.
        return _pjl(lines)

    @override
    def go_on(self, document: Wrapped) -> None:
        super().go_on(document)
        self._tag, self._job_tag = document.tag, document.job_tag
        self._behind = self._said_end = False
        self._resumed, self._readies = True, 0

    @override
    def payload(self, data: memoryview) -> None:
        if self._own_job:
            self._jobs.look(data)

    @override
    def finish(self) -> bytes:
        self._jobs.finish()
        self._said_end = True
        lines = [f"ECHO {self._tag} END"]
        if not self._own_job:
            lines.insert(0, f'EOJ NAME="{self._tag}"')
        return _pjl(lines)

    @override
    def ask(self) -> bytes:
        return UEL + b"@PJL\r\n" + _ASKS + UEL

    @override
    def idle(self) -> bytes:
        return self.ask()

    @override
    def ask_value(self, name: str) -> bytes:
        self._values.pop(name, None)
        return _pjl([_VALUES[name]]) if name in _VALUES else b""

    @override
    def value(self, name: str) -> bytes | None:
        return self._values.get(name)

    @override
    def rest(self) -> bytes:
        # On a connection others are next; on a line nobody else listens, and the printer may tell of itself.
        return b"" if self.pipe else _pjl(["USTATUSOFF"])

    @override
    def hear(self, data: bytes) -> bool:
        self._input += data
        understood = False
        while (end := self._input.find(b"\f")) >= 0:
            answer = bytes(self._input[:end])
            del self._input[: end + 1]
            start = answer.rfind(b"@PJL")
            if start >= 0 and len(answer) - start <= _MOST_BYTES:
                understood = self._answer(answer[start + 4 :].decode("latin-1")) or understood
        if len(self._input) > _MOST_BYTES:
            del self._input[:-_MOST_BYTES]
        self._heard = self._heard or understood
        return understood

    def _answer(self, text: str) -> bool:
        head, _, body = text.strip(" ").partition("\n")
        words = head.split()
        if not words:
            return False
        what = " ".join(words[:2]).upper()
        pairs = {name: value.strip() for name, value in _PAIR.findall(body[:_MOST_BYTES])}
        if words[0].upper() == "ECHO":
            return self._echoed(" ".join(words[1:]))
        if what == "USTATUS JOB":
            return self._job(body, pairs)
        if what in ("USTATUS DEVICE", "USTATUS TIMED", "INFO STATUS"):
            return self._status(pairs)
        if what == "INFO ID":
            return self._identity(body)
        if what == "INFO CONFIG":
            return self._config(body, pairs)
        if what == "INFO MEMORY":
            return self._memory("Available Memory", pairs.get("TOTAL", ""))
        if (meaning := _MEANINGS.get(what)) is not None:
            self._facts |= meaning(body)
        return what == "USTATUS PAGE" or meaning is not None

    def _echoed(self, words: str) -> bool:
        if words == f"{self._tag} BEGIN":
            self._listening = True
        elif words == f"{self._tag} END":
            self._listening = self._behind = True
        else:
            return False
        self._judge()
        return True

    def _job(self, body: str, pairs: Mapping[str, str]) -> bool:
        what = body.strip().split("\n", 1)[0].strip().upper()
        name = pairs.get("NAME", "")
        ours = name == self._tag if not self._own_job else self._listening
        if not ours and not self._own_job and self._resumed_name(name):
            ours = True
        if what == "END" and ours and self._ended < self._ends_said():
            self._ended += 1
            self._judge()
        elif what in _CANCELED and ours:
            self.word, self.why = Word.LOST, "somebody cancelled it at the printer"
        elif what == "START" and ours:
            self.busy = True
        return what in ("START", "END", *_CANCELED)

    def _resumed_name(self, name: str) -> bool:
        """Tell whether a job is an earlier attempt of this one, which this attempt went on with."""
        parts = name.split(" ")
        return self._resumed and len(parts) == 4 and parts[2] == self._job_tag

    def _ends_said(self) -> int:
        """Return how many jobs of this document the printer has been told the end of: it can be done with no more."""
        return self._jobs.count if self._own_job else int(self._said_end)

    def _judge(self) -> None:
        if self.word is not Word.NONE:
            return
        wanted = self._ends_said()
        if wanted and self._ended >= wanted and (self._behind or not self._own_job):
            self.word = Word.CONFIRMED

    def _status(self, pairs: Mapping[str, str]) -> bool:
        code = pairs.get("CODE", "")
        if not (code.isascii() and code.isdigit() and len(code) <= 5):
            return False
        self._code, self._display = int(code), pairs.get("DISPLAY", "")
        self._online = pairs.get("ONLINE", "TRUE").upper() != "FALSE"
        self.busy = self._code == _AT_WORK or self.in_trouble
        self._readies = self._readies + 1 if self._behind and self._code == _READY and self._online else 0
        if self._readies >= _MOST_READY and self.word is Word.NONE:
            self.word = Word.UNPROVEN
        return True

    def _identity(self, body: str) -> bool:
        self._identified = True
        model = body.strip().strip('"')[:100]
        self._facts["\\Printer.DeviceInfo:ModelName"] = Fact(Kind.STRING, model)
        return True

    def _config(self, body: str, pairs: Mapping[str, str]) -> bool:
        self._facts |= config_facts(body)
        self._memory("Installed Memory", pairs.get("MEMORY", ""))
        return True

    def _memory(self, name: str, size: str) -> bool:
        if not (size.isascii() and size.isdigit() and len(size) <= 12):
            return False
        self._values[name] = min(int(size), 0xFFFFFFFF).to_bytes(4, "little")
        known = self._values.get("Installed Memory", self._values[name])
        self._facts["\\Printer.Configuration.Memory:Size"] = Fact(
            Kind.INT, int.from_bytes(known, "little") // 1024
        )
        return True

    @override
    def reports(self) -> list[Report]:
        found = report_of(self._code, self._display)
        reports = [found] if found is not None else []
        if not self._online and (found is None or found.severity is not Severity.ERROR):
            reports.insert(0, OFFLINE)
        return reports

    @override
    def facts(self) -> Mapping[str, Fact]:
        return dict(self._facts)


def _pjl(lines: list[str]) -> bytes:
    return UEL + b"@PJL\r\n" + "".join(f"@PJL {line}\r\n" for line in lines).encode("ascii") + UEL
