"""A recorded port is the port beneath it: nothing that a port is or does may get lost on the way."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from typing_extensions import override

from portmon.document import DocInfo, DocKey, Evidence
from portmon.monitor import Port
from portmon.recorded_port import RecordedPort
from portmon.recorder import Direction, Recorder

KEY = DocKey(b"k" * 16, 1)


class Stubborn(Port):
    """Takes four bytes, then none; says something once."""

    def __init__(self) -> None:
        self.room, self.called = 4, list[str]()

    @override
    def fileno(self) -> int | None:
        return 7

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        self.called.append("start_doc")

    @override
    def write(self, data: memoryview) -> int:
        count, self.room = min(self.room, len(data)), max(0, self.room - len(data))
        return count

    @override
    def read(self, size: int) -> bytes:
        return b"!"

    @override
    def signals(self) -> tuple[str, ...]:
        return ("CTS",)

    @override
    def acked(self) -> int:
        return 3

    @override
    def end_doc(self) -> Evidence:
        return Evidence.OUTPUT_QUEUE

    @override
    def abort_doc(self, keep: bool) -> bool | None:
        return keep

    @override
    def close(self) -> None:
        self.called.append("close")


def test_every_function_of_a_port_is_handed_on() -> None:
    functions = {name for name, _ in inspect.getmembers(Port, inspect.isfunction) if name[0] != "_"}
    assert functions - vars(RecordedPort).keys() == set()


@pytest.mark.parametrize("name", inspect.get_annotations(Port))
def test_every_attribute_is_that_of_the_port_beneath(name: str) -> None:
    beneath = Stubborn()
    port = RecordedPort(beneath, Recorder())
    mark: Any = object()
    setattr(beneath, name, mark)
    assert getattr(port, name) is mark
    setattr(port, name, other := object())
    assert getattr(beneath, name) is other


def test_calls_and_bytes_are_noted_and_their_answers_are_the_ports() -> None:
    beneath, recorder = Stubborn(), Recorder()
    port = RecordedPort(beneath, recorder)
    port.start_doc(KEY, DocInfo(), 0)
    assert [port.write(memoryview(b"label")) for _ in range(3)] == [4, 0, 0]
    assert port.read(9) == b"!"
    assert (port.fileno(), port.acked(), port.abort_doc(True)) == (7, 3, True)
    assert port.end_doc() is Evidence.OUTPUT_QUEUE
    port.close()
    assert beneath.called == ["start_doc", "close"]
    noted = recorder.recorded()
    assert [(one.direction, one.data or one.text) for one in noted] == [
        (Direction.EVENT, "OpenPort"), (Direction.EVENT, "StartDocPort"), (Direction.OUT, b"labe"),
        (Direction.EVENT, "stalled: device"), (Direction.IN, b"!"), (Direction.EVENT, "broken off"),
        (Direction.EVENT, "EndDocPort"), (Direction.EVENT, "ClosePort"),
    ]  # fmt: skip
    assert [one.document for one in noted[:3]] == [None, KEY, KEY]
    assert all(one.signals == ("CTS",) for one in noted if one.direction is Direction.EVENT)
