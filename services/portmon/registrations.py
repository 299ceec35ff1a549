"""Who has initialised this host's monitors, and which subtree of the configuration each was given (InitializePrintMonitor2)."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from chassis.errors import InvalidHandle
from portmon.hold import Owner

_MOST = 1024
_ALL = "monitors"  # the key above those of the monitors: …\\Control\\Print\\Monitors


@dataclass(frozen=True, slots=True)
class Registration:
    """One spooler's instance of the monitors below a configuration root."""

    owner: Owner
    root: str

    def has(self, *names: str) -> bool:
        """Tell whether the configuration of a monitor of one of these names is below the root."""
        keys = self.root.casefold().replace("/", "\\").strip("\\")
        if keys in ("", _ALL) or keys.endswith(f"\\{_ALL}"):
            return True
        wanted = (name.casefold().replace("/", "\\") for name in names)
        return any(f"\\{name}\\" in f"\\{keys}\\" for name in wanted)


class Registrations:
    """All that live, by their handles. The same spooler with the same root is the same instance."""

    def __init__(self) -> None:
        self._by_handle: OrderedDict[bytes, Registration] = OrderedDict()
        self._shut_down: OrderedDict[Owner, None] = OrderedDict()  # and not registered again

    def register(self, owner: Owner, root: str) -> tuple[bytes, Registration]:
        """Return the handle of an instance, new or not; the oldest give way when there are far too many."""
        wanted = Registration(owner, root)
        self._shut_down.pop(owner, None)
        for handle, one in self._by_handle.items():
            if one == wanted:
                return handle, one
        handle = secrets.token_bytes(16)
        self._by_handle[handle] = wanted
        while len(self._by_handle) > _MOST:
            self._by_handle.popitem(last=False)
        return handle, wanted

    def check(self, handle: bytes) -> Registration:
        """Return the instance of a handle.

        Raises:
            InvalidHandle: it was shut down, or is of another run of this program.
        """
        found = self._by_handle.get(handle)
        if found is None:
            raise InvalidHandle("this monitor handle was shut down, or is of another run: register again")
        return found

    def end(self, owner: Owner) -> None:
        """Forget a spooler's instances (Shutdown): it opens no port until it has registered again."""
        for handle in [handle for handle, one in self._by_handle.items() if one.owner == owner]:
            del self._by_handle[handle]
        self._shut_down[owner] = None
        while len(self._shut_down) > _MOST:
            self._shut_down.popitem(last=False)

    def refuse_ended(self, owner: Owner) -> None:
        """Raise InvalidHandle when a spooler has shut its instances down and not registered again."""
        if owner in self._shut_down:
            raise InvalidHandle(
                "this spooler has shut its monitors down: register again", spooler=owner.spooler
            )

    def serve(self, fabric: str) -> bool:
        """Tell whether a spooler of a fabric is registered."""
        return any(one.owner.fabric == fabric for one in self._by_handle.values())
