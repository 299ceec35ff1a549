"""Watchers of a host's ports: whose documents they hear of, and what becomes of one that does not listen."""

from __future__ import annotations

from portmon.changes import Changes, Ended
from portmon.document import DocKey, Phase, Progress

KEY = DocKey(b"u" * 16, 1)


def ended(fabric: str) -> Ended:
    return Ended("COM1:", fabric, Progress(KEY, Phase.ENDED))


async def test_the_end_of_a_document_is_told_once_to_every_watcher_of_its_fabric() -> None:
    changes = Changes()
    with (
        changes.watch("mine") as one,
        changes.watch("mine") as two,
        changes.watch("other") as other,
        changes.watch() as of_ports_alone,
    ):
        changes.tell(ended("mine"))
        assert await one.next() == set(), "the port itself is as it was"
        assert one.ends() == two.ends() == [ended("mine")]
        assert one.ends() == other.ends() == of_ports_alone.ends() == []


def test_a_watcher_that_does_not_listen_is_let_go() -> None:
    changes = Changes()
    with changes.watch("mine") as deaf:
        told = 0
        while not deaf.ended:
            changes.tell(ended("mine"))
            told += 1
            assert told < 100_000, "what waits for it is bounded"
        assert len(deaf.ends()) == told
