"""A role on some printers: what is about those is allowed, what is about others is not, method by method."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from chassis.errors import AccessDenied, FabricError
from chassis.settings import AccessSettings
from printfabric.spooler.v1 import print_service_pb2 as jobs_pb
from printfabric.spooler.v1 import printer_service_pb2 as printers_pb
from printfabric.types.v1 import job_pb2
from spooler.api.rights import ON_PRINTERS
from tests.fabric.spooler_rig import SpoolerRig, spooler_running

MINE, OTHERS = "kitchen-1", "labels"
# Everybody has their role on the printers of the kitchen alone; nobody has any elsewhere.
PEOPLE = {"uma": "user", "olga": "operator", "ada": "administrator"}


def access(folder: Path) -> AccessSettings:
    names = [*PEOPLE, "root", "ann"]
    lines = [f"{hashlib.sha256(f'secret-of-{name}'.encode()).hexdigest()} {name}\n" for name in names]
    (folder / "tokens").write_text("".join(lines))
    return AccessSettings.model_validate(
        {
            "token_file": folder / "tokens",
            "trust_loopback": "never",
            "roles": {"administrator": ["token:root"], "user": ["token:ann"]},
            "on_printers": [
                {"role": role, "callers": [f"token:{name}"], "printers": ["Kitchen-*"]}
                for name, role in PEOPLE.items()
            ],
        }
    )


class Ask(NamedTuple):
    """A method, whom it is for on a printer, and its request about a printer and a job of ann's there."""

    role: str
    request: Callable[[str, str], Any]


def named(kind: Any, **more: Any) -> Callable[[str, str], Any]:
    """Return what makes a request about a job."""
    return lambda _printer, job: kind(name=job, **more)


async def _one(message: Any) -> AsyncIterator[Any]:
    yield message


def spec(printer: str) -> jobs_pb.JobSpec:
    return jobs_pb.JobSpec(printer=f"printers/{printer}")


ASKED = {
    "PrintService/SubmitJob": Ask(
        "user", lambda on, _job: jobs_pb.SubmitJobRequest(spec=spec(on), document=b"x")
    ),
    "PrintService/UpdateJob": Ask(
        "operator",
        lambda _on, job: jobs_pb.UpdateJobRequest(
            job=job_pb2.Job(name=job, priority=7), update_mask=FieldMask(paths=["priority"])
        ),
    ),
    "PrintService/CancelJob": Ask("operator", named(jobs_pb.CancelJobRequest)),
    "PrintService/HoldJob": Ask("operator", named(jobs_pb.HoldJobRequest)),
    "PrintService/ReleaseJob": Ask("operator", named(jobs_pb.ReleaseJobRequest)),
    "PrintService/RestartJob": Ask("operator", named(jobs_pb.RestartJobRequest)),
    "PrintService/ResumeJob": Ask("operator", named(jobs_pb.ResumeJobRequest, offset=1)),
    "PrintService/ResolveJob": Ask("operator", named(jobs_pb.ResolveJobRequest)),
    "PrintService/ReprintUnits": Ask("operator", named(jobs_pb.ReprintUnitsRequest)),
    "PrintService/MoveJob": Ask(
        "operator", lambda on, job: jobs_pb.MoveJobRequest(name=job, printer=f"printers/{on}")
    ),
    "PrintService/ReadDocument": Ask("administrator", named(jobs_pb.ReadDocumentRequest)),
    "PrinterService/PausePrinter": Ask("operator", lambda on, _job: printers_pb.PausePrinterRequest(name=on)),
    "PrinterService/ResumePrinter": Ask(
        "operator", lambda on, _job: printers_pb.ResumePrinterRequest(name=on)
    ),
    "PrinterService/PurgePrinter": Ask("operator", lambda on, _job: printers_pb.PurgePrinterRequest(name=on)),
    "PrinterService/UpdatePrinter": Ask(
        "administrator",
        lambda on, _job: printers_pb.UpdatePrinterRequest(
            printer=printers_pb.Printer(name=f"printers/{on}", location="x"),
            update_mask=FieldMask(paths=["location"]),
        ),
    ),
    "PrinterService/GetPrinterData": Ask(
        "user", lambda on, _job: printers_pb.GetPrinterDataRequest(name=f"printers/{on}", value_name="x")
    ),
    "PrinterService/DeletePrinter": Ask(
        "administrator", lambda on, _job: printers_pb.DeletePrinterRequest(name=on)
    ),
}
# By request id and sender: whose it is, not which printer's. And streams, which the next tests look at.
BY_SENDER = {"PrintService/GetUpload", "PrintService/DeleteUpload"}
STREAMS = {"PrintService/SubmitJobs", "PrintService/UploadJob"}


def test_every_method_that_is_about_printers_is_asked_here():
    methods = {method.removeprefix("/printfabric.spooler.v1.") for method in ON_PRINTERS}
    assert methods == set(ASKED) | BY_SENDER | STREAMS


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[SpoolerRig]:
    (folder / "s").mkdir()
    rig = spooler_running(folder / "s", access=access(folder), everybody_is="none")
    async with rig as spooler:
        for name in (MINE, OTHERS):
            await spooler.add_printer(name)
        yield spooler


async def allowed(rig: SpoolerRig, method: str, request: Any) -> bool:
    """Say whether a call passes the check of rights; what becomes of it then is another's question."""
    service, _, name = method.partition("/")
    call = getattr(rig.print if service == "PrintService" else rig.printers, name)(request)
    try:
        if name == "ReadDocument":
            async for _piece in call:
                pass
        else:
            await call
    except AccessDenied:
        return False
    except FabricError:
        return True
    return True


ORDER = ("user", "operator", "administrator")


@pytest.mark.parametrize("method", sorted(ASKED))
async def test_a_role_counts_on_its_printers_and_nowhere_else(tmp_path, method):
    asked = ASKED[method]
    async with running(tmp_path) as rig, rig.as_caller("ann", tmp_path) as ann:
        for person, role in PEOPLE.items():
            async with rig.as_caller(person, tmp_path) as caller:
                for printer in (OTHERS, MINE):
                    job = (await ann.submit(b"x", printer=f"printers/{printer}", hold=True)).job.name
                    good = printer == MINE and ORDER.index(role) >= ORDER.index(asked.role)
                    assert await allowed(caller, method, asked.request(printer, job)) is good, (
                        person,
                        printer,
                    )


async def test_streams_of_jobs_and_uploads_ask_for_each_printer(tmp_path):
    async with running(tmp_path) as rig, rig.as_caller("uma", tmp_path) as uma:
        for printer, good in ((MINE, True), (OTHERS, False)):
            one = jobs_pb.SubmitJobRequest(spec=spec(printer), document=b"x")
            answers = [
                result
                async for answer in uma.print.SubmitJobs(_one(jobs_pb.SubmitJobsRequest(jobs=[one])))
                for result in answer.results
            ]
            assert [bool(result.job) for result in answers] == [good]
            begin = jobs_pb.UploadBegin(spec=spec(printer), request_id=f"u-{printer}")
            upload = uma.print.UploadJob(_one(jobs_pb.UploadJobRequest(begin=begin)))
            if good:
                await upload
            else:
                with pytest.raises(AccessDenied):
                    await upload


async def test_a_job_is_moved_only_to_where_its_mover_may_print(tmp_path):
    async with (
        running(tmp_path) as rig,
        rig.as_caller("olga", tmp_path) as olga,
        rig.as_caller("root", tmp_path) as root,
    ):
        job = (await olga.submit(b"x", printer=f"printers/{MINE}", hold=True)).job.name
        move = jobs_pb.MoveJobRequest(name=job, printer=f"printers/{OTHERS}")
        with pytest.raises(AccessDenied, match=f"print on printer {OTHERS}"):
            await olga.print.MoveJob(move)
        assert (await root.print.MoveJob(move)).job.printer == f"printers/{OTHERS}"


async def test_who_has_no_role_anywhere_sees_nothing(tmp_path):
    settings = access(tmp_path).model_copy(update={"roles": {}})
    (tmp_path / "s").mkdir()
    async with (
        spooler_running(tmp_path / "s", access=settings, everybody_is="none") as rig,
        rig.as_caller("ann", tmp_path) as ann,
        rig.as_caller("uma", tmp_path) as uma,
    ):
        with pytest.raises(AccessDenied):
            await ann.printers.ListPrinters(printers_pb.ListPrintersRequest())
        await uma.printers.ListPrinters(printers_pb.ListPrintersRequest())
