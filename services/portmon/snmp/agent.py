"""One SNMP agent asked over UDP: few packets, each answer checked, never longer than told. Runs on the event loop."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from portmon.bidi.parts import MOST_PARTS
from portmon.snmp import message as snmp_message
from portmon.snmp import parts as snmp_parts
from portmon.snmp import status as snmp_status
from portmon.snmp.message import NO_SUCH_NAME, Answer, BadSnmp
from portmon.snmp.parts import Parts, Row, Table
from portmon.snmp.status import Oid, State, Value

_ASK_S, _TRIES = 1.5, 2
_WHOLE_S, _PARTS_S = (
    25.0,
    10.0,
)  # one look, whatever happens; what the printer is made of, and what else is wanted
_AT_ONCE = 16  # objects in a packet
_MOST_STRAY = 16  # datagrams that are no answer to a question
# Looking a name up cannot be interrupted, and must not take the threads of others.
_LOOK_UP = ThreadPoolExecutor(2, "snmp-look-up")


class NoAnswer(Exception):
    """The agent did not answer, or nothing that could be used; the text is for people."""


@dataclass(frozen=True, slots=True)
class AgentPlace:
    """Where the agent is, and how it wants to be asked."""

    host: str
    port: int
    version: str
    community: str
    index: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look brought; `parts` None: not asked for this time. `more`: other objects that were asked for."""

    state: State
    parts: Parts | None
    more: Mapping[Oid, Value]


async def prepare() -> None:
    """Load what looks need, in a thread: the loop is not to wait for it."""
    await asyncio.to_thread(snmp_message.load)


async def look(place: AgentPlace, *, parts: bool, more: Sequence[Oid] = ()) -> Seen:
    """Ask for the printer's state, mostly one packet, and for what it is made of: each row of each table is one.

    Raises:
        NoAnswer: and why.
    """
    try:
        async with asyncio.timeout(_WHOLE_S):
            family, address = await _address_of(place)
            with socket.socket(
                family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            ) as connected:
                connected.connect(address)  # of a datagram socket: nothing is sent, nothing is waited for
                return await _look(_Talk(place, connected), place, parts, more)
    except TimeoutError as error:
        raise NoAnswer("it takes too long") from error
    except OSError as error:
        raise NoAnswer(error.strerror or str(error)) from error


async def _look(talk: _Talk, place: AgentPlace, parts: bool, more: Sequence[Oid]) -> Seen:
    state = snmp_status.state_of(await talk.values(snmp_status.state_oids(place.index)))
    if state is None:
        raise NoAnswer(f"it has no printer at index {place.index}")
    return Seen(state, await _parts(talk, place.index) if parts else None, await _more(talk, more))


async def _parts(talk: _Talk, index: int) -> Parts:
    """Return what the printer is made of, as far as the agent tells in time: its state is not held up for the rest."""
    description: list[Value] = []
    tables: dict[Table, list[Row]] = {}
    try:
        async with asyncio.timeout(_PARTS_S):
            description += await talk.values(snmp_parts.description_oids(index))
            for table in Table:
                tables[table] = await _rows(talk, table.oids(index))
    except (TimeoutError, NoAnswer):
        pass
    return Parts(description, tables)


async def _more(talk: _Talk, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
    """Return those of some objects that the agent has and tells in time, a few to a packet."""
    found: dict[Oid, Value] = {}
    try:
        async with asyncio.timeout(_PARTS_S):
            for at in range(0, len(oids), _AT_ONCE):
                some = oids[at : at + _AT_ONCE]
                found.update(zip(some, await talk.values(some), strict=True))
    except (TimeoutError, NoAnswer):
        pass
    return found


async def _rows(talk: _Talk, columns: Sequence[Oid]) -> list[Row]:
    """Walk a table whose rows have one index, by its columns."""
    at, found = list(columns), list[Row]()
    last = columns[-1]
    while len(found) < MOST_PARTS:
        answer = await talk.ask(snmp_message.get_next, at)
        if answer.error_status or len(answer.rows) != len(columns):
            break
        oid = answer.rows[-1][0]
        if oid[: len(last)] != last or len(oid) != len(last) + 1 or oid <= at[-1]:
            break
        known, index = dict(answer.rows), oid[-1]
        found.append(Row(index, [known.get((*column, index)) for column in columns]))
        at = [(*column, index) for column in columns]
    return found


async def _address_of(place: AgentPlace) -> tuple[int, tuple[Any, ...]]:
    bare, _, zone = place.host.partition("%")
    try:
        literal = ipaddress.ip_address(bare)
    except ValueError:
        rows = await asyncio.get_running_loop().run_in_executor(
            _LOOK_UP, lambda: socket.getaddrinfo(place.host, place.port, type=socket.SOCK_DGRAM)
        )
        return rows[0][0], rows[0][4]
    if literal.version == 4:
        return socket.AF_INET, (bare, place.port)
    scope = int(zone) if zone.isdecimal() else socket.if_nametoindex(zone) if zone else 0
    return socket.AF_INET6, (bare, place.port, 0, scope)


class _Talk:
    """Questions and answers over one connected socket: the kernel lets through what comes from the agent alone."""

    def __init__(self, place: AgentPlace, connected: socket.socket) -> None:
        self._place, self._socket = place, connected

    async def values(self, oids: Sequence[Oid]) -> list[Value]:
        """Return the objects' values in order; v1 refuses all of them for one that is not there, so that is left out."""
        wanted, found = list(oids), dict[Oid, Value]()
        while wanted:
            answer = await self.ask(snmp_message.get, wanted)
            if not answer.error_status:
                found = dict(answer.rows)
                break
            if answer.error_status != NO_SUCH_NAME or not 0 < answer.error_index <= len(wanted):
                raise NoAnswer(f"it answers with error {answer.error_status}")
            del wanted[answer.error_index - 1]
        return [found.get(oid) for oid in oids]

    async def ask(self, kind: Callable[[str, str, int, Sequence[Oid]], bytes], oids: Sequence[Oid]) -> Answer:
        """Ask once, and once more when no answer comes."""
        place, number = self._place, secrets.randbelow(1 << 30) + 1
        question = kind(place.version, place.community, number, oids)
        for _ in range(_TRIES):
            try:
                async with asyncio.timeout(_ASK_S):
                    await asyncio.get_running_loop().sock_sendall(self._socket, question)
                    return await self._answer(number)
            except ConnectionRefusedError as error:
                raise NoAnswer(f"nothing listens at UDP port {place.port}") from error
            except TimeoutError:
                continue
        raise NoAnswer("it does not answer: SNMP may be off, or the community another one")

    async def _answer(self, number: int) -> Answer:
        for _ in range(_MOST_STRAY):
            came = await asyncio.get_running_loop().sock_recv(self._socket, snmp_message.MOST_BYTES + 1)
            try:
                answer = snmp_message.answer(came, self._place.version, self._place.community)
            except BadSnmp:
                continue
            if answer.request_id == number:
                return answer
        raise NoAnswer("it sends what nobody asked for")
