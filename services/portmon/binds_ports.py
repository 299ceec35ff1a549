"""What a monitor may do so that a port keeps its device, where the device's name may be another one's tomorrow."""

from __future__ import annotations

from typing import Any


class BindsPorts:
    """None of it fails. What a port is bound to outlives the process and goes with the port."""

    def bind(self, port: str, settings: Any) -> None:
        """Take note of which device a port is for; once it is, nothing more. Blocks.

        When the port is added or configured, and whenever its device is looked for.
        """

    def unbind(self, port: str) -> None:
        """Forget it: the port is deleted, or new. Blocks."""

    def absence(self, port: str, settings: Any) -> str:
        """Say that the port's own device is not there, and what is in its place; "": it is there, or nobody knows.

        Of the devices that were found last. Opens nothing.
        """
        return ""
