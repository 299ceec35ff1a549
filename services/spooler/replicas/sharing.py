"""A spooler among others on one store, or alone: what its program starts and asks."""

from __future__ import annotations

from chassis.tasks import Tasks
from spooler.dispatcher import Dispatcher
from spooler.membership import Membership
from spooler.replicas.asking import Asking
from spooler.replicas.mirror import Mirror
from spooler.replicas.ownership import Ownership
from spooler.store import Snapshot, Store


class Alone:
    """The only spooler on its store: every printer is its own."""

    asking: Asking | None = None

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def start(self, snapshot: Snapshot, epoch: int) -> None:
        """Take up what is stored. Raises StoreUnavailable."""
        await self._dispatcher.start(snapshot, epoch)

    def is_first(self) -> bool:
        """Say whether this spooler does what one of them has to do."""
        return True

    def spoolers(self) -> int:
        """Return how many spoolers share the store, this one included."""
        return 1

    async def is_member(self) -> bool:
        """Say whether this run may speak in its name: hosts cannot tell it from the next run of that name."""
        return True

    async def withdraw(self) -> None:
        """Take no more printers: this spooler is about to end."""

    async def leave(self) -> None:
        """Give the printers to the others: the ports are closed."""


class Sharing(Alone):
    """One of several. To be made before the dispatcher starts."""

    def __init__(self, membership: Membership, store: Store, dispatcher: Dispatcher, tasks: Tasks) -> None:
        super().__init__(dispatcher)
        dispatcher.book.mine_at_first = False
        self._tasks = tasks
        self._membership = membership
        self._mirror = Mirror(membership, store, dispatcher)
        self._ownership = Ownership(membership, dispatcher, self._mirror)
        self.asking = Asking(membership, self._ownership, tasks)
        self._mirror.on_owners = self._ownership.wake
        self._mirror.on_asks = self.asking.heard

    async def start(self, snapshot: Snapshot, epoch: int) -> None:
        """Know what is stored, listen to the others, and take a share."""
        await super().start(snapshot, epoch)
        self._tasks.supervise("news of other spoolers", self._mirror.listen)
        self._tasks.supervise("what other spoolers changed", self._mirror.run)
        self._tasks.supervise("lease", self._ownership.keep_alive)
        self._tasks.supervise("whose the printers are", self._ownership.run)

    def is_first(self) -> bool:
        """Say whether this spooler does what one of them has to do."""
        return self._ownership.is_first()

    def spoolers(self) -> int:
        """Return how many spoolers share the store, this one included."""
        return self._ownership.living

    async def is_member(self) -> bool:
        """Say whether this run may speak in its name: hosts cannot tell it from the next run of that name."""
        return await self._membership.is_member()

    async def withdraw(self) -> None:
        """Take no more printers: this spooler is about to end."""
        await self._ownership.withdraw()

    async def leave(self) -> None:
        """Give the printers to the others: the ports are closed."""
        await self._ownership.leave()


def sharing(membership: Membership | None, store: Store, dispatcher: Dispatcher, tasks: Tasks) -> Alone:
    """Return a spooler's part."""
    return Alone(dispatcher) if membership is None else Sharing(membership, store, dispatcher, tasks)
