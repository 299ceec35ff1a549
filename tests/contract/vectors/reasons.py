"""Why an answer is another one than Windows' on purpose: by what was asked and what the two answers are, never by row."""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """A difference and its reason. `native` None: whatever Windows answers, success included."""

    functions: tuple[str, ...]
    native: int | None
    ours: int
    words: str


_NULL = "a NULL pointer is an invalid argument in every call; 1780 is what Windows' own RPC stubs say of one"
_NAMED = "what is not there is said by its own code, which tells what to mend; 50 and 87 tell nothing of it"
_REASONS = (
    Reason(("InitializePrintMonitor", "InitializePrintMonitor2"), None, 0,
        "a host without ports is one that has none yet: it registers, and its list is empty"),
    Reason(("OpenPort",), 0, 170,
        "Windows gives the same handle twice, and closing both frees it twice; here a port has one hold, and its owner's "
        "repeat gets the same handle"),
    Reason(("DeletePort", "ConfigurePort", "AddPort", "EnumPorts", "AddMonitor", "DeleteMonitor"), 0, 1722,
        "a server's name is looked up and not ignored: what was meant for another one is not done here"),
    Reason(("ConfigurePort",), 0, 1796, "to have nothing to configure is success for ports alone, not for any text"),
    Reason(("AddPortEx",), 87, 183, "a name that is taken has one code on every way in, AddPort's of Xcv"),
    Reason(("XcvDataPort",), 0, 87, "settings are checked when they are written: what is no number of seconds is not kept"),
    Reason(("XcvDataPort",), 0, 6, "a handle that is missing is no handle, whatever the command makes of it"),
    Reason(("AddPortUI",), 0, 183, "a name that is taken is an error to a program; Windows shows a box and says success"),
    Reason(("AddPort",), 50, 3000, _NAMED),
    Reason(("AddPort",), None, 3000, _NAMED),
    Reason(("ConfigurePort", "DeletePort"), 50, 1796, _NAMED),
    Reason(("XcvData", "GetPrinterData", "GetPrinterDataEx", "EnumPorts", "EnumMonitors", "AddPort", "ConfigurePort",
        "DeletePort"), 1780, 87, _NULL),
    Reason(("XcvClosePort",), 87, 6, "no handle is an invalid handle in every call, and not an invalid argument in this one"),
    Reason(("GetPrinterData", "GetPrinterDataEx"), 87, 2,
        "a value that nobody has set is not found; 87 is kept for arguments that are wrong"),
)  # fmt: skip


def reason_for(function: str, native: tuple[int, ...], ours: int) -> str:
    """Return why this is the answer to a function, by its name without what stands behind it; "": nobody knows."""
    for one in _REASONS:
        if function in one.functions and one.ours == ours and (one.native is None or one.native in native):
            return one.words
    return ""
