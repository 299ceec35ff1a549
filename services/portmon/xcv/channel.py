"""The management channel: named commands about ports and monitors (XcvDataPort).

The commands' own results are Win32 codes in the answer; an exception means that the command was not delivered. Names are
Windows' and case-sensitive. Payloads are JSON; everything in them is hostile until it is checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

from chassis import logs
from chassis.errors import FabricError, InvalidArgument, UnknownPrintMonitor
from portmon.errand import Step
from portmon.host_port import HostPort
from portmon.monitor import Access, PortMonitor
from portmon.once import Once
from portmon.port_name import same
from portmon.ports import Ports
from portmon.xcv.answer import Answer, answer, errors_of, status_of
from portmon.xcv.session import ADMINISTER, USE, Sessions, XcvSession
from portmon.xcv_payload import Wrong, name_in, parsed

_AT_ONCE = 4  # long commands with ports that are not open; those that are have a thread of their own
_REMEMBERED = 512
log = logs.get(__name__)


# PortIsValid looks at nothing but the name: Windows' local monitor answers it without a session.
_ANYBODY = XcvSession("", "Local Port", 0, "")


class Result(NamedTuple):
    """What a long command ends with, as JSON values."""

    output: object


Command = Callable[["Xcv", XcvSession, Any], Awaitable[object]]
"""What a command does: the channel, the session, the parsed input; returns what becomes JSON."""
LongCommand = Callable[["Xcv", XcvSession, Any], AsyncGenerator[Step | Result, None]]
"""What a command does that takes long: it yields its steps, then its result. To close it is to cancel it."""


class XcvCommand(NamedTuple):
    """A command: what it does, whether it is for administrators alone, and whose it is if not every monitor's.

    `use` asks less: whoever may print may have it (PRINTER_ACCESS_USE). `long` replaces `run`.
    """

    run: Command | None
    administrative: bool
    monitor: str = ""
    use: bool = False
    long: LongCommand | None = None


class Xcv:
    """All management sessions of this host, and the commands."""

    def __init__(self, ports: Ports, commands: Mapping[str, XcvCommand]) -> None:
        self.ports, self._commands = ports, commands
        self.slots = asyncio.Semaphore(_AT_ONCE)
        self._sessions = Sessions()
        self._once = Once[tuple[bytes, str], Answer](_REMEMBERED, failed=lambda one: one.status != 0)

    def open(self, *, port: str = "", monitor: str = "", access: int = 0, who: str = "") -> bytes:
        """Open a session on a port or a monitor (XcvOpenPort). Rights are looked at by each command.

        Raises:
            PortNotFound, UnknownPrintMonitor: code 1796.
            InvalidArgument: neither is named.
        """
        if port:
            port = self.ports.get(port).name
        elif monitor:
            known = [name.casefold() for name in self.ports.registry.names()]
            if monitor.casefold() not in known and monitor not in {one.scheme for one in self.ports.registry}:
                raise UnknownPrintMonitor(f"no monitor {monitor!r} on this host", win32=1796, monitor=monitor)
        else:
            raise InvalidArgument(
                "a management session is about a port or a monitor", fields=[("object", "is not set")]
            )
        return self._sessions.open(XcvSession(port, monitor, access, who))

    def close(self, handle: bytes) -> None:
        """End a session (XcvClosePort); once more does nothing more. Raises InvalidHandle: it was never given out."""
        self._sessions.close(handle)

    async def data(
        self, handle: bytes, name: str, data: bytes, most: int | None = None, request_id: str = ""
    ) -> Answer:
        """Execute a command (XcvDataPort). The same request id gives the same answer, and is done once, if it is done.

        Raises:
            InvalidHandle, RequestIdReused: nothing was done.
        """
        if (
            not handle and name == "MonitorUI"
        ):  # Windows' monitors themselves answer this one without a session
            return answer(6, None, "no management handle is given")
        session = _ANYBODY if not handle and name == "PortIsValid" else self._sessions.get(handle)
        work = partial(self._done, session, name, data)
        if request_id:
            found = await self._once.do((handle, request_id), work, _words(name, data))
        else:
            found = await work()
        return self._fitting(found, self._command(session, name), most)

    async def _done(self, session: XcvSession, name: str, data: bytes) -> Answer:
        found = Answer(31)
        async for one in self._execute(session, name, data):
            found = one if isinstance(one, Answer) else found
        return found

    @staticmethod
    def _fitting(found: Answer, command: XcvCommand | None, most: int | None) -> Answer:
        """Return an answer as whoever has so much room for its output gets it."""
        if most is None or found.needed <= most:
            return found
        done = command is not None and (command.administrative or command.use)
        # What was done is done, once: whoever leaves no room for the output gets none, and need not ask again.
        status, text = (found.status, found.message) if done else (122, f"{found.needed} bytes are needed")
        return Answer(status, b"", text, found.needed)

    async def stream(
        self, handle: bytes, name: str, data: bytes, most: int | None = None, request_id: str = ""
    ) -> AsyncGenerator[Step | Answer, None]:
        """Execute a command and yield its steps, if it is a long one, and then its answer. To close it is to cancel it.

        Raises:
            InvalidHandle, RequestIdReused: nothing was done.
        """
        command = self._commands.get(name)
        if command is None or command.long is None:
            yield await self.data(handle, name, data, most, request_id)
            return
        session = self._sessions.get(handle)
        key, words = (handle, request_id), _words(name, data)
        if request_id and (running := self._once.get(key, words)) is not None:
            yield self._fitting(await asyncio.shield(running), command, most)
            return
        ended: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if request_id:
            self._once.put(key, ended, words)
        try:
            async with aclosing(self._execute(session, name, data)) as steps:
                async for one in steps:
                    if not isinstance(one, Answer):
                        yield one
                        continue
                    ended.set_result(one)
                    yield self._fitting(one, command, most)
        finally:
            if not ended.done():  # it was cancelled: whoever asks again begins anew
                self._once.forget(key)
                ended.cancel()

    async def _execute(
        self, session: XcvSession, name: str, data: bytes
    ) -> AsyncGenerator[Step | Answer, None]:
        """Yield a command's steps and its answer."""
        command = self._command(session, name)
        if command is None:
            yield answer(87, None, f"no command {name[:64]!r}")
            return
        refusal = _refusal(command, session.access, name)
        if refusal is not None:
            yield refusal
            return
        value, output = None, None
        try:
            value = parsed(data)
            if command.long is not None:
                async with aclosing(command.long(self, session, value)) as steps:
                    async for one in steps:
                        if isinstance(one, Step):
                            yield one
                        else:
                            output = one.output
            elif command.run is not None:
                output = await command.run(self, session, value)
        except Wrong as wrong:
            yield answer(wrong.status, wrong.output, wrong.message)
            return
        except FabricError as error:
            yield answer(status_of(error), errors_of(error), error.message)
            return
        if command.administrative or command.use:
            self._note(session, name, value)
        yield answer(0, output, "")

    def _note(self, session: XcvSession, name: str, value: Any) -> None:
        log.info(
            "configuration command done",
            command=name,
            named=value.get("name") if isinstance(value, dict) else value,
            port=session.port,
            monitor=session.monitor,
            who=session.who,
        )

    def _command(self, session: XcvSession, name: str) -> XcvCommand | None:
        """Return the command of this name that a session's monitor has; None if it has none."""
        command = self._commands.get(name)
        if command is not None and not command.monitor:
            return command
        if session.port and session.port not in self.ports:
            return None
        if command is not None and command.monitor == self.name_of(session):
            return command
        return next((_own(one, name) for one in self._monitors(session) if name in one.commands), None)

    def _monitors(self, session: XcvSession) -> list[PortMonitor[Any]]:
        """Return the monitor of a session's port, or all that have the session's Windows name."""
        if session.port:
            return [self.ports.get(session.port).monitor]
        wanted = session.monitor.casefold()
        return [one for one in self.ports.registry if wanted in (one.name.casefold(), one.scheme)]

    # --- what a command is about

    def name_of(self, session: XcvSession) -> str:
        """Return the Windows name of a session's monitor."""
        if session.port:
            return self.ports.get(session.port).monitor.name
        return self._monitors(session)[0].name

    def port_of(self, session: XcvSession, value: Any) -> HostPort:
        """Return the port a command means: the one it names, else the session's.

        Raises:
            Wrong: 2 (ERROR_FILE_NOT_FOUND), as Windows' monitors say; 5, it is none of the session's.
        """
        name = name_in(value) or session.port
        if session.port and same(name) != same(session.port):
            raise Wrong(5, f"this session is about port {session.port} alone")
        if not name or name not in self.ports:
            raise Wrong(2, f"no port {name!r} on this host")
        port = self.ports.get(name)
        if session.monitor:
            self.check_monitor(session, port.monitor)
        return port

    @staticmethod
    def check_monitor(session: XcvSession, monitor: PortMonitor[Any]) -> None:
        """Raise Wrong (5) unless a monitor is the one that the session is about."""
        if session.monitor != monitor.scheme and session.monitor.casefold() != monitor.name.casefold():
            raise Wrong(5, f"this session is about monitor {session.monitor} alone")

    def monitor_of(self, session: XcvSession, value: Any) -> PortMonitor[Any]:
        """Return the monitor a command means: by scheme, by port, or by a Windows name and a port's name."""
        wanted = value if isinstance(value, dict) else {}
        scheme, name = wanted.get("scheme"), name_in(value)
        if isinstance(scheme, str):
            return self.ports.registry.scheme(scheme)
        if session.port and not session.monitor:
            return self.ports.get(session.port).monitor
        if name:
            return self.ports.registry.find(session.monitor, name)
        return self._monitors(session)[0]

    def monitors_of(self, session: XcvSession, value: Any) -> list[PortMonitor[Any]]:
        """Return the monitors a command means: the one that it or the session names, else all of the Windows name."""
        named = isinstance(value, dict) and ("scheme" in value or name_in(value))
        return [self.monitor_of(session, value)] if named or session.port else self._monitors(session)


def _words(name: str, data: bytes) -> tuple[str, bytes]:
    """Return what a request id stands for."""
    return name, sha256(data).digest()


def _own(monitor: PortMonitor[Any], name: str) -> XcvCommand:
    """Return a command that a monitor brings itself."""
    access = monitor.commands[name]

    async def run(xcv: Xcv, session: XcvSession, value: Any) -> object:
        xcv.ports.access.refuse(session.port)
        return await xcv.ports.own.command(monitor, name, session.port, value)

    return XcvCommand(run, access is Access.ADMINISTER, use=access is Access.USE)


def _refusal(command: XcvCommand, access: int, name: str) -> Answer | None:
    """Return code 5 for a session that may not have a command."""
    if command.administrative and not access & ADMINISTER:
        return answer(5, None, f"{name} is for administrators")
    if command.use and not access & (ADMINISTER | USE):
        return answer(5, None, f"{name} is for those who may use the printer")
    return None
