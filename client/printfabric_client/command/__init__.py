"""The `printfabric` command."""

from __future__ import annotations

from typing import NoReturn


def main() -> NoReturn:
    """Run the command and end the process."""
    from printfabric_client.command.program import program  # noqa: PLC0415 - importing a part must not load all

    program.main()
    raise AssertionError("the program ends the process")
