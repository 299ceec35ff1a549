"""Network printers that others wrote, and simulated ones, through real processes: IPP, LPR, and the status by SNMP."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import EvidenceLevel, EvidenceSource
from tests.rig.documents import ALL_BYTES, pdf, zpl
from tests.rig.network_programs import cups_lpd, eve_printer, snmpd
from tests.rig.programs import wait_until
from tests.rig.real_fabric import HOST, RealFabric, brief, printed, real_fabric
from tests.rig.receivers import Receiver, TcpReceiver

# hrDevice.1 and what its printer says: a door is open.
DOOR_OPEN = {
    ".1.3.6.1.2.1.25.3.2.1.5.1": ("integer", "5"),
    ".1.3.6.1.2.1.25.3.2.1.3.1": ("octet_str", '"LabelJet 9"'),
    ".1.3.6.1.2.1.25.3.5.1.1.1": ("integer", "1"),
    ".1.3.6.1.2.1.25.3.5.1.2.1": ("octet_str", "0x0800"),
    ".1.3.6.1.2.1.43.16.5.1.2.1.1": ("octet_str", '"CLOSE DOOR"'),
}


def evidence(job: Job) -> set[tuple[str, str]]:
    return {
        (EvidenceLevel.Name(one.level).rpartition("_")[2], EvidenceSource.Name(one.source).rpartition("_")[2])
        for one in job.ledger.evidence
    }


class Command:
    """The printfabric command, as a person types it."""

    def __init__(self, fabric: RealFabric) -> None:
        self._line = [sys.executable, "-m", "printfabric_client.command", "--address", fabric.spooler.address]

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run([*self._line, *arguments], capture_output=True, text=True, timeout=50)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def port(self, name: str) -> Any:
        return json.loads(self("ports", "show", f"{HOST}/{name}", "--json"))

    def until(self, so: Callable[[Any], object], name: str) -> Any:
        deadline = time.monotonic() + 20
        while not so(found := self.port(name)):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found


@pytest.mark.timeout(90)
@pytest.mark.parametrize("tls", [False, True], ids=["ipp", "ipps"])
def test_an_ipp_everywhere_printer_gets_each_document_once_and_confirms_it(tmp_path: Path, tls: bool) -> None:
    documents = [pdf(400_000, seed=3), b"RaS2" + ALL_BYTES * 40, b"%PDF-1.4"]
    with (
        eve_printer("IPP_EVE", tmp_path, tls=tls) as printer,
        real_fabric(tmp_path, [printer]) as fabric,
        fabric.client() as client,
    ):
        for document in documents:
            job = client.wait(
                client.submit(document, printer="ipp_eve").number, timeout_s=40, or_decision=True
            )
            assert printed(job), brief(job)
            assert ("CONFIRMED", "IPP") in evidence(job)
            assert job.ledger.offsets.confirmed == len(document)
        assert printer.settled() == b"".join(documents)
        if not tls:  # a job that prints for long is canceled at the printer too
            printer.hold(True)
            job = client.submit(b"%PDF-never", printer="ipp_eve")
            log = tmp_path / "ippeveprinter.log"
            wait_until(lambda: client.get(job.number).ledger.offsets.acked == 10)
            client.cancel(job.number)
            assert client.wait(job.number, timeout_s=20).state == JobState.JOB_STATE_CANCELED
            wait_until(lambda: b"Cancel-Job" in log.read_bytes() or printer.count > sum(map(len, documents)))
            printer.hold(False)


@pytest.mark.timeout(90)
def test_a_cups_server_gets_each_document_once_through_its_line_printer_daemon(tmp_path: Path) -> None:
    documents = [zpl(2000), ALL_BYTES * 40, b"\x00"]
    with (
        cups_lpd("LPR_CUPS", tmp_path) as printer,
        real_fabric(tmp_path, [printer]) as fabric,
        fabric.client() as client,
    ):
        for document in documents:
            job = client.wait(
                client.submit(document, printer="lpr_cups").number, timeout_s=40, or_decision=True
            )
            assert printed(job), brief(job)
            assert evidence(job) == {("SPOOLED", "SPOOL"), ("ACCEPTED", "JOURNAL"), ("ACKED", "LPD")}
        wait_until(lambda: printer.count >= sum(map(len, documents)), why="bytes are missing")
        assert printer.settled() == b"".join(documents)


class Watched(TcpReceiver):
    """A raw TCP printer whose status is asked for by SNMP."""

    def __init__(self, port: str, agent: int, community: str = "public") -> None:
        super().__init__(port)
        self._more = {"snmpEnabled": True, "snmpPort": agent, "snmpCommunity": community}

    @property
    def settings(self) -> dict[str, Any]:
        return super().settings | self._more


@pytest.mark.timeout(60)
def test_the_status_of_a_real_agent_is_shown_and_a_wrong_community_stops_nothing(tmp_path: Path) -> None:
    with snmpd(tmp_path, DOOR_OPEN) as agent:
        right, wrong = Watched("IP_RIGHT", agent.number), Watched("IP_WRONG", agent.number, "secret")
        receivers: list[Receiver] = [right, wrong]
        with real_fabric(tmp_path, receivers) as fabric, fabric.client() as client:
            command = Command(fabric)
            found = command.until(lambda port: port.get("status"), "IP_RIGHT")
            (report,) = found["status"]
            assert report["condition"] == "door-open"
            assert report["severity"] == "error"
            assert report["reporter"] == "snmp"
            assert report["text"] == "a door is open; its display says: CLOSE DOOR"
            assert report["expire_time"] > report["report_time"]
            assert found["state"] == "error"
            job = client.wait(client.submit(b"^XA^XZ", printer="ip_wrong").number, timeout_s=20)
            assert printed(job), brief(job)
            assert not command.port("IP_WRONG").get("status")


@pytest.mark.timeout(90)
def test_ports_are_added_by_command_and_a_simulated_printers_every_way_leads_to_its_paper(
    tmp_path: Path, sim_printer: Any
) -> None:
    printer = sim_printer("zpl", tcp=0, lpd=0, ipp=0, snmp=0)
    agent = ["snmpEnabled=true", f"snmpPort={printer.address['snmp']}"]
    ways = {
        "IP_SIM": ["-m", "Standard TCP/IP Port", "host=127.0.0.1", f"port={printer.port}"],
        "LPR_SIM": ["-m", "lpr", "host=127.0.0.1", f"port={printer.address['lpd']}", "queue=labels"],
        "IPP_SIM": ["-m", "ipp", f"uri={printer.address['ipp']}"],
    }
    with real_fabric(tmp_path, []) as fabric, fabric.client() as client:
        command = Command(fabric)
        wait_until(lambda: f"{HOST}  online" in command("hosts"))
        sources = {}
        for number, (name, settings) in enumerate(ways.items()):
            command("ports", "add", f"{HOST}/{name}", *settings, *agent)
            command("printers", "add", name.lower(), "--port", f"{HOST}/{name}")
            document = b"^XA^FO50,50^FDserial %05d^FS^XZ" % number
            job = client.wait(
                client.submit(document, printer=name.lower()).number, timeout_s=30, or_decision=True
            )
            assert printed(job), brief(job)
            sources[name] = evidence(job)
        assert sources["LPR_SIM"] == {("SPOOLED", "SPOOL"), ("ACCEPTED", "JOURNAL"), ("ACKED", "LPD")}
        assert ("CONFIRMED", "IPP") in sources["IPP_SIM"]
        assert len(printer.wait_units(3)) == 3
        printer.fault("cover-open")  # a job that waits for a person is one that is asked about
        job = client.submit(b"^XA^FO50,50^FDserial 00003^FS^XZ", printer="ipp_sim")
        found = command.until(lambda port: len(port.get("status", [])) == 2, "IPP_SIM")
        assert {report["reporter"] for report in found["status"]} == {"ipp", "snmp"}
        assert {report["condition"] for report in found["status"]} == {"door-open"}
        assert found["state"] == "error"
        printer.clear("cover-open")
        assert printed(client.wait(job.number, timeout_s=20))
