"""Puts a flight recorder between a port and whoever drives it: every port of every monitor, third parties' too."""

from __future__ import annotations

from typing import Any

from portmon.document import DocInfo, DocKey, Evidence
from portmon.monitor import OpenContext, Port, PortMonitor
from portmon.recorder import Recorder


def recording(monitor: PortMonitor[Any]) -> PortMonitor[Any]:
    """Let the ports that a monitor opens note what passes through them; return the monitor."""
    open_port = monitor.open_port

    def opened(port: str, settings: Any, context: OpenContext) -> Port:
        found = open_port(port, settings, context)
        if context.recorder is not None:
            _watch(found, context.recorder)
        return found

    monitor.open_port = opened  # type: ignore[method-assign]
    return monitor


def _watch(port: Port, recorder: Recorder) -> None:
    """Note the port's calls. Its own methods are replaced on the instance: nothing is asked of who wrote them."""
    write, read = port.write, port.read
    stalled = False

    def written(data: memoryview) -> int:
        nonlocal stalled
        count = write(data)
        if count:
            recorder.out(data[:count])
            stalled = False
        elif not stalled:
            stalled = True
            recorder.event(f"stalled: {port.stall}", port.signals())
        return count

    def was_read(size: int) -> bytes:
        data = read(size)
        if data:
            recorder.came(data)
        return data

    port.write, port.read = written, was_read  # type: ignore[method-assign]
    _watch_calls(port, recorder)
    recorder.event("OpenPort", port.signals())


def _watch_calls(port: Port, recorder: Recorder) -> None:
    start_doc, end_doc, abort_doc, close = port.start_doc, port.end_doc, port.abort_doc, port.close

    def started(key: DocKey, info: DocInfo, resume_offset: int) -> None:
        recorder.document = key
        recorder.event("StartDocPort", port.signals())
        start_doc(key, info, resume_offset)

    def ended() -> Evidence:
        found = end_doc()
        recorder.event("EndDocPort", port.signals())
        recorder.document = None
        return found

    def aborted(keep: bool) -> bool | None:
        recorder.event("broken off" if keep else "taken back", port.signals())
        recorder.document = None
        return abort_doc(keep)

    def closed() -> None:
        recorder.event("ClosePort", port.signals())
        recorder.document = None
        close()

    port.start_doc, port.end_doc = started, ended  # type: ignore[method-assign]
    port.abort_doc, port.close = aborted, closed  # type: ignore[method-assign]
