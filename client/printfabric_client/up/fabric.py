"""A whole fabric on one machine: simulators, port monitor, spooler, configuration service, in this order."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from printfabric_client.address import ADDRESS_FILE, DEFAULT_ADDRESS
from printfabric_client.errors import NotSupported, Refused
from printfabric_client.up.part import Part, Say
from printfabric_client.up.place import Place

CONSOLE_PORT = 26154
HOST = "local"
"""The one host's name. Not the machine's: containers get a new one at each start, and ports keep theirs."""

# Ctrl-C ends everything within 5 s: so many seconds each part may take, in the order of ending.
_END: tuple[dict[str, float], ...] = (
    {"spooler": 2.2, "configuration service": 2.2},
    {"port monitor": 1.2},
    {"simulated printers": 0.5},
)

Step = Callable[[str, str], None]
"""Called with (what has started, where it is)."""


class LocalFabric:
    """The programs of a fabric in one state directory.

    Args:
        place: where it lives.
        listen: the spooler's address; port 0 takes a free one.
        fleet: the simulated printers, as a YAML file's content made of JSON; None: none.
    """

    def __init__(self, place: Place, *, listen: str, fleet: Callable[[], Mapping[str, Any]] | None) -> None:
        self.place = place
        self.parts: list[Part] = []
        self._listen = {"spooler": listen, "portmon": "127.0.0.1:0", "portui": "127.0.0.1:0"}
        self._metrics: dict[str, str] = dict.fromkeys(("spooler", "portmon", "portui"), "127.0.0.1:0")
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
        return self._listen["spooler"]

    @property
    def console(self) -> str:
        """The console's address in a browser; empty where the configuration service is not installed."""
        return f"http://{self._web}" if self._web else ""

    @property
    def metrics(self) -> dict[str, str]:
        """Where each part tells its figures, by program."""
        return {name: f"http://{at}/metrics" for name, at in self._metrics.items() if not at.endswith(":0")}

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
        keepers: list[asyncio.Task[None]] = []
        try:
            if self._fleet is not None:
                keepers.append(await self._begin_simulators(step, say))
            for name, program in (("port monitor", "portmon"), ("spooler", "spooler")):
                keepers.append(await self._begin(name, program, step, say))
            if importlib.util.find_spec("portui.__main__") is not None:
                keepers.append(await self._begin("configuration service", "portui", step, say))
            self._write_address()
            yield
        finally:
            await self._end(keepers)

    async def _begin_simulators(self, step: Step, say: Say) -> asyncio.Task[None]:
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
            self.control = f"http://127.0.0.1:{part.ready['control']}"

        part = Part(
            "simulated printers", "printfabric_sim.command:main", arguments,
            self.place.ready_file("simulators"), self.place.log("simulators"),
        )  # fmt: skip
        return await self._started(part, step, say, learn)

    async def _begin(self, name: str, program: str, step: Step, say: Say) -> asyncio.Task[None]:
        ready_file = self.place.ready_file(program)

        def arguments() -> list[str]:
            file = self.place.settings(program)
            file.write_text(_toml(self._settings(program)), "utf-8")
            return ["--config", str(file)]

        def learn() -> None:
            # From now on a restart comes back to the same addresses.
            self._listen[program] = part.ready["addresses"][0]
            self._metrics[program] = part.ready.get("metrics") or self._metrics[program]

        part = Part(name, program, arguments, ready_file, self.place.log(program))
        return await self._started(part, step, say, learn)

    async def _started(
        self, part: Part, step: Step, say: Say, learn: Callable[[], None]
    ) -> asyncio.Task[None]:
        self.parts.append(part)
        await part.start()
        learn()
        names = [each["name"] for each in part.ready.get("printers", ())]
        step(part.name, ", ".join(part.ready.get("addresses", names)))

        def again() -> None:
            learn()
            self._write_address()

        return asyncio.create_task(part.keep_running(say, again), name=part.name)

    def kill(self) -> None:
        """End every part at once."""
        for part in self.parts:
            part.kill()

    def _settings(self, program: str) -> dict[str, Any]:
        server: dict[str, Any] = {
            "listen": [self._listen[program]],
            "metrics_listen": self._metrics[program],
            "ready_file": str(self.place.ready_file(program)),
            "grace_s": 0.5,
            # Whoever tries things out asks with grpcurl; everything here is on this machine only.
            "reflection": True,
        }
        common: dict[str, Any] = {"server": server, "log": {"format": "console", "rpc": "failed"}}
        if program == "portui":
            if not self._web:
                # A fabric at another address than the usual leaves the usual one to others, here too.
                wanted = CONSOLE_PORT if self.spooler == DEFAULT_ADDRESS else 0
                self._web = f"127.0.0.1:{free_port(wanted) or _any_port()}"
            simulators = {"simulators": self.control} if self.control else {}
            return {"spooler": self.spooler, "web_listen": self._web, **simulators, **common}
        common["state_dir"] = str(self.place.data(program))
        if program == "portmon":
            return {"host_name": HOST, **common}
        hosts = [{"name": HOST, "address": self._listen["portmon"]}]
        return {"spooler_id": HOST, **common, "dispatch": {"drain_s": 1.0}, "hosts": hosts}

    def _write_address(self) -> None:
        self.place.remember(
            ADDRESS_FILE,
            {
                "pid": os.getpid(),
                "spooler": self.spooler,
                "portui": self._listen["portui"],
                "console": self.console,
                "host": HOST,
                "metrics": self.metrics,
                "paper": str(self.paper),
                "simulators": self.control,
                "parts": {part.name: part.pid for part in self.parts},
            },
        )

    async def _end(self, keepers: list[asyncio.Task[None]]) -> None:
        # The spooler first, so that it lets go of the ports; then those, then what hangs on them.
        for names in _END:
            await asyncio.gather(*(part.end(names[part.name]) for part in self.parts if part.name in names))
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)


def free_port(wanted: int) -> int:
    """Return `wanted` if nobody listens there on loopback, else 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _must_be_free(address: str) -> None:
    host, _, port = address.rpartition(":")
    if host not in {"127.0.0.1", "localhost"}:
        raise Refused(f"{address} leaves this machine; `printfabric up` listens on 127.0.0.1 only")
    if int(port) and not free_port(int(port)):
        raise Refused(
            f"{address} is taken by another program, perhaps another fabric; "
            "end that one, or take a free port with --listen 127.0.0.1:0"
        )


def _toml(table: Mapping[str, Any]) -> str:
    """Return `table` as TOML: scalars and lists first, then tables, then arrays of tables."""
    lines: list[str] = []
    _toml_table(lines, "", table)
    return "\n".join(lines) + "\n"


def _toml_table(lines: list[str], path: str, table: Mapping[str, Any]) -> None:
    for name, value in table.items():
        if not isinstance(value, Mapping) and not _tables(value):
            # A JSON string, number or list of strings is a TOML one.
            lines.append(f"{name} = {json.dumps(value)}")
    for name, value in table.items():
        if isinstance(value, Mapping):
            lines.append(f"\n[{path}{name}]")
            _toml_table(lines, f"{path}{name}.", value)
        elif _tables(value):
            for item in value:
                lines.append(f"\n[[{path}{name}]]")
                _toml_table(lines, f"{path}{name}.", item)


def _tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
