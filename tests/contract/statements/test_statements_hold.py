"""S23 to S28, S30 to S34, S37 to S40, S47 and S48: who has a port open, and how it changes hands."""

from __future__ import annotations

import contextlib
import itertools
import os
import termios
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.spooler.v1 import port_service_pb2 as ports_pb
from printfabric.spooler.v1 import printer_service_pb2 as printers_pb
from printfabric.spooler.v1.print_service_pb2 import UNCERTAIN_DECISION_SKIP
from tests.contract.statements.stage import Stage
from tests.contract.statements.system_calls import nobody_may_look_on, traced
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import HOST, printed
from tests.rig.wire import Holder, channel_to, new_key, refusal


def no_open_without_close(words: list[str]) -> bool:
    """Say whether every opening but the first follows a closing (S32)."""
    return not any(one.startswith("Open") and two.startswith("Open") for one, two in pairwise(words))


def test_s23_open_port_acquires_the_port_and_returns_a_handle(stage: Stage) -> None:
    handle = stage.holder.open("IP_1", stage.fence())
    try:
        assert handle.token
        with channel_to(stage.portmon.address) as channel:
            other = Holder(channel, "a-third-fabric")
            error = refusal(lambda: other.open("IP_1", 1))
        assert (error.win32, error.code) == (170, "ABORTED")
        error = refusal(lambda: stage.holder.open("COM99:", stage.fence()))
        assert (error.win32, error.code) == (1796, "NOT_FOUND")
    finally:
        stage.holder.close(handle)


def test_s24_the_handle_is_used_for_the_documents(stage: Stage) -> None:
    handle, key, before = stage.holder.open("IP_2", stage.fence()), new_key(), len(stage.tcp[1].paper)
    stage.holder.start(handle, key)
    assert stage.holder.write(handle, key, 0, b"mine") == 4
    for bad in (pb.PortHandle(), pb.PortHandle(token=b"foreign", fence=handle.fence)):
        assert refusal(partial(stage.holder.write, bad, key, 4, b"not mine")).win32 == 6
    stage.holder.end(handle, key)
    stage.holder.close(handle)
    assert refusal(lambda: stage.holder.start(handle, new_key())).win32 == 6
    assert bytes(stage.tcp[1].paper[before:]) == b"mine"


def test_s25_open_port_does_the_one_time_initialisation(stage: Stage) -> None:
    with stage.printer("COM2:") as printer:
        for number in range(5):
            stage.print(printer, b"%d" % number)
        before = stage.openings("COM2:")
        line = termios.tcgetattr(stage.com2._line)
        stage.print(printer, b"the nth")
        assert stage.openings("COM2:") == before
        assert termios.tcgetattr(stage.com2._line) == line


def test_s25_no_document_sets_the_device_up_again(stage: Stage, tmp_path: Path) -> None:
    if refused := nobody_may_look_on():
        pytest.skip(f"NOT CHECKED: {refused}")
    with stage.printer("COM2:") as printer, traced(stage.portmon.pid, tmp_path) as trace:
        stage.print(printer, b"the first opens it")
        device = stage.com2.device
        wait_until(lambda: any("TCSETS" in text for _, text in trace.calls(device)), why="it is not set up")
        opened = trace.mark()
        stage.print(printer, b"the second does not")
        wait_until(lambda: "write" in trace.names(device, opened))
        assert not [
            text for name, text in trace.calls(device, opened) if name == "openat" or "TCSETS" in text
        ]


def test_s26_open_port_decides_file_serial_or_parallel(stage: Stage, tmp_path: Path) -> None:
    """Serial: the line is opened, locked and set. Parallel: the node is opened and locked. A file: not before its document."""
    kinds = {
        "COM2:": ("Serial port", stage.com2.device),
        "LPT2:": ("Printer device node", stage.lpt2.settings["device"]),
        "FILE:": ("File in the host's directory for file ports", str(stage.folder / "pm" / "files")),
    }
    assert {port: stage.enum()[port].description for port in kinds} == {
        port: described for port, (described, _) in kinds.items()
    }
    if refused := nobody_may_look_on():
        pytest.skip(f"NOT CHECKED: {refused}")
    steps = {}
    with traced(stage.portmon.pid, tmp_path) as trace:
        for port, (_, place) in kinds.items():
            began = trace.mark()
            handle = stage.holder.open(port, stage.fence())
            stage.holder.close(handle)
            # What was opened is closed: then all of its calls are there. A file's folder is looked at, and no more.
            wait_until(lambda at=began, on=place: "close" in trace.names(on, at))  # type: ignore[misc]
            calls = [" ".join(one) for one in trace.calls(place, began) if "O_DIRECTORY" not in one[1]]
            wanted = ("openat", "LOCK_EX", "TCSETS")
            steps[port] = {step for step in wanted if any(step in call for call in calls)}
            others = [device for name, (_, device) in kinds.items() if name != port]
            assert not any(trace.names(device, began) for device in others), "and no other type's"
    assert steps == {"COM2:": {"openat", "LOCK_EX", "TCSETS"}, "LPT2:": {"openat", "LOCK_EX"}, "FILE:": set()}


def test_s27_a_serial_lines_settings_are_kept_and_come_back(stage: Stage) -> None:
    before = termios.tcgetattr(stage.com2._line)
    handle = stage.holder.open("COM2:", stage.fence())
    held = termios.tcgetattr(stage.com2._line)
    assert held[4:6] == [termios.B115200, termios.B115200]
    assert held != before
    stage.holder.close(handle)
    assert termios.tcgetattr(stage.com2._line) == before


def test_s28_so_are_its_time_outs(stage: Stage) -> None:
    def time_outs(handle: pb.PortHandle, **changes: float) -> tuple[float, float, float]:
        """SetPortTimeOuts; return those that hold then, in seconds."""
        change = pb.SetPortTimeOutsRequest(handle=handle)
        for name, seconds in changes.items():
            getattr(change, name).FromMilliseconds(int(seconds * 1000))
        now = stage.holder.stub.SetPortTimeOuts(change)
        return tuple(
            one.ToMilliseconds() / 1000 for one in (now.read_interval, now.read_total, now.write_total)
        )

    handle = stage.holder.open("COM2:", stage.fence())
    before = time_outs(handle)
    assert before[:2] == (0.2, 5.0), "Windows' own"
    assert time_outs(handle, read_total=0.1, read_interval=0, write_total=7) == (0, 0.1, 7)
    took = []
    for _ in range(3):
        began = time.monotonic()
        assert stage.holder.stub.ReadPort(pb.ReadPortRequest(handle=handle)).data == b"", "nobody speaks"
        took.append(time.monotonic() - began)
    assert 0.1 <= min(took) < before[1], "as long as was set, and not as the default is"
    stage.holder.close(handle)
    handle = stage.holder.open("COM2:", stage.fence())
    assert time_outs(handle) == before
    stage.holder.close(handle)


def test_s30_port_names_are_unique_per_machine(stage: Stage) -> None:
    for name, monitor, settings in (
        ("com1:", "Local Port", b""),
        ("ip_1", "Local Port", b""),
        ("COM01:", "Local Port", b""),
    ):
        add = ports_pb.AddPortRequest(
            parent=f"hosts/{HOST}", port_id=name, monitor=monitor, settings=settings
        )
        error = refusal(partial(stage.ports.AddPort, add))
        assert (error.win32, error.code) == (183, "ALREADY_EXISTS")


def test_s30_the_same_name_on_another_machine_is_another_port(stage: Stage, tmp_path: Path) -> None:
    """Another process under another name stands in for the machine."""
    settings = (
        f'host_name = "another"\nstate_dir = "{tmp_path}"\n[[ports]]\nname = "COM1:"\nmonitor = "sim"\n'
    )
    another = Program("portmon", tmp_path, settings)
    try:
        another.start()
        with channel_to(another.address) as channel:
            (port,) = Holder(channel).stub.EnumPorts(pb.EnumPortsRequest()).ports
    finally:
        another.stop()
    assert port.name == "hosts/another/ports/COM1:" != stage.enum()["COM1:"].name


def test_s31_only_one_has_a_port_at_a_time(stage: Stage) -> None:
    holders, most, opened = [0], [0], list[tuple[int, int]]()
    guard, fences = threading.Lock(), itertools.count(stage.fence())

    def storm(number: int) -> None:
        with channel_to(stage.portmon.address) as channel:
            mine = Holder(channel, f"path-{number}")
            while True:
                try:
                    handle = mine.open("LPT2:", next(fences))
                except grpc.RpcError:
                    time.sleep(0.002)
                    continue
                with guard:
                    holders[0] += 1
                    most[0] = max(most[0], holders[0])
                    opened.append((number, handle.fence))
                time.sleep(0.003)
                with guard:
                    holders[0] -= 1
                mine.close(handle)
                return

    at_once([partial(storm, number) for number in range(6)])
    assert most == [1]
    assert sorted(number for number, _ in opened) == list(range(6)), "and everybody has had it"
    given = [fence for _, fence in opened]
    assert all(earlier < later for earlier, later in pairwise(given)), "whoever it was"


def at_once(works: Sequence[Callable[[], None]]) -> None:
    """Do all of it at the same time."""
    threads = [threading.Thread(target=one) for one in works]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def test_s31_fences_strictly_rise(stage: Stage) -> None:
    """Spoolers of one fabric take a port over from one another: the newest has it, every older handle is dead."""
    handles, seen, fences = list[pb.PortHandle](), list[int](), itertools.count(stage.fence())

    def storm(number: int) -> None:
        with channel_to(stage.portmon.address) as channel:
            mine = Holder(channel, "one-fabric")
            mine.owner.spooler_id = f"spooler-{number}"
            for _ in range(10):
                with contextlib.suppress(grpc.RpcError):  # a higher one came first
                    handles.append(mine.open("LPT2:", next(fences)))
                seen.append(stage.enum()["LPT2:"].hold.fence)

    at_once([partial(storm, number) for number in range(4)])
    last = max(handles, key=lambda one: one.fence)
    assert stage.enum()["LPT2:"].hold.fence == last.fence == max(seen)
    for handle in handles:
        if handle is not last:
            alive = pb.KeepAliveRequest(handle=handle)
            assert refusal(partial(stage.holder.stub.KeepAlive, alive)).win32 == 6
    stage.holder.close(last)
    # Over closings, too: what the port has seen is refused.
    mine = Holder(stage.holder.channel, "one-fabric")
    assert refusal(lambda: mine.open("LPT2:", last.fence)).win32 == 6
    stage.holder.close(mine.open("LPT2:", last.fence + 1))


def test_s32_never_two_openings_back_to_back(stage: Stage) -> None:
    with stage.printer("IP_1") as one, stage.printer("IP_1", language_monitor="PJL") as two:
        numbers = [stage.submit(printer, b"page\x0c") for printer in (one, two, two, one) * 3]
        for number in numbers:
            assert printed(stage.client.wait(number, timeout_s=60))
        assert no_open_without_close(stage.openings("IP_1"))


def test_s32_not_behind_half_a_document_either(stage: Stage) -> None:
    """A printer that drops the connection in a label leaves half of it: the next document begins on a new opening."""
    receiver, label = stage.tcp[0], b"^XA^FO20,20^FDhalf^FS^FX" + b"x" * 20_000 + b"^FS^XZ\n"
    skip: dict[str, Any] = {"on_uncertain": UNCERTAIN_DECISION_SKIP}
    with stage.printer("IP_1", **skip) as one, stage.printer("IP_1", language_monitor="PJL") as two:
        begun = len(stage.log.of("IP_1"))
        receiver.breaks_at = 10 * len(label) + 3000
        half = stage.submit(one, label * 30)
        wait_until(lambda: stage.client.get(half).HasField("end_time"), 60, "the rule does not decide")
        for printer, document in ((one, b"^XA^FDbehind^FS^XZ"), (two, b"page\x0c")):
            assert stage.client.wait(stage.submit(printer, document), timeout_s=60).HasField("end_time")
        words, calls = stage.openings("IP_1")[begun:], stage.log.of("IP_1")[begun:]
        assert words == ["OpenPort", "ClosePort", "OpenPort", "ClosePort", "OpenPortEx PJL"]
        assert all(before.ended <= after.began for before, after in pairwise(calls))


def test_s33_close_on_the_holder_ends_before_the_other_opens(stage: Stage) -> None:
    with stage.printer("IP_2") as one, stage.printer("IP_2", language_monitor="PJL") as two:
        begun = len(stage.log.of("IP_2"))
        stage.print(one, b"raw")
        stage.print(two, b"page\x0c")
        calls = stage.log.of("IP_2")[begun:]
        words = stage.openings("IP_2")[begun:]
        assert words[-2:] == ["ClosePort", "OpenPortEx PJL"]
        assert calls[-2].ended <= calls[-1].began


def test_s34_only_when_the_holder_is_idle(stage: Stage) -> None:
    receiver = stage.tcp[2]
    with stage.printer("IP_3") as one, stage.printer("IP_3", language_monitor="PJL") as two:
        before, begun = len(receiver.paper), len(stage.log.of("IP_3"))
        receiver.rate = 4_000  # 15 s, however long the rest takes
        try:
            first = stage.submit(one, b"1" * 60_000)
            wait_until(lambda: len(receiver.paper) > before)
            second = stage.submit(two, b"page\x0c")
            time.sleep(0.4)
            assert "ClosePort" not in stage.openings("IP_3")[begun:]
            assert len(receiver.paper) - before < 60_000
        finally:
            receiver.rate = 0
        assert printed(stage.client.wait(first, timeout_s=60))
        assert printed(stage.client.wait(second, timeout_s=60))
        assert bytes(receiver.paper[before : before + 60_000]) == b"1" * 60_000
        assert stage.openings("IP_3")[-2:] == ["ClosePort", "OpenPortEx PJL"]


def test_s37_the_port_is_closed_when_no_printer_uses_it_any_more(stage: Stage) -> None:
    with stage.printer("LPT1:") as stays:
        with stage.printer("LPT1:") as goes:
            stage.print(goes, b"one")
            stage.print(stays, b"two")
        time.sleep(0.3)
        assert stage.held("LPT1:"), "another printer still uses it"
        update = printers_pb.UpdatePrinterRequest(printer=printers_pb.Printer(name=f"printers/{stays}"))
        port = update.printer.ports.add().port
        port.host, port.port = HOST, "LPT2:"
        update.update_mask.paths.append("ports")
        stage.printers.UpdatePrinter(update)
        wait_until(lambda: not stage.held("LPT1:"), why="nobody uses it, and it is held")
    assert stage.openings("LPT1:")[-1] == "ClosePort"


def test_s38_the_port_is_closed_when_the_spooler_stops(stage: Stage, restarts: None) -> None:
    with stage.printer("LPT2:") as printer:
        stage.print(printer, b"held")
        assert stage.held("LPT2:")
        stage.spooler.stop()
        assert not stage.held("LPT2:")
        assert stage.openings("LPT2:")[-1] == "ClosePort"
        with stage.log.lock:
            ends = [call.function for call in stage.log.calls if call.ok][-2:]
        assert ends == ["ClosePort", "Shutdown"], (
            "and its instance of the monitors ends when its ports are closed"
        )
        stage.spooler.start()
        stage.print(printer, b"held again")
        assert stage.held("LPT2:")
        stage.spooler.kill()
        wait_until(lambda: not stage.held("LPT2:"), 40, "the lease never ran out")
        assert stage.openings("LPT2:")[-1] == "OpenPort"
        stage.spooler.start()
        stage.print(printer, b"and again")


def test_s39_close_port_releases_the_handle(stage: Stage) -> None:
    handle = stage.holder.open("IP_1", stage.fence())
    stage.holder.close(handle)
    assert refusal(lambda: stage.holder.close(handle)).win32 == 6
    with channel_to(stage.portmon.address) as channel:
        anyone = Holder(channel, "anyone")
        anyone.close(anyone.open("IP_1", time.time_ns()))


@pytest.mark.parametrize("port", ["COM2:", "LPT2:", "IP_1"])
def test_s40_close_port_cleans_up(stage: Stage, port: str) -> None:
    """A thousand openings of each type are the contract suite's; here, the whole process after a hundred and more."""

    def usage() -> tuple[int, int]:
        root = Path(f"/proc/{stage.portmon.pid}")
        return len(os.listdir(root / "fd")), len(os.listdir(root / "task"))  # noqa: PTH208 - of /proc

    def cycle(times: int) -> None:
        for _ in range(times):
            stage.holder.close(stage.holder.open(port, stage.fence()))

    cycle(5)
    before = usage()
    cycle(120)
    wait_until(lambda: usage()[0] <= before[0] + 1, why="descriptors stay open")
    wait_until(lambda: usage()[1] <= before[1] + 1, why="threads stay")


def test_s47_initialisation_happens_again_after_a_hand_over(stage: Stage) -> None:
    with stage.printer("COM1:") as one, stage.printer("COM1:", language_monitor="ZPL") as two:
        stage.print(one, b"raw")
        wanted = termios.tcgetattr(stage.com1._line)
        line = termios.tcgetattr(stage.com1._line)
        line[4] = line[5] = termios.B9600  # as somebody with another cable would leave it
        termios.tcsetattr(stage.com1._line, termios.TCSANOW, line)
        stage.submit(two, b"^XA^XZ")
        wait_until(lambda: stage.openings("COM1:")[-1] == "OpenPortEx ZPL")
        wait_until(
            lambda: termios.tcgetattr(stage.com1._line)[4:6] == wanted[4:6], why="no settings after it"
        )


def test_s48_two_printers_on_one_path_share_a_hold(stage: Stage) -> None:
    with stage.printer("IP_2") as one, stage.printer("IP_2") as two:
        stage.print(one, b"opens it")
        before = stage.openings("IP_2")
        for printer in (two, one, two):
            stage.print(printer, b"shares it")
        assert stage.openings("IP_2") == before
