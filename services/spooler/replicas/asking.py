"""Calls about another member's printer: they travel to its owner through the store, and so do the answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from google.rpc import status_pb2  # type: ignore[import-untyped]

from chassis import logs
from chassis.call import Call, current_call, new_request_id
from chassis.errors import FabricError, NotSupported, StoreUnavailable
from chassis.identity import NOBODY, Identity, Kind, PrinterRole, Role
from chassis.status import error_from_status, status_from_error
from chassis.tasks import Tasks
from spooler.membership import Answer, Ask, Membership, News
from spooler.pulse import Pulse
from spooler.replicas.ownership import Ownership

log = logs.get(__name__)

WAIT_S = 15.0  # for an owner, and for its answer
_LOOK_S = 2.0  # how often an answer is looked for whose notification may be lost

Method = Callable[[bytes], Awaitable[bytes]]


class Asking:
    """Asks other members, and answers them with `methods`: name -> from a request's bytes to a response's."""

    def __init__(self, membership: Membership, ownership: Ownership, tasks: Tasks) -> None:
        self.methods: dict[str, Method] = {}
        self._membership = membership
        self._ownership = ownership
        self._tasks = tasks
        self._answered: set[int] = set()
        self._pulse = Pulse()  # beats when there is an answer, or another owner
        ownership.on_change = self._pulse.beat

    def is_mine(self, printer: str) -> bool:
        """Say whether this member answers for a printer."""
        return self._ownership.is_mine(printer)

    async def ask(self, method: str, printer: str, request: bytes) -> bytes | None:
        """Return what a printer's owner answers; None: this member owns it.

        Raises:
            FabricError: the owner's answer.
            StoreUnavailable: nobody answered in time. What was asked may have been done.
        """
        call = current_call.get()
        caller = identity_text(call.identity if call is not None else NOBODY)
        while True:
            if not await self._pulse.until(lambda: self._ownership.owner(printer) is not None, WAIT_S):
                raise StoreUnavailable(f"no spooler has printer {printer} now: ask again", printer=printer)
            owner = self._ownership.owner(printer)
            if owner is None:
                continue
            if self._ownership.is_mine(printer):
                return None
            number = await self._membership.ask(owner, Ask(method, request, caller))
            answer = await self._answer_to(number, printer, owner)
            if answer is not None:
                return _opened(answer)
            if not await self._membership.withdraw(number):
                raise StoreUnavailable(
                    f"the spooler that had printer {printer} went away while it answered: look what became of it",
                    printer=printer,
                )
            if self._ownership.owner(printer) == owner:
                raise StoreUnavailable(
                    f"the spooler that has printer {printer} does not answer", printer=printer
                )

    async def _answer_to(self, number: int, printer: str, owner: int) -> Answer | None:
        """Wait for an answer; None: its owner has changed, or it does not answer."""
        answer, waited_s = None, 0.0
        while answer is None and waited_s < WAIT_S and self._ownership.owner(printer) == owner:
            await self._pulse.until(
                lambda: number in self._answered or self._ownership.owner(printer) != owner, _LOOK_S
            )
            waited_s += _LOOK_S
            answer = await self._membership.take_answer(number)
        self._answered.discard(number)
        return answer

    def heard(self, news: News) -> None:
        """Something is asked of this member, or answered."""
        self._answered |= news.answers
        if news.answers:
            self._pulse.beat()
        for number in news.asks:
            self._tasks.spawn(f"answer {number}", self._reply(number))
        if news.lost:
            self._tasks.spawn("answer all", self._reply_to_all())

    async def _reply_to_all(self) -> None:
        for number in await self._membership.open_asks():
            await self._reply(number)

    async def _reply(self, number: int) -> None:
        ask = await self._membership.take_ask(number)
        if ask is None:
            return
        identity = identity_of_text(ask.identity)
        current_call.set(Call(ask.method, new_request_id(), "another spooler", identity))
        try:
            answer = Answer(await self._method(ask.method)(ask.request), b"")
        except FabricError as error:
            answer = Answer(b"", status_from_error(error).SerializeToString())
        await self._membership.answer(number, answer)

    def _method(self, name: str) -> Method:
        found = self.methods.get(name)
        if found is None:  # the asker is newer, as while spoolers are replaced one by one
            raise NotSupported(
                f"the spooler that has the printer is older, and has no {name}: ask again later"
            )
        return found


def _opened(answer: Answer) -> bytes:
    if answer.status:
        raise error_from_status(status_pb2.Status.FromString(answer.status))
    return answer.response


def identity_text(identity: Identity) -> str:
    """Return a caller as text, for a member that trusts this one's word about it."""
    said: dict[str, Any] = {
        "kind": identity.kind,
        "name": identity.name,
        "groups": sorted(identity.groups),
        "roles": sorted(identity.roles),
        "on_printers": sorted(identity.on_printers),
        "via": identity_text(identity.via) if identity.via is not None else None,
    }
    return json.dumps(said)


def identity_of_text(text: str) -> Identity:
    """Return the caller that a text says."""
    said = json.loads(text)
    return Identity(
        Kind(said["kind"]),
        said["name"],
        frozenset(said["groups"]),
        frozenset(Role(role) for role in said["roles"]),
        identity_of_text(said["via"]) if said["via"] is not None else None,
        frozenset(PrinterRole(Role(role), printers) for role, printers in said["on_printers"]),
    )
