"""The IPP port and its printer: formats, refusals, the job's own end as proof, Cancel-Job, and TLS."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chassis.errors import (
    DeviceFault,
    DeviceOffline,
    JobCanceled,
    NotSupported,
    PortBusy,
    Verdict,
    WriteTimeout,
)
from portmon.bidi.parts import LOW_LEVEL
from portmon.bidi.schema import value_at
from portmon.document import Disposition, DocInfo, Evidence, Phase, Progress
from portmon.ipp.settings import IppSettings
from portmon.reports import Condition, Severity
from printfabric_sim.connections.ipp_message import Tag, Value, keywords, values
from tests.contract.ipp_rig import IppRig
from tests.contract.monitor_contract import Bench, new_key
from tests.contract.peer import wait_for

BIG = os.urandom(1 << 20)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[IppRig]:
    found = IppRig(tmp_path)
    yield found
    found.go_on()
    found.stop()


@pytest.fixture
async def bench(rig: IppRig, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    found = Bench(rig, **getattr(request, "param", {}))
    await found.open()
    yield found
    await found.close()
    found.journal.close()


def using(**settings: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("bench", [settings], indirect=True, ids=" ".join)


async def send(bench: Bench, data: bytes, **info: Any) -> Progress:
    return await bench.slice(
        new_key(), start=DocInfo(**info), data=data, end=Disposition.COMPLETE, size=len(data)
    )


async def test_a_job_is_made_filled_and_awaited_and_its_end_is_the_printers_own_word(
    rig: IppRig, bench: Bench
) -> None:
    end = await send(bench, b"%PDF-1.7" + BIG, user="maria", document_name="pick list")
    size = len(BIG) + 8
    assert (end.error, end.acked, end.confirmed, end.evidence) == (None, size, size, Evidence.IPP_JOB)
    assert rig.operations_asked() == [11, 5, 6, 9]
    created, document = rig.asked[1], rig.asked[2]
    assert created.text("job-name") == "pick list"
    assert created.text("requesting-user-name") == "maria"
    assert document.text("document-format") == "application/pdf"
    assert document.text("last-document") == "True"
    assert document.text("printer-uri") == f"ipp://127.0.0.1:{rig.address[1]}/ipp/print"


async def test_another_job_that_has_our_number_after_a_restart_confirms_nothing_and_is_not_canceled(
    rig: IppRig, bench: Bench
) -> None:
    rig.says = {"printer-up-time": [Value(Tag.INTEGER, 500)]}
    rig.end_state = 5  # it prints
    sending = asyncio.create_task(send(bench, b"%PDF-1.7"))
    await asyncio.to_thread(wait_for, lambda: 9 in rig.operations_asked())
    rig.says_of_jobs = {
        "time-at-creation": [Value(Tag.INTEGER, 20)],
        "job-printer-up-time": [Value(Tag.INTEGER, 30)],
    }
    rig.end_jobs(9)
    end = await sending
    assert (end.error, end.confirmed, end.evidence) == (None, 0, Evidence.IPP_TAKEN)
    assert 8 not in rig.operations_asked()


@pytest.mark.parametrize(("uuid", "evidence"), [("ours", Evidence.IPP_JOB), ("another", Evidence.IPP_TAKEN)])
async def test_a_job_that_has_a_uuid_is_told_by_it(
    rig: IppRig, bench: Bench, uuid: str, evidence: Evidence
) -> None:
    rig.says_of_jobs = {"job-uuid": [Value(Tag.URI, "urn:uuid:ours")]}
    rig.end_state = 5
    sending = asyncio.create_task(send(bench, b"%PDF-1.7"))
    await asyncio.to_thread(wait_for, lambda: 9 in rig.operations_asked())
    rig.says_of_jobs = {"job-uuid": [Value(Tag.URI, f"urn:uuid:{uuid}")]}
    rig.end_jobs(9)
    assert (await sending).evidence is evidence


async def test_a_printer_without_create_job_gets_print_job(rig: IppRig, bench: Bench) -> None:
    rig.operations = (2, 4, 8, 9, 11)
    assert (await send(bench, b"x" * 10)).evidence is Evidence.IPP_JOB
    assert rig.operations_asked() == [11, 2, 9]


@pytest.mark.parametrize(
    ("told", "data", "sent"),
    [
        ("", b"%PDF-1.4 x", "application/pdf"),
        ("", b"RaS2PwgRaster", "image/pwg-raster"),
        ("", b"^XA^XZ", "application/octet-stream"),
        ("application/vnd.zebra-zpl", b"^XA", "application/octet-stream"),
        ("APPLICATION/PDF", b"junk%PDF", "application/pdf"),
        ("", b"", "application/octet-stream"),
    ],
)
async def test_a_document_goes_as_what_it_is_where_the_printer_takes_that_and_else_as_bytes(
    rig: IppRig, bench: Bench, told: str, data: bytes, sent: str
) -> None:
    assert (await send(bench, data, format=told)).error is None
    assert rig.asked[2].text("document-format") == sent
    assert rig.received(len(data)) == data


@using(documentFormat="application/vnd.hp-PCL")
async def test_the_format_that_is_set_is_the_one_that_is_sent(rig: IppRig, bench: Bench) -> None:
    await send(bench, b"%PDF-1.4")
    assert rig.asked[2].text("document-format") == "application/vnd.hp-PCL"


async def test_a_document_that_the_printer_cannot_take_is_held_and_nothing_was_sent(
    rig: IppRig, bench: Bench
) -> None:
    rig.formats = ("image/urf", "application/pdf")
    end = await send(bench, b"^XA^XZ")
    assert isinstance(end.error, NotSupported)
    assert end.error.verdict is Verdict.HOLD
    assert "application/pdf, image/urf" in end.error.message
    assert (end.accepted, end.uncertain_end) == (0, 0)
    assert rig.operations_asked() == [11]


@pytest.mark.parametrize(
    ("status", "kind"), [(0x0507, PortBusy), (0x0403, DeviceOffline), (0x0500, DeviceOffline)]
)
async def test_a_job_that_is_refused_leaves_nothing_in_doubt(
    rig: IppRig, bench: Bench, status: int, kind: type[Exception]
) -> None:
    rig.refuse[5] = status
    end = await send(bench, b"x" * 10)
    assert isinstance(end.error, kind)
    assert (end.accepted, end.uncertain_end) == (0, 0)
    rig.refuse.clear()
    assert bench.session is not None
    assert (await send(bench, b"x" * 10)).error is None


async def test_a_printer_that_is_not_accepting_jobs_is_told_about_and_the_document_stays_unbegun(
    rig: IppRig, bench: Bench
) -> None:
    rig.accepting = False
    end = await send(bench, b"x")
    assert isinstance(end.error, DeviceOffline)
    assert end.phase is Phase.NEVER_SEEN


async def test_a_document_that_is_refused_in_its_middle_ends_with_the_printers_reason(
    rig: IppRig, bench: Bench
) -> None:
    rig.refuse[6] = 0x040A
    key = new_key()
    await bench.start(key)
    end, sent = await bench.slice(key, offset=0, data=BIG), len(BIG)
    if end.phase is not Phase.ENDED:
        end = await bench.end(key, sent)
    assert isinstance(end.error, DeviceFault)
    assert end.uncertain_start == 0


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        (8, "media-jam", "aborted by the printer (media-jam)"),
        (7, "none", "canceled at the printer"),
        (9, "job-completed-with-errors", "completed with errors (job-completed-with-errors)"),
    ],
)
async def test_a_job_that_the_printer_gives_up_is_in_doubt_as_a_whole_and_held(
    rig: IppRig, bench: Bench, state: int, reason: str, words: str
) -> None:
    rig.end_state, rig.end_reason = state, reason
    end = await send(bench, b"x" * 500)
    assert isinstance(end.error, DeviceFault)
    assert words in end.error.message
    assert end.error.verdict is Verdict.HOLD
    assert (end.phase, end.uncertain_start, end.uncertain_end) == (Phase.ENDED, 0, 500)


@using(confirmTimeoutS=0.3)
async def test_a_job_that_shows_no_progress_is_taken_but_not_confirmed(rig: IppRig, bench: Bench) -> None:
    rig.end_state = 5
    end = await send(bench, b"x" * 500)
    assert (end.error, end.evidence, end.acked, end.confirmed) == (None, Evidence.IPP_NO_END, 500, 0)


@using(confirmTimeoutS=0.3)
async def test_a_job_that_waits_for_paper_is_waited_for_and_its_end_is_heard(
    rig: IppRig, bench: Bench
) -> None:
    rig.end_state = 6
    key = new_key()
    printing = asyncio.create_task(
        bench.slice(key, start=DocInfo(), data=b"x" * 500, end=Disposition.COMPLETE, size=500)
    )
    await asyncio.sleep(0.9)
    assert not printing.done()
    await asyncio.to_thread(rig.end_jobs, 9)
    assert (await printing).evidence is Evidence.IPP_JOB


@pytest.mark.alone
async def test_cancelling_tells_the_printer_in_the_middle_of_a_document_and_while_its_job_prints(
    rig: IppRig, bench: Bench
) -> None:
    assert bench.session is not None
    rig.stall()
    key = new_key()
    await bench.start(key)
    writing = await bench.stuck(key, BIG * 8)
    began = time.monotonic()
    ended = await bench.session.abort(key)
    assert time.monotonic() - began < 1
    assert isinstance((await writing).error, JobCanceled)
    assert (ended.win32, ended.uncertain_start) == (63, 0)
    await asyncio.to_thread(wait_for, lambda: rig.jobs == {1: 7})
    rig.go_on()

    rig.end_state = 5
    key = new_key()
    printing = asyncio.create_task(
        bench.slice(key, start=DocInfo(), data=b"x" * 500, end=Disposition.COMPLETE, size=500)
    )
    await asyncio.to_thread(wait_for, lambda: rig.jobs.get(2) == 5)
    began = time.monotonic()
    await bench.session.abort(key)
    assert time.monotonic() - began < 1
    assert isinstance((await printing).error, JobCanceled)
    await asyncio.to_thread(wait_for, lambda: rig.jobs[2] == 7)
    await asyncio.to_thread(
        wait_for, lambda: not [one for one in threading.enumerate() if one.name.startswith("cancel-")]
    )


async def test_closing_the_port_leaves_a_whole_job_alone(rig: IppRig, bench: Bench) -> None:
    assert bench.session is not None
    rig.end_state = 5
    key = new_key()
    printing = asyncio.create_task(
        bench.slice(key, start=DocInfo(), data=b"x" * 500, end=Disposition.COMPLETE, size=500)
    )
    await asyncio.to_thread(wait_for, lambda: rig.jobs.get(1) == 5)
    await bench.close()
    assert (await printing).uncertain_end == 500
    assert rig.jobs == {1: 5}


@using(answerTimeoutS=0.2)
async def test_a_printer_that_never_answers_the_document_is_waited_for_and_can_be_given_up(
    rig: IppRig, bench: Bench
) -> None:
    rig.mute.add(6)
    key = new_key()
    end = await bench.slice(key, start=DocInfo(), data=b"abc", end=Disposition.COMPLETE, size=3)
    assert isinstance(end.error, WriteTimeout)
    assert end.phase is Phase.IN_PROGRESS
    again = await bench.end(key, 3)
    assert isinstance(again.error, WriteTimeout)
    assert bench.session is not None
    await bench.session.abort(key)


async def test_connections_that_the_printer_closes_after_each_answer_are_made_anew(
    rig: IppRig, bench: Bench
) -> None:
    rig.closes = True
    for _ in range(3):
        assert (await send(bench, b"x" * 70_000)).evidence is Evidence.IPP_JOB


async def test_the_printers_state_reasons_become_the_ports_status(rig: IppRig, bench: Bench) -> None:
    assert bench.session is not None
    rig.reasons = ["media-empty-error", "toner-low", "x-vendor-thing-report"]
    await send(bench, b"x")
    found = bench.session.reports.now()
    assert [(one.condition, one.severity, one.reporter) for one in found] == [
        (Condition.PAPER_OUT, Severity.ERROR, "ipp"),
        (Condition.TONER_LOW, Severity.WARNING, "ipp"),
        (Condition.CLEAR, Severity.INFO, "ipp"),
    ]
    assert found[2].text == "x vendor thing"
    assert all(one.expires_at is not None for one in found)
    rig.reasons = ["none"]
    await send(bench, b"x")
    assert bench.session.reports.now() == []


# --- settings


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("ipp://p.example/ipp/print", ("p.example", 631, "/ipp/print", False)),
        ("ipps://[fe80::1]:8631/printers/x", ("fe80::1", 8631, "/printers/x", True)),
        ("https://p/", ("p", 443, "/", True)),
        ("http://p", ("p", 80, "/", False)),
    ],
)
def test_a_uri_says_everything_about_the_place(uri: str, found: tuple[object, ...]) -> None:
    settings = IppSettings.model_validate({"uri": uri})
    assert (settings.host, settings.port, settings.path, settings.tls) == found


def test_the_printer_never_hears_of_a_zone_which_only_this_host_knows() -> None:
    settings = IppSettings(host="fe80::1%eth0", tls=True)
    assert (settings.authority, settings.uri) == ("[fe80::1]:631", "ipps://[fe80::1]:631/ipp/print")


def test_a_new_uri_replaces_the_old_place_and_leaves_the_rest() -> None:
    old = IppSettings.model_validate({"uri": "ipps://old:8631/a", "answerTimeoutS": 5})
    stored = old.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    new = IppSettings.model_validate({**stored, "uri": "ipp://new/ipp/print"})
    assert (new.uri, new.answer_timeout_s) == ("ipp://new:631/ipp/print", 5)


@pytest.mark.parametrize(
    "uri", ["lpd://p", "ipp://", "ipp://p:x/", "ipp://p/a?b", "ipp://p/ü", "nonsense", "ipp://[::1/"]
)
def test_what_is_no_printers_uri_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="uri|host|path"):
        IppSettings.model_validate({"uri": uri})


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "printer")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, made.fingerprint(hashes.SHA256()).hex(":")


@pytest.mark.parametrize("pinned", [False, True])
async def test_over_tls_a_document_arrives_whole_and_is_confirmed(
    tmp_path: Path, certificate: tuple[ssl.SSLContext, str], pinned: bool
) -> None:
    rig = IppRig(tmp_path, certificate[0])
    bench = Bench(rig, certificateSha256=certificate[1] if pinned else "")
    await bench.open()
    end = await bench.print(BIG[:500_001], piece=70_000)
    assert (end.error, end.acked, end.evidence) == (None, 500_001, Evidence.IPP_JOB)
    assert rig.received() == BIG[:500_001]
    assert {message.text("printer-uri").partition(":")[0] for message in rig.asked} == {"ipps"}
    await bench.close()
    bench.journal.close()
    rig.stop()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"verify": True}, "self.signed certificate"),
        ({"certificateSha256": "ab" * 32}, "another fingerprint"),
    ],
)
async def test_a_certificate_that_is_not_wanted_ends_it_before_anything_is_said(
    tmp_path: Path, certificate: tuple[ssl.SSLContext, str], settings: dict[str, Any], words: str
) -> None:
    rig = IppRig(tmp_path, certificate[0])
    bench = Bench(rig, **settings)
    await bench.open()
    end = await send(bench, b"secret")
    assert isinstance(end.error, DeviceOffline)
    assert words.replace(".", " ") in end.error.message.replace("-", " ")
    assert end.phase is Phase.NEVER_SEEN
    assert rig.asked == []
    await bench.close()
    bench.journal.close()
    rig.stop()


# --- what the printer says of itself, and what it does for itself


OF_A_DESK = {
    "printer-info": [Value(Tag.TEXT, "Front desk")],
    "printer-make-and-model": [Value(Tag.TEXT, "Acme Laser 9")],
    "printer-location": [Value(Tag.TEXT, "Hall")],
    "printer-firmware-string-version": [Value(Tag.TEXT, "1.2.3")],
    "printer-device-id": [Value(Tag.TEXT, "MFG:Acme;MDL:Laser 9;")],
    "sides-supported": keywords("one-sided", "two-sided-long-edge"),
    "printer-input-tray": [Value(Tag.OCTET_STRING, "type=other;maxcapacity=250;level=50;name=Tray 1;")],
    "printer-resolution-default": [Value(Tag.RESOLUTION, (600, 600))],
    "marker-names": values(Tag.NAME, ["Black cartridge", "Waste"]),
    "marker-types": keywords("toner-cartridge", "waste-toner"),
    "marker-levels": values(Tag.INTEGER, [73, -2]),
}
TOLD_OF_A_DESK = {
    "\\Printer.DeviceInfo:FriendlyName": "Front desk",
    "\\Printer.DeviceInfo:ModelName": "Acme Laser 9",
    "\\Printer.DeviceInfo:Location": "Hall",
    "\\Printer.DeviceInfo:FirmwareVersion": "1.2.3",
    "\\Printer.DeviceInfo:IEEE1284DeviceId": "MFG:Acme;MDL:Laser 9;",
    "\\Printer.DeviceInfo:Manufacturer": "Acme",
    "\\Printer.Configuration.DuplexUnit:Installed": True,
    "\\Printer.Layout.Resolution:CurrentValue": "600x600",
    "\\Printer.Layout.InputBins.Tray1:Installed": True,
    "\\Printer.Layout.InputBins.Tray1:Capacity": 250,
    "\\Printer.Layout.InputBins.Tray1:Level": 20,
    "\\Printer.Consumables.Blackcartridge:Type": "Toner",
    "\\Printer.Consumables.Blackcartridge:Installed": True,
    "\\Printer.Consumables.Blackcartridge:Model": "Black cartridge",
    "\\Printer.Consumables.Blackcartridge:Level": 73,
    "\\Printer.Extension.LowLevel.Consumables:Blackcartridge": 10,  # the port's own mark: this printer tells none
    "\\Printer.Extension.LowLevel.InputBins:Tray1": 10,
    "\\Printer.Consumables.Waste:Type": "WasteToner",
    "\\Printer.Consumables.Waste:Installed": True,
    "\\Printer.Consumables.Waste:Model": "Waste",
    "\\Printer.Consumables.Waste:Level": -1,
}


async def test_a_printer_is_described_by_paths_of_the_bidi_schema(tmp_path: Path) -> None:
    rig = IppRig(tmp_path)
    rig.says = OF_A_DESK
    bench = Bench(rig)
    session = await bench.open()
    assert (await bench.print(b"%PDF-1.7 a page")).error is None
    assert session.port is not None
    said = {path: fact.value for path, fact in session.port.facts().items()}
    assert said == TOLD_OF_A_DESK
    of_the_schema = [path for path in said if not path.startswith(LOW_LEVEL)]
    assert all(value_at(path) is not None for path in of_the_schema), "a path that the schema has not got"
    await bench.close()
    bench.journal.close()
    rig.stop()


async def test_a_printer_that_knows_command_files_cleans_its_head(tmp_path: Path) -> None:
    rig = IppRig(tmp_path)
    bench = Bench(rig)
    session = await bench.open()
    with pytest.raises(NotSupported):
        await session.ask(lambda port: port.maintain("CleanHead"))
    assert not rig.jobs
    rig.formats = (*rig.formats, "application/vnd.cups-command")
    rig.says = {"printer-commands": keywords("Clean", "PrintAlignmentPage")}
    await session.ask(lambda port: port.maintain("CleanHead"))
    await session.ask(lambda port: port.maintain("AlignHead"))
    assert rig.received() == b"#CUPS-COMMAND\nClean all\n#CUPS-COMMAND\nPrintAlignmentPage\n"
    sent = [one for one in rig.asked if one.code in (2, 6)]
    assert {one.text("document-format") for one in sent} == {"application/vnd.cups-command"}
    assert (await bench.print(b"%PDF-1.7 a page")).error is None
    await bench.close()
    bench.journal.close()
    rig.stop()
