"""Settings of a port, as its monitor accepts them."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from chassis.errors import Internal, InvalidSettings
from portmon.monitor import PortMonitor, PortSettings


def checked_settings(monitor: PortMonitor[Any], port: str, values: object) -> PortSettings:
    """Return settings that this monitor accepts for a port of this name.

    Raises:
        InvalidSettings: `fields` says which and why, by the names that forms use.
        Internal: the monitor failed to say.
    """
    try:
        settings: PortSettings = monitor.settings.model_validate(values)
    except ValidationError as error:
        fields = [
            (
                ".".join(str(part) for part in row["loc"]) or "settings",
                row["msg"].removeprefix("Value error, "),
            )
            for row in error.errors(include_url=False, include_input=False)
        ]
        raise InvalidSettings(
            f"port {port}: {fields[0][0]}: {fields[0][1]}", port=port, fields=fields
        ) from error
    except Exception as error:  # the wall around a monitor's code: a third party's class may raise anything
        text = f"port {port}: {type(error).__name__} while its settings were looked at"
        raise Internal(text, port=port) from error
    monitor.check(port, settings)
    return settings
