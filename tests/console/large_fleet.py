"""A console over a fleet that is not there: so many ports, every one of which changes every second.

python -m tests.console.large_fleet PORTS LISTEN
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

from chassis.client import Channels
from portui.fabric import Spooler
from portui.fabric_access import Access
from portui.fabric_alerts import Alerts
from portui.fabric_print import Printing
from portui.fabric_status import Status
from portui.fabric_watch import Change
from portui.live import Live
from portui.model import Host, Job, JobState, Port, PortState, Printer, Proof
from portui.simulated import Simulators
from portui.web.app import serve
from portui.web.doorman import Doorman
from portui.web.rendering import Console
from tests.rig.programs import running, wait_until
from tests.surroundings import free_port

_NOWHERE = "127.0.0.1:1"
_ON_A_HOST = 10
_PRINTING = 1  # one port of so many has a job on it
_SIZE = 1_000_000
BEGAN = datetime.now(UTC)


def port(number: int) -> Port:
    """Return a port; one of fifty is in trouble."""
    state = PortState.ERROR if number % 50 == 7 else PortState.READY
    return Port(f"edge-{number // _ON_A_HOST:03}", f"IP_10.4.{number // 200}.{number % 200}", "Standard TCP/IP Port",
                "Raw TCP", state)  # fmt: skip


def job(number: int, second: int) -> Job:
    """Return the job on a port, as far as it is in a second."""
    acked = (second * second * 1013 + number * 7919) % _SIZE
    return Job(number, f"p{number}", f"Pallet tags {number}", "wms", _SIZE, JobState.PROCESSING,
               proof=Proof(accepted=acked, acked=acked), port=port(number).key, attempts=1, created=BEGAN)  # fmt: skip


class Fleet:
    """A watch that tells of it."""

    def __init__(self, count: int) -> None:
        self._count = count

    async def changes(self) -> AsyncIterator[Change]:
        """Yield a snapshot, then what changes, each second."""
        numbers = range(self._count)
        yield Change(
            begins=True,
            ports=tuple(port(number) for number in numbers),
            printers=tuple(Printer(f"p{number}", (port(number).key,)) for number in numbers),
            hosts=tuple(Host(f"edge-{one:03}", "online") for one in range(-(-self._count // _ON_A_HOST))),
            jobs=tuple(job(number, 0) for number in numbers[::_PRINTING]),
        )
        second = 0
        while True:
            await asyncio.sleep(1)
            second += 1
            yield Change(jobs=tuple(job(number, second) for number in numbers[::_PRINTING]))


class Stamped(Live):
    """What is known, in frames that say when they were made: milliseconds of the machine's clock."""

    def _say(self, about: Mapping[str, object], ports: Mapping[str, object]) -> None:
        super()._say({**about, "made": round(time.time() * 1000)}, ports)


@contextmanager
def running_fleet(count: int, folder: Path) -> Iterator[tuple[str, int]]:
    """Run a console over so many ports in a process of its own; yield its address and process id."""
    listen = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "tests.console.large_fleet", str(count), listen]
    with running(command, folder / f"fleet-{count}.log", cwd=Path(__file__).parents[2]) as process:
        wait_until(lambda: _serves(listen, count, process), 50, "the console never served")
        yield f"http://{listen}", process.pid


def _serves(listen: str, count: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        with urlopen(f"http://{listen}/ports", timeout=10) as answer:
            return f"{count:,} port" in answer.read().decode()
    except OSError:
        return False


async def run(count: int, listen: str) -> None:
    """Serve it until killed."""
    async with Channels() as channels:
        live = Stamped(Fleet(count))
        console = Console(
            live=live,
            printing=Printing(channels, _NOWHERE),
            spooler=Spooler(channels, _NOWHERE),
            status=Status(channels, _NOWHERE),
            simulators=Simulators(""),
            alerts=Alerts(channels, _NOWHERE),
            doorman=Doorman(Access(channels, _NOWHERE)),
            provider=None,
            address=_NOWHERE,
        )
        await asyncio.gather(live.follow(), live.beat(), serve(console, listen))


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), sys.argv[2]))
