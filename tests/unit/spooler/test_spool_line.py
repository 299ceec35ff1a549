import asyncio

import pytest

from spooler.sql.spool_line import SpoolLine


class Callers:
    """Who is inside a line that takes ten bytes, in the order they came in."""

    def __init__(self) -> None:
        self.inside: list[str] = []
        self._line = SpoolLine(10)
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, **counts: int) -> None:
        for name, count in counts.items():
            self.tasks[name] = asyncio.create_task(self._stay(name, count))
        await settle()

    async def go(self, *names: str) -> None:
        """Cancel callers, wherever they are."""
        for name in names:
            self.tasks[name].cancel()
        await settle()

    async def _stay(self, name: str, count: int) -> None:
        async with self._line.place(count):
            self.inside.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                self.inside.remove(name)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def callers():
    those = Callers()
    yield those
    await those.go(*those.inside)
    assert not those.inside


async def test_they_come_in_while_there_is_room_and_none_overtakes(callers):
    await callers.come(a=6, b=4, c=8, d=1)
    assert callers.inside == ["a", "b"]
    await callers.go("b")
    assert callers.inside == ["a"]  # d would fit, and came behind c
    await callers.go("a")
    assert callers.inside == ["c", "d"]


async def test_one_with_more_than_there_ever_is_comes_in_alone(callers):
    await callers.come(a=1, b=99, c=1)
    assert callers.inside == ["a"]
    await callers.go("a")
    assert callers.inside == ["b"]
    await callers.go("b")
    assert callers.inside == ["c"]


async def test_who_gives_up_is_in_nobodys_way(callers):
    await callers.come(a=10, b=10, c=10, d=1)
    await callers.go("b")
    assert callers.inside == ["a"]
    await callers.go("a", "c")
    assert callers.inside == ["d"]
    await callers.come(e=9, f=1)
    assert callers.inside == ["d", "e"]
    await callers.go("d")
    assert callers.inside == ["e", "f"]


async def test_who_gives_up_as_its_turn_comes_leaves_its_room_to_the_next(callers):
    await callers.come(a=10, b=10, c=10)
    callers.tasks["a"].cancel()
    await asyncio.sleep(0)  # a has gone, and b has been told
    await callers.go("b")
    assert callers.inside == ["c"]
