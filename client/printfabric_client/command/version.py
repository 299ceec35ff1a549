"""`printfabric version`."""

from __future__ import annotations

import platform
from importlib.metadata import version

from printfabric_client.command.options import Session, command


@command("version")
def version_command(session: Session) -> None:
    """Show the version."""
    found = {
        "print_fabric": version("print-fabric"),
        "grpcio": version("grpcio"),
        "python": platform.python_version(),
    }
    if session.json:
        session.output.value(found)
    else:
        session.output.line(
            f"print-fabric {found['print_fabric']} (grpcio {found['grpcio']}, Python {found['python']})"
        )
