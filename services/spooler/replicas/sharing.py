"""A spooler among others on one store, or alone: what its program starts and asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chassis.tasks import Tasks
from spooler.dispatcher import Dispatcher
from spooler.membership import Membership
from spooler.replicas.asking import Asking
from spooler.replicas.mirror import Mirror
from spooler.replicas.ownership import Ownership
from spooler.store import Store


class Alone:
    """The only spooler on its store: every printer is its own."""

    asking: Asking | None = None
    on_drain: tuple[Callable[[], Awaitable[None]], ...] = ()  # what is done once the ports are closed

    def start(self) -> None:
        """Begin, once the dispatcher knows what is stored."""

    def is_first(self) -> bool:
        """Say whether this spooler does what one of them has to do."""
        return True


class Sharing(Alone):
    """One of several. To be made before the dispatcher starts."""

    def __init__(self, membership: Membership, store: Store, dispatcher: Dispatcher, tasks: Tasks) -> None:
        dispatcher.book.mine_at_first = False
        self._tasks = tasks
        self._mirror = Mirror(membership, store, dispatcher)
        self._ownership = Ownership(membership, dispatcher, self._mirror)
        self.asking = Asking(membership, self._ownership, tasks)
        self._mirror.on_owners = self._ownership.wake
        self._mirror.on_asks = self.asking.heard
        self.on_drain = (self._ownership.leave,)

    def start(self) -> None:
        """Listen to the others, and take a share."""
        self._tasks.supervise("news of other spoolers", self._mirror.listen)
        self._tasks.supervise("what other spoolers changed", self._mirror.run)
        self._tasks.supervise("whose the printers are", self._ownership.run)

    def is_first(self) -> bool:
        """Say whether this spooler does what one of them has to do."""
        return self._ownership.is_first()


def sharing(membership: Membership | None, store: Store, dispatcher: Dispatcher, tasks: Tasks) -> Alone:
    """Return a spooler's part."""
    return Alone() if membership is None else Sharing(membership, store, dispatcher, tasks)
