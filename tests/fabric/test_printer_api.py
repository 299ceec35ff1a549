"""PrinterService over a real channel: what can be set, what is refused by name, etags, masks, rights."""

import asyncio
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from chassis.errors import (
    AccessDenied,
    EtagMismatch,
    InvalidArgument,
    PortNotFound,
    PrinterExists,
    PrinterNotFound,
    WrongState,
)
from printfabric.spooler.v1 import print_service_pb2 as print_pb
from printfabric.spooler.v1 import printer_service_pb2 as pb
from printfabric.types.v1 import port_pb2
from tests.fabric.spooler_rig import access_of_people, eventually, spooler_running


@pytest.fixture
async def rig(tmp_path):
    async with spooler_running(tmp_path) as rig:
        yield rig


def ports(*names):
    return [pb.PrinterPort(port=port_pb2.PortName(host="edge", port=name)) for name in names]


async def create(rig, name="labels", *names, **more):
    settings = pb.Printer(ports=ports(*names or ("P1:",)), **more)
    return (
        await rig.printers.CreatePrinter(pb.CreatePrinterRequest(printer_id=name, printer=settings))
    ).printer


async def get(rig, name="labels"):
    return (await rig.printers.GetPrinter(pb.GetPrinterRequest(name=name))).printer


async def test_a_printer_can_be_made_that_takes_no_jobs_yet_and_an_update_respects_no(rig):
    def asked(name, **what):
        return pb.CreatePrinterRequest(printer_id=name, printer=pb.Printer(**what))

    assert not (await rig.printers.CreatePrinter(asked("closed", accepting=False))).printer.accepting
    assert (await rig.printers.CreatePrinter(asked("open"))).printer.accepting
    with pytest.raises(WrongState) as caught:
        await rig.submit(printer="closed")
    assert caught.value.win32 == 1906

    async def update(mask, **what):
        printer = pb.Printer(name="printers/open", **what)
        request = pb.UpdatePrinterRequest(printer=printer, update_mask=FieldMask(paths=mask))
        return (await rig.printers.UpdatePrinter(request)).printer.accepting

    assert not await update(["accepting"], accepting=False)
    assert not await update(["location"], location="there", accepting=True)
    assert not await update([], location="here")  # what is not said stays
    assert await update(["accepting"], accepting=True)


async def test_a_new_printer_takes_jobs_and_has_the_defaults(rig):
    made = await create(rig, description="Dock 2", labels={"site": "north"}, default_format="application/zpl")
    assert made == await get(rig, "printers/labels")
    assert made.accepting
    assert (made.priority, made.default_priority) == (50, 50)
    assert made.state == pb.PRINTER_STATE_IDLE
    assert list(made.state_reasons) == ["none"]
    assert (made.description, dict(made.labels), made.default_format) == (
        "Dock 2", {"site": "north"}, "application/zpl",
    )  # fmt: skip
    assert (await rig.submit()).job.format == "application/zpl"


async def test_an_unknown_port_is_refused_and_nothing_is_added(rig):
    with pytest.raises(PortNotFound) as caught:
        await create(rig, "labels", "P1:", "NONE:")
    assert (caught.value.win32, caught.value.fields[0].field) == (1796, "printer.ports[1].port")
    with pytest.raises(PrinterNotFound):
        await get(rig)
    request = pb.CreatePrinterRequest(
        printer_id="labels", printer=pb.Printer(ports=ports("NONE:")), allow_unknown_ports=True
    )
    assert (await rig.printers.CreatePrinter(request)).printer.ports[0].port.port == "NONE:"


async def test_a_name_is_unique_and_well_formed(rig):
    await create(rig)
    with pytest.raises(PrinterExists) as caught:
        await create(rig)
    assert caught.value.win32 == 1802
    for wrong in ("", "a,b", "a\\b", "x" * 128):
        with pytest.raises(InvalidArgument):
            await create(rig, wrong)


async def test_the_same_request_makes_one_printer(rig):
    request = pb.CreatePrinterRequest(
        printer_id="labels", printer=pb.Printer(ports=ports("P1:")), request_id="r"
    )
    first = await rig.printers.CreatePrinter(request)
    assert (await rig.printers.CreatePrinter(request)).printer.etag == first.printer.etag


async def test_validating_adds_nothing(rig):
    request = pb.CreatePrinterRequest(printer_id="labels", printer=pb.Printer(), validate_only=True)
    assert (await rig.printers.CreatePrinter(request)).printer.name == "printers/labels"
    with pytest.raises(PrinterNotFound):
        await get(rig)


async def test_printing_while_spooling_is_kept_and_shown(rig):
    await create(rig, print_while_spooling=True)
    assert (await get(rig)).print_while_spooling


@pytest.mark.parametrize(
    "more",
    [
        {"language_monitor": "PJL"},
        {"prefetch": pb.PREFETCH_POLICY_ALWAYS},
        {"names": ("P1:", "P2:")},
    ],
    ids=["language monitor", "prefetch", "pool"],
)
async def test_printing_while_spooling_goes_with_a_port_and_nothing_else(rig, more):
    with pytest.raises(InvalidArgument) as caught:
        await create(rig, "labels", *more.pop("names", ()), print_while_spooling=True, **more)
    assert [one.field for one in caught.value.fields] == ["printer.print_while_spooling"]


async def test_when_documents_are_brought_to_the_host_is_kept_and_shown(rig):
    await create(rig)
    printer = await get(rig)
    assert printer.prefetch == pb.PREFETCH_POLICY_AUTO
    assert printer.on_host_restart == port_pb2.HOST_RESTART_POLICY_FINISH
    change = pb.UpdatePrinterRequest(
        printer=pb.Printer(
            name="printers/labels",
            prefetch=pb.PREFETCH_POLICY_ALWAYS,
            on_host_restart=port_pb2.HOST_RESTART_POLICY_HOLD,
        ),
        update_mask=FieldMask(paths=["prefetch", "on_host_restart"]),
    )
    await rig.printers.UpdatePrinter(change)
    printer = await get(rig)
    assert printer.prefetch == pb.PREFETCH_POLICY_ALWAYS
    assert printer.on_host_restart == port_pb2.HOST_RESTART_POLICY_HOLD
    none: Any = 77
    wrong = pb.UpdatePrinterRequest(
        printer=pb.Printer(name="printers/labels", prefetch=none), update_mask=FieldMask(paths=["prefetch"])
    )
    with pytest.raises(InvalidArgument):
        await rig.printers.UpdatePrinter(wrong)


async def test_a_language_monitor_speaks_unless_it_is_told_not_to(rig):
    await create(rig, language_monitor="esc/pos")
    printer = await get(rig)
    assert (printer.language_monitor, printer.bidirectional) == ("ESC/POS", True)
    mask = FieldMask(paths=["bidirectional"])
    change = pb.UpdatePrinterRequest(
        printer=pb.Printer(name="printers/labels", bidirectional=False), update_mask=mask
    )
    printer = (await rig.printers.UpdatePrinter(change)).printer
    assert (printer.language_monitor, printer.bidirectional) == ("ESC/POS", False)
    assert not printer.labels
    away = pb.UpdatePrinterRequest(
        printer=pb.Printer(name="printers/labels"), update_mask=FieldMask(paths=["language_monitor"])
    )
    printer = (await rig.printers.UpdatePrinter(away)).printer
    assert (printer.language_monitor, printer.HasField("bidirectional")) == ("", False)


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        ("printer.priority", {"priority": 100}),
        ("printer.default_priority", {"default_priority": 100}),
        ("printer.description", {"description": "a\nb"}),
        ("printer.pool_order", {"pool_order": 42}),
        ("printer.redirect", {"redirect": 42}),
        ("printer.on_uncertain", {"on_uncertain": 42}),
        ("printer.on_uncertain", {"on_uncertain": print_pb.UNCERTAIN_DECISION_REPRINT}),
        ("printer.redirect_after", {"redirect_after": {"seconds": 9}}),
        ("printer.redirect_after", {"redirect": pb.REDIRECT_POLICY_REDIRECT_AFTER}),
        ("printer.max_backlog_age", {"max_backlog_age": {"seconds": -1}}),
        ("printer.window", {"window": {"start_minute": 1, "until_minute": 2000}}),
        (
            "printer.window.time_zone",
            {"window": {"start_minute": 1, "until_minute": 2, "time_zone": "Europe/Berln"}},
        ),
        ("printer.labels", {"labels": {str(number): "" for number in range(65)}}),
    ],
)
async def test_a_wrong_setting_is_named(rig, field, settings):
    with pytest.raises(InvalidArgument) as caught:
        await create(rig, **settings)
    assert caught.value.fields[0].field == field


async def test_every_rule_of_a_printer_is_kept_over_a_restart_and_shown(tmp_path):
    rules: dict[str, Any] = {
        "on_uncertain": print_pb.UNCERTAIN_DECISION_REPRINT_MARKED,
        "redirect": pb.REDIRECT_POLICY_REDIRECT_AFTER,
        "redirect_after": {"seconds": 9},
        "max_backlog_age": {"seconds": 3600},
        "catch_up_per_minute": 5,
        "window": {"start_minute": 60, "until_minute": 30, "time_zone": "Europe/Berlin"},
        "mark_redirected": True,
        "redirect_across_monitors": True,
        "pool_order": pb.POOL_ORDER_LEAST_LOADED,
        "ports": [*ports("P1:"),
                  pb.PrinterPort(port=port_pb2.PortName(host="edge", port="P2:"), standby=True)],
    }  # fmt: skip
    async with spooler_running(tmp_path) as rig:
        request = pb.CreatePrinterRequest(printer_id="labels", printer=pb.Printer(**rules))
        made = (await rig.printers.CreatePrinter(request)).printer
    async with spooler_running(tmp_path) as rig:
        kept = await get(rig)
    asked = pb.Printer(**rules)
    for field in rules:
        assert getattr(made, field) == getattr(asked, field), field
        assert getattr(kept, field) == getattr(asked, field), field


async def test_a_redirect_that_needs_no_time_forgets_it(rig):
    await create(rig, redirect=pb.REDIRECT_POLICY_REDIRECT_AFTER, redirect_after={"seconds": 9})
    given = pb.Printer(name="printers/labels", redirect=pb.REDIRECT_POLICY_REDIRECT_NOW)
    request = pb.UpdatePrinterRequest(printer=given, update_mask=FieldMask(paths=["redirect"]))
    after = (await rig.printers.UpdatePrinter(request)).printer
    assert not after.HasField("redirect_after")


async def test_every_wrong_field_is_named_at_once(rig):
    twice = pb.Printer(ports=ports("P1:", "p1:", ""), priority=100)
    with pytest.raises(InvalidArgument) as caught:
        await rig.printers.CreatePrinter(pb.CreatePrinterRequest(printer_id="labels", printer=twice))
    assert {wrong.field for wrong in caught.value.fields} == {
        "printer.ports[1].port", "printer.ports[2].port", "printer.priority",
    }  # fmt: skip


async def test_an_update_changes_what_its_mask_names(rig):
    before = await create(rig, description="old", location="here")
    given = pb.Printer(name="printers/labels", description="new", location="there")
    request = pb.UpdatePrinterRequest(printer=given, update_mask=FieldMask(paths=["description"]))
    after = (await rig.printers.UpdatePrinter(request)).printer
    assert (after.description, after.location, after.accepting) == ("new", "here", True)
    assert after.etag != before.etag
    assert len(after.ports) == 1


async def test_what_was_read_can_be_written_back(rig):
    printer = await create(rig, labels={"a": "b"})
    printer.description = "changed"
    after = (await rig.printers.UpdatePrinter(pb.UpdatePrinterRequest(printer=printer))).printer
    printer.etag = after.etag
    assert after == printer


async def test_an_update_of_something_changed_in_between_is_refused(rig):
    printer = await create(rig)
    await rig.printers.UpdatePrinter(pb.UpdatePrinterRequest(printer=printer))
    with pytest.raises(EtagMismatch):
        await rig.printers.UpdatePrinter(pb.UpdatePrinterRequest(printer=printer))


async def test_what_is_output_only_cannot_be_set(rig):
    await create(rig)
    request = pb.UpdatePrinterRequest(
        printer=pb.Printer(name="labels"), update_mask=FieldMask(paths=["paused"])
    )
    with pytest.raises(InvalidArgument):
        await rig.printers.UpdatePrinter(request)


async def test_a_paused_printer_accepts_and_waits_and_a_resumed_one_prints(rig):
    await create(rig)
    paused = (await rig.printers.PausePrinter(pb.PausePrinterRequest(name="labels", reason="why"))).printer
    assert (paused.paused, paused.win32_status & 1) == (True, 1)
    assert "loopback" in paused.pause_reason
    assert "why" in paused.pause_reason
    await rig.submit(b"doc")
    await asyncio.sleep(0.05)
    waiting = await get(rig)
    assert (waiting.queued_jobs, waiting.state) == (1, pb.PRINTER_STATE_STOPPED)
    with pytest.raises(WrongState):
        await rig.printers.DeletePrinter(pb.DeletePrinterRequest(name="labels"))
    await rig.printers.ResumePrinter(pb.ResumePrinterRequest(name="labels"))
    await eventually(lambda: get(rig), lambda printer: not printer.queued_jobs)
    assert [bytes(doc.data) for doc in rig.host.ports["P1:"].printed] == [b"doc"]


async def test_a_purge_cancels_what_waits(rig):
    await create(rig)
    await rig.printers.PausePrinter(pb.PausePrinterRequest(name="labels"))
    for _ in range(3):
        await rig.submit()
    assert (await rig.printers.PurgePrinter(pb.PurgePrinterRequest(name="labels"))).canceled_jobs == 3
    assert (await get(rig)).queued_jobs == 0


async def test_a_printer_with_jobs_goes_when_they_are_done(rig):
    await create(rig)
    rig.host.ports["P1:"].paused.clear()
    await rig.submit()
    await eventually(lambda: get(rig), lambda printer: printer.state == pb.PRINTER_STATE_PROCESSING)
    assert (await get(rig)).win32_status & 0x400
    assert (await rig.printers.DeletePrinter(pb.DeletePrinterRequest(name="labels"))).pending
    assert (await get(rig)).pending_deletion
    rig.host.ports["P1:"].paused.set()
    await eventually(
        lambda: rig.printers.ListPrinters(pb.ListPrintersRequest()), lambda page: not page.printers
    )
    with pytest.raises(PrinterNotFound):
        await get(rig)


async def test_lists_are_paged_and_filtered(rig):
    for number in range(5):
        await create(rig, f"p{number}", f"P{number % 2 + 1}:", labels={"even": str(number % 2 == 0)})
    request, names = pb.ListPrintersRequest(page_size=2), []
    while True:
        page = await rig.printers.ListPrinters(request)
        names += [printer.name for printer in page.printers]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert names == [f"printers/p{number}" for number in range(5)]
    by_label = await rig.printers.ListPrinters(pb.ListPrintersRequest(labels={"even": "True"}))
    assert [printer.name for printer in by_label.printers] == ["printers/p0", "printers/p2", "printers/p4"]
    port = port_pb2.PortName(host="EDGE", port="p2:")
    by_port = await rig.printers.ListPrinters(pb.ListPrintersRequest(port=port))
    assert [printer.name for printer in by_port.printers] == ["printers/p1", "printers/p3"]
    with pytest.raises(InvalidArgument):
        await rig.printers.ListPrinters(pb.ListPrintersRequest(page_token="ä"))


async def test_everybody_sees_printers_operators_pause_them_and_administrators_change_them(tmp_path):
    async with (
        spooler_running(tmp_path, access=access_of_people(tmp_path)) as rig,
        rig.as_caller("ada", tmp_path) as ada,
        rig.as_caller("ann", tmp_path) as ann,
        rig.as_caller("olga", tmp_path) as olga,
    ):
        await create(ada)
        assert (await get(olga)).name == "printers/labels"
        with pytest.raises(AccessDenied):
            await create(olga, "other")
        with pytest.raises(AccessDenied):
            await ann.printers.PausePrinter(pb.PausePrinterRequest(name="labels"))
        await olga.printers.PausePrinter(pb.PausePrinterRequest(name="labels"))
