"""Spoolers that share a store: who lives, who owns which printer, what others changed. Interface and plain values."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from spooler.job import Attempt, Job
from spooler.printer import Paused, PortName


class Member(NamedTuple):
    """A spooler on the store. `epoch` is one run's number, and nobody else's."""

    name: str
    epoch: int
    alive: bool  # its connection stands and its lease has not run out
    leaving: bool = False  # it takes no printers any more


class Standing(NamedTuple):
    """Who is there, and whose the printers are: printer -> epoch of its owner."""

    members: Sequence[Member]
    owners: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class News:
    """What another member changed; `lost`: nobody knows what, for the line was cut."""

    jobs: frozenset[int] = frozenset()
    gone: frozenset[int] = frozenset()  # jobs that were forgotten
    printers: bool = False
    pauses: bool = False  # ports were paused or resumed
    owners: bool = False  # members came or went, or printers changed hands
    asks: frozenset[int] = frozenset()  # asked of this member
    answers: frozenset[int] = frozenset()  # to what this member asked
    lost: bool = False


class Ask(NamedTuple):
    """A call that one member asks of another."""

    method: str
    request: bytes
    identity: str  # who called, as text that `replicas.asking` writes and reads


class Answer(NamedTuple):
    """What came of it: a response, or a google.rpc.Status."""

    response: bytes
    status: bytes


class UnfinishedJobs(NamedTuple):
    """What is going on at some printers."""

    jobs: list[Job]
    open_attempts: list[Attempt]


class Membership(Protocol):
    """One member's part in the store. What raises StoreUnavailable did not happen, or this member is none any more."""

    me: int  # this run's epoch
    # Told on the loop when members came, went, fell silent or leave, or may have.
    on_members: Callable[[], None]

    async def look(self) -> Standing:
        """Return who is there."""

    async def is_member(self) -> bool:
        """Say whether the store knows this run still; False when it does not answer, too."""

    async def beat(self) -> None:
        """Say that this spooler is at work: its lease is renewed, and `on_members` told what changed, while it says so."""

    async def leave(self) -> None:
        """Say that this member takes no printers any more."""

    async def depose(self, epoch: int) -> bool:
        """Put out a member that is not alive; False: it is, or is gone already. Its printers are nobody's then."""

    async def claim(self, printers: Collection[str]) -> int | None:
        """Make printers this member's, and return an epoch for their fences; None: another member has one of them."""

    async def release(self, printers: Collection[str]) -> None:
        """Make printers nobody's."""

    async def going_on(self, printers: Collection[str]) -> UnfinishedJobs:
        """Return the unfinished jobs of printers, in order of number, and their attempts without an end."""

    async def jobs(self, numbers: Collection[int]) -> list[Job]:
        """Return jobs as they are stored; those on their way with the newest progress that was written down."""

    async def revisions(self) -> dict[int, int]:
        """Return the unfinished jobs' revisions by number."""

    async def fingerprint(self) -> object:
        """Return what equals an earlier one while no unfinished job, printer, paused port or owner has changed."""

    async def paused_ports(self) -> list[tuple[PortName, Paused]]:
        """Return the ports that people paused."""

    async def ask(self, of: int, what: Ask) -> int:
        """Ask another member; return the question's number."""

    async def open_asks(self) -> list[int]:
        """Return the numbers of what is asked of this member, and not taken."""

    async def take_ask(self, number: int) -> Ask | None:
        """Return what is asked of this member, once; None when it was taken or is gone."""

    async def answer(self, number: int, answer: Answer) -> None:
        """Answer a question."""

    async def take_answer(self, number: int) -> Answer | None:
        """Return the answer to a question and forget both; None when there is none yet."""

    async def withdraw(self, number: int) -> bool:
        """Forget a question; False when it was taken already."""

    def news(self) -> AsyncIterator[News]:
        """Yield what others change, beginning with `lost`. Raises StoreUnavailable when the line is cut."""
