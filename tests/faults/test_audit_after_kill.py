"""A real spooler is killed while somebody acts: what has changed afterwards is in the history, once, and nothing else is."""

from __future__ import annotations

import random
import time
from pathlib import Path

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from printfabric.spooler.v1.printer_service_pb2_grpc import PrinterServiceStub
from printfabric_client.sync import Client
from tests.rig.real_fabric import RealFabric, real_fabric
from tests.rig.receivers import TcpReceiver

KILLS = 3
THREE_LABELS = b"".join(b"^XA^FDlabel %d^FS^XZ" % label for label in range(1, 4))


def kill(fabric: RealFabric) -> None:
    fabric.spooler.kill()
    fabric.spooler.start()


def reprints(client: Client, number: int) -> list[str]:
    return [event.text for event in client.events(number) if event.kind == "reprinted"]


def test_a_reprint_is_in_the_history_although_the_spooler_is_killed_at_its_answer(tmp_path: Path) -> None:
    with real_fabric(tmp_path, [TcpReceiver("IP_A")]) as fabric, fabric.client() as client:
        job = client.wait(client.submit(THREE_LABELS, printer="ip_a").number, timeout_s=30)
        made = client.reprint(job.number, [(2, 3)], reason="torn", request_id="r-1")
        kill(fabric)
        lines = reprints(client, job.number)
        assert [line.partition(" (")[0] for line in lines] == [f"units 2-3 as job {made.number}"]
        assert client.reprint(job.number, [(2, 3)], reason="torn", request_id="r-1").number == made.number
        assert reprints(client, job.number) == lines


def test_a_printer_is_changed_with_its_line_or_not_at_all_whenever_the_spooler_is_killed(
    tmp_path: Path,
) -> None:
    moments = random.Random(7)
    with real_fabric(tmp_path, [TcpReceiver("IP_A")]) as fabric, fabric.client() as client:
        for count in range(KILLS):
            words = f"description {count}"
            with grpc.insecure_channel(fabric.spooler.address) as channel:
                stub = PrinterServiceStub(channel)
                stub.GetPrinter(printer_pb.GetPrinterRequest(name="printers/ip_a"), wait_for_ready=True)
                printer = printer_pb.Printer(name="printers/ip_a", description=words)
                stub.UpdatePrinter.future(
                    printer_pb.UpdatePrinterRequest(
                        printer=printer, update_mask=FieldMask(paths=["description"])
                    )
                )
                time.sleep(moments.uniform(0.0015, 0.006))
                fabric.spooler.kill()
            fabric.spooler.start()
            changed = client.printers.get("ip_a").description == words
            told = [entry for entry in client.history("printers/ip_a") if entry.text.endswith(words)]
            assert len(told) == changed
