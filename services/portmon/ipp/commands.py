"""Maintenance of a printer by CUPS' command files, of what the bidi schema names."""

from __future__ import annotations

from portmon.ipp.printer import Look

MEDIA_TYPE = "application/vnd.cups-command"
# The schema's word: the command's name, as the printer lists it, and its line.
_COMMANDS = {"AlignHead": ("PrintAlignmentPage", "PrintAlignmentPage"), "CleanHead": ("Clean", "Clean all")}


def command_file(what: str, look: Look) -> bytes | None:
    """Return the file that has a printer do something; None for one that does not say it knows the command."""
    command, line = _COMMANDS.get(what, ("", ""))
    if command not in look.commands or MEDIA_TYPE not in look.formats:
        return None
    return f"#CUPS-COMMAND\n{line}\n".encode()
