"""A whole fabric on one machine: port monitor and simulators, spooler, configuration service, and simulated hosts."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any

from printfabric_client.address import ADDRESS_FILE, DEFAULT_ADDRESS
from printfabric_client.errors import NotSupported, Refused
from printfabric_client.up.addresses import LOOPBACK, KeptPort, free_port
from printfabric_client.up.part import Part, Say
from printfabric_client.up.place import Place
from printfabric_client.up.toml_text import toml

CONSOLE_PORT = 26154
HOME = "local"
"""This machine's name as a host. Not its own: containers get a new one at each start, and ports keep theirs."""

SPOOLER, HOME_PORTS, CONSOLE = "spooler", "port monitor", "configuration service"
SIMULATORS = "simulated printers"
# Ctrl-C ends everything within 5 s: so many seconds each part may take, in the order of ending. The spooler first, so
# that it lets go of the ports; then those, then what hangs on them.
_END_SERVICES_S, _END_HOSTS_S, _END_SIMULATORS_S = 2.2, 1.2, 0.5
_ANY_PORT = f"{LOOPBACK}:0"

Step = Callable[[str, str, float], None]
"""Called with (what has started, where it is, how many seconds it took)."""


class LocalFabric:
    """The programs of a fabric in one state directory.

    Args:
        place: where it lives.
        listen: the spooler's address; port 0 takes a free one.
        fleet: the simulated printers, as a YAML file's content made of JSON; None: none.
        hosts: simulated hosts beside this machine: a port monitor each, whose devices are in `hosts/NAME/dev`.
    """

    def __init__(
        self,
        place: Place,
        *,
        listen: str,
        fleet: Callable[[], Mapping[str, Any]] | None,
        hosts: Sequence[str] = (),
    ) -> None:
        self.place = place
        self.parts: list[Part] = []
        self._hosts = {f"host {name}": name for name in hosts}  # by the names of their parts
        self._metrics = dict.fromkeys((SPOOLER, HOME_PORTS, CONSOLE, *self._hosts), _ANY_PORT)
        self._listen = {**self._metrics, SPOOLER: listen}
        self._kept: list[KeptPort] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._web = ""
        self._fleet = fleet
        self.simulated = fleet is not None
        self.settled = False
        self.paper = place.root / "paper" / "latest"
        self.control = ""
        """Where the simulated printers are broken and mended, as http://127.0.0.1:PORT; empty without them."""

    @property
    def spooler(self) -> str:
        """The spooler's address."""
        return self._listen[SPOOLER]

    @property
    def console(self) -> str:
        """The console's address in a browser; empty where the configuration service is not installed."""
        return f"http://{self._web}" if self._web else ""

    @property
    def metrics(self) -> dict[str, str]:
        """Where each part tells its figures, by program; simulated hosts by their names."""
        told = ((part, at) for part, at in self._metrics.items() if at != _ANY_PORT)
        return {self._hosts.get(part, _program(part)): f"http://{at}/metrics" for part, at in told}

    @property
    def hosts(self) -> Sequence[str]:
        """The simulated hosts, by name."""
        return tuple(self._hosts.values())

    def process_of(self, host: str) -> int | None:
        """Return the process id of a simulated host's port monitor, while it runs."""
        return next((part.pid for part in self.parts if self._hosts.get(part.name) == host), None)

    @contextlib.asynccontextmanager
    async def running(self, step: Step, say: Say) -> AsyncIterator[None]:
        """Start everything, keep it running while the block runs, end everything in order.

        Raises:
            PartDied: a part does not start.
            Refused: an address is taken.
        """
        missing = [name for name in ("spooler", "portmon") if importlib.util.find_spec(name) is None]
        if missing:
            raise NotSupported(
                "the services are not installed here; `pip install 'print-fabric[all]'` does it"
            )
        _must_be_free(self.spooler)
        try:
            self._listen |= {part: self._keep_port() for part in self._hosts}
            await self._begin_all(step, say)
            self._write_address()
            yield
        finally:
            await self._end()

    async def _begin_all(self, step: Step, say: Say) -> None:
        """Start the parts, as many at a time as do not need each other."""
        first = [self._begin_service(HOME_PORTS, step, say)]
        if self._fleet is not None:
            first.append(self._begin_simulators(step, say))
        await _together(*first)
        await _together(self._begin_services(step, say), self._begin_hosts(step, say))

    async def _begin_services(self, step: Step, say: Say) -> None:
        await self._begin_service(SPOOLER, step, say)
        if importlib.util.find_spec("portui.__main__") is not None:
            await self._begin_service(CONSOLE, step, say)

    async def _begin_hosts(self, step: Step, say: Say) -> None:
        for part in self._hosts:
            await self._begin_service(part, step, say)

    async def _begin_simulators(self, step: Step, say: Say) -> None:
        assert self._fleet is not None
        make_fleet = self._fleet

        def arguments() -> list[str]:
            file = self.place.data("settings") / "fleet.yaml"
            file.write_text(json.dumps(make_fleet(), indent=2), "utf-8")  # JSON is YAML
            self.paper = self.place.new_paper()
            return [
                "fleet", str(file), "--output", str(self.paper),
                "--ready-file", str(self.place.ready_file("simulators")),
            ]  # fmt: skip

        def learn() -> None:
            self.control = f"http://{LOOPBACK}:{part.ready['control']}"

        part = Part(
            SIMULATORS, "printfabric_sim.command:main", arguments,
            self.place.ready_file("simulators"), self.place.log("simulators"),
        )  # fmt: skip
        await self._begin(part, step, say, learn)

    async def _begin_service(self, name: str, step: Step, say: Say) -> None:
        file_name = self._file_name(name)
        ready_file = self.place.ready_file(file_name)

        def arguments() -> list[str]:
            file = self.place.settings(file_name)
            file.write_text(toml(self._settings(name)), "utf-8")
            return ["--config", str(file)]

        def learn() -> None:
            # From now on a restart comes back to the same addresses.
            self._listen[name] = part.ready["addresses"][0]
            self._metrics[name] = part.ready.get("metrics") or self._metrics[name]

        part = Part(name, _program(name), arguments, ready_file, self.place.log(file_name))
        await self._begin(part, step, say, learn)

    async def _begin(self, part: Part, step: Step, say: Say, learn: Callable[[], None]) -> None:
        self.parts.append(part)
        began = time.monotonic()
        await part.start()
        learn()
        names = [each["name"] for each in part.ready.get("printers", ())]
        where = self.console if part.name == CONSOLE else ", ".join(part.ready.get("addresses", names))
        step(part.name, where, time.monotonic() - began)

        def again() -> None:
            learn()
            self._write_address()

        self._keepers.append(asyncio.create_task(part.keep_running(say, again), name=part.name))

    def kill(self) -> None:
        """End every part at once."""
        for part in self.parts:
            part.kill()

    def _settings(self, name: str) -> dict[str, Any]:
        server: dict[str, Any] = {
            "listen": [self._listen[name]],
            "metrics_listen": self._metrics[name],
            "ready_file": str(self.place.ready_file(self._file_name(name))),
            "grace_s": 0.5,
            # Whoever tries things out asks with grpcurl; everything here is on this machine only.
            "reflection": True,
        }
        common: dict[str, Any] = {"server": server, "log": {"format": "console", "rpc": "failed"}}
        if name == CONSOLE:
            return {**common, **self._console_settings()}
        if name == SPOOLER:
            return {**common, **self._spooler_settings()}
        if name == HOME_PORTS:
            return {"host_name": HOME, "state_dir": str(self.place.data("portmon")), **common}
        return {**common, **self._host_settings(self._hosts[name])}

    def _console_settings(self) -> dict[str, Any]:
        if not self._web:
            # A fabric at another address than the usual leaves the usual one to others, here too.
            wanted = CONSOLE_PORT if self.spooler == DEFAULT_ADDRESS else 0
            self._web = f"{LOOPBACK}:{wanted}" if wanted and free_port(wanted) else self._keep_port()
        simulators = {"simulators": self.control} if self.control else {}
        return {"spooler": self.spooler, "web_listen": self._web, **simulators}

    def _spooler_settings(self) -> dict[str, Any]:
        hosts = {HOME_PORTS: HOME, **self._hosts}
        return {
            "spooler_id": HOME,
            "state_dir": str(self.place.data("spooler")),
            "dispatch": {"drain_s": 1.0},
            "hosts": [{"name": host, "address": self._listen[part]} for part, host in hosts.items()],
        }

    def _host_settings(self, host: str) -> dict[str, Any]:
        """Return what makes a port monitor a host of its own: name, state, devices."""
        root = self.place.data(f"hosts/{host}")
        return {
            "host_name": host,
            "state_dir": str(root / "portmon"),
            "device_root": str(root / "dev"),
            "sys_root": str(root / "sys"),
        }

    def _write_address(self) -> None:
        self.place.remember(
            ADDRESS_FILE,
            {
                "pid": os.getpid(),
                "spooler": self.spooler,
                "portui": self._listen[CONSOLE],
                "console": self.console,
                "host": HOME,
                "metrics": self.metrics,
                "paper": str(self.paper),
                "simulators": self.control,
                "parts": {part.name: part.pid for part in self.parts},
            },
        )

    async def _end(self) -> None:
        # First: what has died is not begun again behind the back of those that end it.
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for names, patience_s in (
            ({SPOOLER, CONSOLE}, _END_SERVICES_S),
            ({HOME_PORTS, *self._hosts}, _END_HOSTS_S),
            ({SIMULATORS}, _END_SIMULATORS_S),
        ):
            await asyncio.gather(*(part.end(patience_s) for part in self.parts if part.name in names))
        for kept in self._kept:
            kept.close()

    def _keep_port(self) -> str:
        self._kept.append(KeptPort())
        return self._kept[-1].address

    def _file_name(self, part: str) -> str:
        """Return the name of a part's files: its program's, and of a simulated host the host's."""
        host = self._hosts.get(part)
        return f"portmon-{host}" if host else _program(part)


def _program(part: str) -> str:
    return {SPOOLER: "spooler", CONSOLE: "portui"}.get(part, "portmon")


async def _together(*work: Coroutine[Any, Any, None]) -> None:
    """Do several things at a time; the first that fails ends the others and is raised."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for one in work:
                tasks.create_task(one)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


def _must_be_free(address: str) -> None:
    host, _, port = address.rpartition(":")
    if host not in {LOOPBACK, "localhost"}:
        raise Refused(f"{address} leaves this machine; `printfabric up` listens on 127.0.0.1 only")
    if int(port) and not free_port(int(port)):
        raise Refused(
            f"{address} is taken by another program, perhaps another fabric; "
            "end that one, or take a free port with --listen 127.0.0.1:0"
        )
