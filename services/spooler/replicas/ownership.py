"""Which printers are this member's: claimed when nobody has them, given back when they shall be another's.

One loop puts out who is silent, gives back and claims. It goes round when something has changed: members, which each renewal
of the lease looks at, owners and printers, of which a notification tells; should that be lost, the mirror finds it out. While
a printer is not whose it shall be, and after a failure, it goes round once a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress

from chassis import logs
from chassis.errors import FabricError, StoreUnavailable
from spooler.dispatcher import Dispatcher
from spooler.membership import Membership, Standing
from spooler.replicas.mirror import Mirror
from spooler.replicas.spread import groups_of, owner_of

log = logs.get(__name__)

BEAT_S = 1.0


class Ownership:
    """This member's share of the printers."""

    def __init__(self, membership: Membership, dispatcher: Dispatcher, mirror: Mirror) -> None:
        self._membership = membership
        self._dispatcher = dispatcher
        self._mirror = mirror
        self._book = dispatcher.book
        self._owned: set[str] = set()  # rows of this member's in the store
        self._owners: dict[str, int] = {}
        self._first = False
        self.living = 1  # members that take printers
        self._leaving = False
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()  # guards a round: leaving waits for its end
        self.on_change: Callable[[], object] = lambda: None  # told when a printer has another owner
        dispatcher.on_printers = self._printers_changed
        membership.on_members = self.wake

    # --- asked by others

    def owner(self, printer: str) -> int | None:
        """Return the epoch of a printer's owner; None: it has none that is known."""
        if self.is_mine(printer):
            return self._membership.me
        owner = self._owners.get(printer)
        return None if owner == self._membership.me else owner

    def is_mine(self, printer: str) -> bool:
        """Say whether this member dispatches a printer."""
        return printer in self._book.queues and not self._book.is_others(printer)

    def is_first(self) -> bool:
        """Say whether this member does what one of them has to do, as forgetting old jobs."""
        return self._first

    def wake(self) -> None:
        """Go round now."""
        self._wake.set()

    # --- the loop

    async def keep_alive(self) -> None:
        """Say that this spooler is at work, for ever; whatever else takes long."""
        while True:
            with suppress(StoreUnavailable):  # the store says by itself when this member is none any more
                await self._membership.beat()
            await asyncio.sleep(BEAT_S)

    async def run(self) -> None:
        """Keep this member's share, for ever."""
        while True:
            self._wake.clear()
            settled = False
            try:
                async with self._turn:
                    if not self._leaving:
                        settled = await self._go_round()
            except FabricError as error:
                log.warning("owners cannot be read", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(None if settled else BEAT_S):
                    await self._wake.wait()

    async def withdraw(self) -> None:
        """Take no more printers, for this member is about to end."""
        self._leaving = True
        async with self._turn:
            with suppress(StoreUnavailable):  # it is none any more
                await self._membership.leave()

    async def leave(self) -> None:
        """Give all printers back. The dispatcher has let go of its ports."""
        for queue in self._book.queues.values():
            queue.mine = False
        with suppress(StoreUnavailable):
            await self._membership.release(self._owned)
        self._owned.clear()

    async def _go_round(self) -> bool:
        """Bring this member's share about, as far as it can now; say whether each printer is whose it shall be."""
        standing = await self._membership.look()
        me = self._membership.me
        silent = [member for member in standing.members if not member.alive and member.epoch != me]
        for member in silent:
            if await self._membership.depose(member.epoch):
                log.warning("put out, for it was silent", member=member.name, epoch=member.epoch)
        if silent:
            standing = await self._membership.look()
        self._learn(standing)
        if gone := self._owned - self._book.queues.keys():
            await self._membership.release(gone)
            self._owned -= gone
        candidates = {one.name: one.epoch for one in standing.members if one.alive and not one.leaving}
        groups = groups_of(queue.printer for queue in self._book.queues.values())
        wanted = [(group, candidates.get(owner_of(group, candidates))) for group in groups]
        if others := {name for group, owner in wanted if owner not in (me, None) for name in group}:
            await self._give_back(others & self._owned)
        await self._have(
            {name for group, owner in wanted if owner == me and self._is_free(group) for name in group}
        )
        return not silent and all(
            self._owners.get(name) == owner for group, owner in wanted for name in group
        )

    def _is_free(self, group: Collection[str]) -> bool:
        """Say whether a group is nobody else's: who has some of it yet gives it back, or is put out."""
        return all(self._owners.get(name, self._membership.me) == self._membership.me for name in group)

    def _learn(self, standing: Standing) -> None:
        before = self._owners
        self._owners = dict(standing.owners)
        self.living = sum(one.alive and not one.leaving for one in standing.members)
        self._first = min((one.epoch for one in standing.members), default=-1) == self._membership.me
        if before != self._owners:
            self.on_change()

    async def _have(self, printers: set[str]) -> None:
        """Own printers, and send for them."""
        new = printers - self._owned
        if new:
            epoch = await self._membership.claim(new)
            if epoch is None:  # another was faster
                self.wake()
                return
            going_on = await self._mirror.refresh(new)
            self._dispatcher.begin_epoch(epoch)
            # Nothing is awaited since the last reading: from here on this member knows better than what it reads.
            await self._dispatcher.take_up(new & self._book.queues.keys(), going_on)
            self._owned |= new
            self._owners.update(dict.fromkeys(new, self._membership.me))
            log.info("owns printers", printers=len(new), first=min(new), epoch=epoch)
        held_back = [name for name in self._whole() if not self._book.queues[name].sends]
        if held_back:
            self._dispatcher.let_send(held_back)
            self.on_change()

    def _whole(self) -> list[str]:
        """Return the printers of all groups of which no printer is another's."""
        groups = groups_of(queue.printer for queue in self._book.queues.values())
        return [name for group in groups if self._owned.issuperset(group) for name in group]

    async def _give_back(self, printers: set[str]) -> None:
        if not printers:
            return
        await self._dispatcher.let_go(printers & self._book.queues.keys())
        # Writing is in order: what was written about these printers stands before this.
        await self._membership.release(printers)
        self._owned -= printers
        log.info("gave printers back", printers=len(printers), first=min(printers))

    def _printers_changed(self) -> None:
        """Printers may share ports now that are not all this member's: nothing of them is sent until they are."""
        for name in self._book.queues.keys() - set(self._whole()):
            self._book.queues[name].sends = False
        self.wake()
