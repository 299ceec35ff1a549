"""A whole fabric of real processes: spooler, port monitor, receivers, and the line between them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import Outcome
from printfabric_client.sync import Client
from tests.rig.cutting_proxy import CuttingProxy
from tests.rig.programs import Program
from tests.rig.receivers import Receiver

HOST = "edge"
_SERVICE = ["[server]", 'metrics_listen = "127.0.0.1:0"', "[log]", 'rpc = "failed"']


def toml(table: dict[str, Any]) -> str:
    """Return a table of scalars as an inline TOML table."""
    return "{" + ", ".join(f"{name} = {json.dumps(value)}" for name, value in table.items()) + "}"


def portmon_settings(state_dir: Path, receivers: Sequence[Receiver], more: str = "", host: str = HOST) -> str:
    """Return a port monitor's settings."""
    lines = [f'host_name = "{host}"', f'state_dir = "{state_dir}"', more]
    lines += _SERVICE
    for one in receivers:
        lines += [
            "[[ports]]",
            f'name = "{one.port}"',
            f'monitor = "{one.monitor}"',
            f"settings = {toml(one.settings)}",
        ]
    return "\n".join(lines) + "\n"


def spooler_settings(
    state_dir: Path, host: str, printers: dict[str, list[str]], more: str = "", dispatch: str = ""
) -> str:
    """Return a spooler's settings; `printers` are names and their ports on the one host. No address: it dials in."""
    lines = [f'state_dir = "{state_dir}"', more, *_SERVICE, "[dispatch]", "drain_s = 0.5", dispatch]
    if host:
        lines += ["[[hosts]]", f'name = "{HOST}"', f'address = "{host}"']
    for name, ports in printers.items():
        names = json.dumps([f"{HOST}/{port}" for port in ports])
        lines += ["[[printers]]", f'name = "{name}"', f"ports = {names}"]
    return "\n".join(lines) + "\n"


class RealFabric:
    """One spooler, one port monitor, a printer for each receiver, named like its port in lower case."""

    def __init__(
        self,
        folder: Path,
        receivers: Sequence[Receiver],
        *,
        proxied: bool = False,
        link_rate: int = 0,
        spooler: str = "",
        portmon: str = "",
        dispatch: str = "",
    ) -> None:
        self.folder = folder
        self.receivers = {printer_of(one): one for one in receivers}
        self.portmon = Program("portmon", folder, portmon_settings(folder / "pm", receivers, portmon))
        self.proxy = CuttingProxy(self.portmon.address, link_rate) if proxied else None
        host = self.proxy.address if self.proxy else self.portmon.address
        printers = {printer_of(one): [one.port] for one in receivers}
        settings = spooler_settings(folder / "sp", host, printers, spooler, dispatch)
        self.spooler = Program("spooler", folder, settings)

    def start(self) -> None:
        """Start everything."""
        for one in self.receivers.values():
            one.begin()
        self.portmon.start()
        self.spooler.start()

    def close(self) -> None:
        """End everything."""
        self.spooler.stop()
        self.portmon.stop()
        if self.proxy is not None:
            self.proxy.close()
        for one in self.receivers.values():
            one.end()

    def client(self, **options: Any) -> Client:
        """Return a client of the spooler; it lives through the spooler's restarts."""
        return Client(self.spooler.address, **options)


def printer_of(receiver: Receiver) -> str:
    """Return the printer's name of a receiver's port."""
    return receiver.port.strip(":").lower()


@contextlib.contextmanager
def real_fabric(
    folder: Path,
    receivers: Sequence[Receiver],
    *,
    proxied: bool = False,
    link_rate: int = 0,
    spooler: str = "",
    portmon: str = "",
    dispatch: str = "",
) -> Iterator[RealFabric]:
    """Run a fabric until the context ends; `spooler`, its `dispatch` and `portmon` are more lines of settings."""
    fabric = RealFabric(
        folder,
        receivers,
        proxied=proxied,
        link_rate=link_rate,
        spooler=spooler,
        portmon=portmon,
        dispatch=dispatch,
    )
    try:
        fabric.start()
        yield fabric
    except BaseException:
        for program in (fabric.spooler, fabric.portmon):
            print(f"--- {program.module}\n{program.last_words()}")
        raise
    finally:
        fabric.close()


def clear_printer(client: Client, port: str) -> None:
    """Do what a person does where half a document keeps a port waiting: clear the printer, and say so."""
    name = f"{HOST}/{port}"
    if any(one.title == "It is clear: go on" for one in client.explain(name).actions):
        client.ports.resume(name)


def printed(job: Job) -> bool:
    """It ended, and all of it is on paper."""
    return job.state == JobState.JOB_STATE_COMPLETED and job.outcome == Outcome.OUTCOME_PRINTED


def brief(job: Job) -> str:
    """Return a job in one line, for messages."""
    ledger = job.ledger
    return (
        f"job {job.number}: {JobState.Name(job.state)} {Outcome.Name(job.outcome)} attempts {job.attempts} "
        f"spooled {ledger.offsets.spooled} accepted {ledger.offsets.accepted} acked {ledger.offsets.acked} "
        f"uncertain {ledger.uncertain.start}..{ledger.uncertain.end} {job.last_error.reason} {job.hold_reason}"
    )
