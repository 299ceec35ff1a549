"""Management sessions: a caller's handle to the host's, and what may be done with it (OpenPrinter, XcvData)."""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

from chassis.errors import AccessDenied, InvalidHandle, PortNotFound
from chassis.identity import current
from spooler.api import rights
from spooler.api.inside import HostList, Inside, Link
from spooler.api.names import XcvObject
from spooler.api.port_use import PortUse
from spooler.printer import PortName
from spooler.remote_xcv import XcvAnswer

ADMINISTER = 1  # SERVER_ACCESS_ADMINISTER
ENUMERATE = 2  # SERVER_ACCESS_ENUMERATE
USE = 8  # PRINTER_ACCESS_USE, for test pages
IN_USE = 170  # ERROR_BUSY
_MOST_SESSIONS = 1024
_STAYS = b'{"deleted":false}'

# Commands that change nothing (docs/xcv.md). One that is not known here, a monitor's own, may.
_LOOKS_BEGIN = ("Get", "Enum", "SNMP")
_LOOKS = frozenset(
    {
        "MonitorUI", "DescribeUI", "PortExists", "PortIsValid", "HostAddress", "IPAddress", "DeviceID", "PnPXID",
        "ServiceID", "CheckCluster",
    }
)  # fmt: skip
_NAMES = ("name", "sztPortName", "psztPortName")  # ours, PORT_DATA's, DELETE_PORT_DATA's
_CONFIGURE = frozenset({"CleanupPort", "ConfigPort", "DeletePort", "SetDefaultCommConfig"})
_WORDS = {"AddPort": "port-added", "DeletePort": "port-deleted", "ConfigPort": "port-configured"}


@dataclass(frozen=True, slots=True)
class XcvSession:
    """An open session at a host. Only who opened it may use it."""

    link: Link
    handle: bytes  # the host's
    object: XcvObject
    owner: str


class XcvSessions:
    """All sessions of this spooler. They end with it: callers open again on InvalidHandle."""

    def __init__(self, inside: Inside, use: PortUse) -> None:
        self._hosts = inside.hosts
        self._link_to = inside.xcv
        self._steering = inside.printers
        self._use = use
        self._sessions: OrderedDict[bytes, XcvSession] = OrderedDict()

    async def open(self, what: XcvObject, desired_access: int) -> bytes:
        """Open a session and return its handle.

        Raises:
            AccessDenied: more access was asked for than the caller has.
            PortNotFound: no such host or port (1796); UnknownPrintMonitor: no such monitor.
        """
        if desired_access & ADMINISTER and not rights.is_administrator():
            raise AccessDenied(f"{current()} may not administer ports", caller=current())
        if desired_access & USE and not rights.may_use_ports():
            raise AccessDenied(f"{current()} may not use ports directly", caller=current())
        what = what if what.host else what._replace(host=only_host(self._hosts, what))
        link = self._link_to(what.host)
        access = desired_access & (ADMINISTER | ENUMERATE | USE) or ENUMERATE
        handle = await link.open(port=what.port, monitor=what.monitor, access=access, who=rights.caller())
        ours = secrets.token_bytes(16)
        self._sessions[ours] = XcvSession(link, handle, what, current().owner)
        while len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return ours

    def find(self, handle: bytes) -> XcvSession:
        """Return the session of a handle. Raises InvalidHandle; somebody else's handle is no handle."""
        session = self._sessions.get(handle)
        if session is None or session.owner != current().owner:
            raise InvalidHandle("this management handle was closed, or never given out")
        self._sessions.move_to_end(handle)
        return session

    async def data(
        self,
        session: XcvSession,
        data_name: str,
        input_data: bytes,
        max_output_bytes: int | None,
        request_id: str,
    ) -> XcvAnswer:
        """Execute one command; what comes back is the monitor's own answer. One that changed something leaves a line.

        Raises:
            ManagedElsewhere: it would configure a port that a resource declares.
        """
        await self.check_managed(session, data_name, input_data)
        command = session, data_name, input_data, max_output_bytes, request_id
        act = act_of(session.object, data_name, input_data)
        if act is None:
            return await self._done(*command)
        async with self._steering.at_host(act.port, rights.caller(), act.what, act.detail) as at_host:
            answer = await self._done(*command)
            if answer.status:
                at_host.line = None
        return answer

    async def check_managed(self, session: XcvSession, data_name: str, input_data: bytes) -> None:
        """Raise ManagedElsewhere for a command that configures a port which a resource declares."""
        port = session.object.port or _port_in(input_data)
        if data_name in _CONFIGURE and port:
            await self._use.managed.check(PortName(session.object.host, port), rights.caller())

    async def _done(
        self,
        session: XcvSession,
        data_name: str,
        input_data: bytes,
        max_output_bytes: int | None,
        request_id: str,
    ) -> XcvAnswer:
        """Pass a command on.

        DeletePort of a port in use is answered here with status 170, CleanupPort with what it says of a port that stays: the
        monitor hears of printers a moment later.
        """
        if data_name in ("DeletePort", "CleanupPort"):
            port = PortName(session.object.host, _port_in(input_data) or session.object.port)
            busy = self._use.why_in_use(port)
            if busy and data_name == "CleanupPort":
                return XcvAnswer(0, _STAYS, len(_STAYS), "")
            if busy:
                return XcvAnswer(IN_USE, b"", 0, busy)
            with self._use.deleting(port):
                return await session.link.data(
                    session.handle, data_name, input_data, max_output_bytes, request_id
                )
        return await session.link.data(session.handle, data_name, input_data, max_output_bytes, request_id)

    async def close(self, handle: bytes) -> None:
        """Close a session; an unknown one is fine."""
        session = self._sessions.get(handle)
        if session is not None and session.owner == current().owner:
            del self._sessions[handle]
            await session.link.close(session.handle)


class Act(NamedTuple):
    """What a command did, for the history. Never with its input, which may be a secret."""

    port: PortName | None
    what: str
    detail: str


def act_of(target: XcvObject, data_name: str, input_data: bytes) -> Act | None:
    """Return what a command does to a port or a host; None for one that only looks."""
    if data_name in _LOOKS or data_name.startswith(_LOOKS_BEGIN):
        return None
    name = _port_in(input_data) if data_name in _WORDS else ""
    port = PortName(target.host, target.port or name) if target.port or name else None
    detail = "" if data_name in _WORDS else data_name
    if port is None:
        detail = " ".join(filter(None, ("host", target.host, target.monitor, data_name)))
    return Act(port, _WORDS.get(data_name, "port-command"), detail)


def only_host(hosts: HostList, what: XcvObject) -> str:
    """Return the host that is meant when none is named: the only one, or the only one that has the port."""
    names = [host.name for host in hosts.all()]
    if len(names) != 1 and what.port:
        names = [name for name in names if hosts.port(PortName(name, what.port)) is not None]
    if len(names) != 1:
        raise PortNotFound(
            f"{what.port or what.monitor}: which host is meant? name it as \\\\host\\", hosts=len(names)
        )
    return names[0]


def _port_in(input_data: bytes) -> str:
    """Return the port a command names: a JSON string, the member `name`, or that of Windows' structures."""
    try:
        value: Any = json.loads(input_data) if input_data else None
    except (ValueError, RecursionError):
        return ""  # the monitor says what is wrong with it
    names = [value.get(one) for one in _NAMES] if isinstance(value, dict) else [value]
    return next((name.strip() for name in names if isinstance(name, str)), "")
