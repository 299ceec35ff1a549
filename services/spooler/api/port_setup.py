"""AddPort, ConfigurePort, DeletePort: Windows' retired calls, as conversations over Xcv."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

from chassis import errors
from chassis.errors import (
    FabricError,
    InvalidArgument,
    InvalidSettings,
    NotSupported,
    PortExists,
    UnknownPrintMonitor,
)
from spooler.api import rights
from spooler.api.convert_port import wire_of
from spooler.api.inside import Inside, Link
from spooler.api.port_use import PortUse
from spooler.api.xcv_sessions import ADMINISTER
from spooler.port_info import PortInfo
from spooler.printer import PortName

_MAX_SETTINGS_BYTES = 64 * 1024
_REMEMBERED = 512  # AddPort's request ids
_HEARD_S = 3.0  # how soon a host tells of a port that it has just added
_TRIES = 8  # at a change without a revision, while others change the same port
_RELEASED_S = 1.0  # how soon a host hears that no printer uses a port any more

# A monitor's own codes as the fabric's errors; the code stays, and brings its own gRPC status where the class's differs.
_ERRORS: Mapping[int, type[FabricError]] = {
    2: errors.PortNotFound,
    3: errors.InvalidArgument,  # PortIsValid: the name leads nowhere
    5: errors.AccessDenied,
    6: errors.InvalidHandle,
    13: errors.InvalidArgument,
    21: errors.DeviceOffline,
    50: errors.NotSupported,
    55: errors.DeviceNotConnected,
    62: errors.SpoolFull,
    87: errors.InvalidSettings,
    112: errors.SpoolFull,
    120: errors.NotSupported,
    123: errors.InvalidArgument,  # PortIsValid: the name is a directory's
    124: errors.InvalidLevel,
    170: errors.PortInUse,
    183: errors.PortExists,
    223: errors.TooLarge,
    1167: errors.DeviceNotConnected,
    1225: errors.ConnectionRefused,
    1306: errors.EtagMismatch,
    1314: errors.AccessDenied,
    1460: errors.DeadlineExceeded,
    1707: errors.InvalidSettings,
    1722: errors.StoreUnavailable,  # the monitor's own store: the host itself has answered
    1780: errors.InvalidArgument,
    1784: errors.InvalidArgument,
    1796: errors.PortNotFound,
    3000: errors.UnknownPrintMonitor,
    3007: errors.InvalidPrintMonitor,
}


class _Conversation:
    """One open session with a host, whose failures are raised."""

    def __init__(self, link: Link, handle: bytes, about: str) -> None:
        self._link = link
        self._handle = handle
        self._about = about

    async def ask(self, data_name: str, value: object) -> Any:
        """Execute a command and return its JSON. Raises the error that its status stands for."""
        answer = await self._link.data(self._handle, data_name, json.dumps(value).encode())
        output = json.loads(answer.output) if answer.output else None
        if answer.status == 0:
            return output
        kind = _ERRORS.get(answer.status, errors.DeviceFault)
        message = _said(self._about, answer.message or f"{data_name} failed")
        raise kind(message, win32=answer.status, fields=_fields(output), data_name=data_name)


class Configured(NamedTuple):
    """A port after ConfigurePort: as its host tells of it, the revision it has, and whether anything (would have) changed."""

    port: PortInfo | None
    revision: str
    changed: bool


class PortSetup:
    """Adds, changes and deletes ports."""

    def __init__(self, inside: Inside, use: PortUse) -> None:
        self._hosts = inside.hosts
        self._hub = inside.hub
        self._link_to = inside.xcv
        self._use = use
        self._added: OrderedDict[tuple[str, str], tuple[bytes, PortName]] = OrderedDict()

    async def add(
        self, name: PortName, monitor: str, settings: bytes, *, request_id: str, validate_only: bool
    ) -> PortName:
        """Add a port and return its name as the monitor writes it.

        Raises:
            NotSupported: no monitor is named, or none of that name is there (50, as in Windows).
            PortExists: the host has a port of that name, whatever its case and monitor.
            InvalidSettings: `fields` says which.
        """
        if not monitor:
            raise NotSupported("which monitor shall own the port? none is named")
        body = _settings(settings)
        key = (rights.caller(), request_id)
        words = json.dumps([str(name), monitor, body], sort_keys=True).encode()
        if request_id and key in self._added:
            known, added = self._added[key]
            if known != words:
                raise errors.RequestIdReused(
                    f"request id {request_id!r} added {added}", request_id=request_id
                )
            return added
        try:
            async with self._session(name, monitor=monitor) as session:
                if (await session.ask("PortExists", {"name": name.port}))["exists"]:
                    raise PortExists(f"host {name.host} has a port {name.port} already", port=name)
                await session.ask("PortIsValid", {"name": name.port, "settings": body})
                if validate_only:
                    return name
                answer = await session.ask("AddPort", {"name": name.port, "settings": body})
        except UnknownPrintMonitor as error:
            raise NotSupported(f"host {name.host} has no monitor {monitor!r}", monitor=monitor) from error
        added = PortName(name.host, answer["name"])
        if request_id:
            self._added[key] = (words, added)
            while len(self._added) > _REMEMBERED:
                self._added.popitem(last=False)
        await self._heard(lambda: self._hosts.port(added) is not None)
        return added

    async def configure(
        self, name: PortName, settings: bytes, revision: str, *, validate_only: bool
    ) -> Configured:
        """Change settings; those that are not named stay.

        They must still be those of `revision`; "": whatever they are now, so a lost race is run again.

        Raises:
            PortNotFound, InvalidSettings, EtagMismatch, ManagedElsewhere: nothing was changed.
        """
        body = _settings(settings)
        await self._use.managed.check(name, rights.caller())
        async with self._session(name) as session:
            done = await _tried(
                1 if revision else _TRIES,
                lambda: self._change(session, name, body, revision, validate_only=validate_only),
            )
        if done.changed and not validate_only:
            await self._heard(lambda: self._revision(name) == done.revision)
        return done._replace(port=self._hosts.port(name))

    async def _change(
        self,
        session: _Conversation,
        name: PortName,
        body: Mapping[str, Any],
        revision: str,
        *,
        validate_only: bool,
    ) -> Configured:
        before = await session.ask("GetConfigInfo", {"name": name.port})
        if revision and revision != before["revision"]:
            raise errors.EtagMismatch(f"port {name} was changed in between", etag=before["revision"])
        merged = {**before["settings"], **body}
        await session.ask("PortIsValid", {"name": before["name"], "settings": merged})
        changed = merged != before["settings"]
        if validate_only or not changed:
            return Configured(None, before["revision"], changed)
        wanted = {"name": name.port, "settings": merged, "revision": before["revision"]}
        after = await session.ask("ConfigPort", wanted)
        return Configured(None, after["revision"], after["revision"] != before["revision"])

    def _revision(self, name: PortName) -> str:
        port = self._hosts.port(name)
        return wire_of(port).settings_revision if port is not None else ""

    async def delete(self, name: PortName) -> None:
        """Delete a port. Raises PortInUse (170) while a printer or a job uses it, PortNotFound, ManagedElsewhere."""
        await self._use.managed.check(name, rights.caller())
        with self._use.deleting(name):
            deadline = asyncio.get_running_loop().time() + _RELEASED_S
            while True:
                try:
                    async with self._session(name) as session:
                        await session.ask("DeletePort", {"name": name.port})
                    break
                except errors.PortInUse:
                    # A host hears a moment later that the last printer left its port.
                    if asyncio.get_running_loop().time() >= deadline:
                        raise
                    await asyncio.sleep(0.1)
        await self._heard(lambda: self._hosts.port(name) is None)

    @asynccontextmanager
    async def _session(self, name: PortName, monitor: str = "") -> AsyncIterator[_Conversation]:
        link = self._link_to(name.host)
        port = "" if monitor else name.port
        handle = await link.open(port=port, monitor=monitor, access=ADMINISTER, who=rights.caller())
        try:
            yield _Conversation(link, handle, str(name))
        finally:
            with suppress(FabricError):  # the host forgets sessions by itself, too
                await link.close(handle)

    async def _heard(self, so: Callable[[], bool]) -> None:
        """Wait until the host has told of what it has just done, so that who asked for it finds it so."""
        with self._hub.watch() as watcher, suppress(TimeoutError):
            async with asyncio.timeout(_HEARD_S):
                while not so():
                    await watcher.changes()


async def _tried(times: int, change: Callable[[], Awaitable[Configured]]) -> Configured:
    """Return what a change answers; one that somebody else's overtook is made again, on what is there then."""
    for _ in range(times - 1):
        with suppress(errors.EtagMismatch):
            return await change()
    return await change()


def _said(about: str, message: str) -> str:
    """Return a monitor's sentence about a port with the host's name in it: the monitor knows the port's alone."""
    port = f"port {about.partition('/')[2]}"
    return message.replace(port, f"port {about}", 1) if port in message else f"{about}: {message}"


def setting_names(data: bytes) -> list[str]:
    """Return which settings a document holds. Raises InvalidArgument as `PortSetup.configure` does."""
    return sorted(_settings(data))


def _settings(data: bytes) -> dict[str, Any]:
    if len(data) > _MAX_SETTINGS_BYTES:
        raise InvalidArgument(
            f"settings have more than {_MAX_SETTINGS_BYTES} bytes", fields=[("settings", "too long")]
        )
    try:
        value = json.loads(data) if data else {}
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidSettings(
            "settings are not a JSON object", fields=[("settings", "must be a JSON object")]
        )
    return value


def _fields(output: Any) -> list[tuple[str, str]]:
    """Return a form's errors ({"errors": {"/baud": "…"}}) as field violations."""
    found = output.get("errors") if isinstance(output, dict) else None
    if not isinstance(found, dict):
        return []
    return [(f"settings{pointer.replace('/', '.')}", str(why)) for pointer, why in found.items()]
