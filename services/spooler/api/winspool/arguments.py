"""What a Windows call was given: JSON, in which null is a NULL pointer and a missing member is the default."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chassis.errors import HostUnreachable, InvalidArgument, InvalidLevel
from spooler.api.inside import HostList

_MOST_BYTES = 4 << 20
_NULL_REF = 1780  # RPC_X_NULL_REF_POINTER


class Arguments:
    """The arguments of one call; everything in them is hostile until it is asked for by its type."""

    def __init__(self, data: bytes) -> None:
        if len(data) > _MOST_BYTES:
            raise InvalidArgument(f"arguments have more than {_MOST_BYTES} bytes")
        try:
            found = json.loads(data) if data else {}
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise InvalidArgument("arguments are not a JSON object", fields=[("arguments_json", "no object")])
        self._values: Mapping[str, Any] = found

    def null(self, name: str) -> bool:
        """Say whether an argument is a NULL pointer."""
        return name in self._values and self._values[name] is None

    def given(self, name: str) -> bool:
        """Say whether an argument is there and not NULL."""
        return self._values.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """Return a string; NULL counts as empty."""
        found = self._values.get(name, default)
        if found is None:
            return ""
        if not isinstance(found, str):
            raise InvalidArgument(f"{name} is not a string", fields=[(name, "must be a string")])
        return found

    def number(self, name: str, default: int = 0) -> int:
        """Return a number; NULL counts as 0."""
        found = self._values.get(name, default)
        if found is None:
            return 0
        if isinstance(found, bool) or not isinstance(found, int):
            raise InvalidArgument(f"{name} is not a number", fields=[(name, "must be a whole number")])
        return found

    def record(self, name: str) -> Arguments:
        """Return a structure; NULL is refused.

        Raises:
            InvalidArgument: 87.
        """
        found = self._values.get(name)
        if not isinstance(found, dict):
            raise InvalidArgument(f"{name} is missing", fields=[(name, "must be an object")])
        return Arguments(json.dumps(found).encode())

    def level(self, *known: int, default: int = 1) -> int:
        """Return the information level.

        Raises:
            InvalidLevel: 124, it is none of `known`.
        """
        level = self.number("level", default)
        if level not in known:
            raise InvalidLevel(f"there is no level {level} of this call", level=level)
        return level

    def refuse_null(self, *names: str, win32: int = _NULL_REF) -> None:
        """Raise InvalidArgument for the first of `names` that is a NULL pointer."""
        for name in names:
            if self.null(name):
                raise InvalidArgument(f"{name} is NULL", win32=win32, fields=[(name, "is NULL")])

    def refuse_missing_buffer(self) -> None:
        """Raise InvalidArgument (1780) for a buffer that has a size and is a NULL pointer."""
        if self.number("size"):
            self.refuse_null("buffer")

    def check_server(self, hosts: HostList) -> str:
        r"""Return the host of `\\host`, "" when none is named.

        Raises:
            HostUnreachable: 1722, nobody has that name.
        """
        host = self.text("server").removeprefix("\\\\").rstrip("\\")
        if host and hosts.get(host) is None:
            raise HostUnreachable(f"there is no server {host}", host=host)
        return host

    def fit(self, needed: int, short: int = 122) -> int:
        """Refuse an answer that is larger than the caller's buffer, and return its size.

        Raises:
            InvalidArgument: `short`, with the size in its metadata. Without a `size`, any size is fine.
        """
        size = 0 if self.null("buffer") else self.number("size") if "size" in self._values else needed
        if size < needed:
            raise InvalidArgument(f"{needed} bytes are needed", win32=short, needed=needed)
        return needed


def text_bytes(*texts: str) -> int:
    """Return the size of strings in Windows' form: UTF-16 with their ends."""
    return sum(len(text.encode("utf-16-le")) + 2 for text in texts)
