"""A job canceled at the printer beside the port's own work: a printer that hangs holds nobody."""

from __future__ import annotations

import threading

from chassis import logs
from chassis.errors import FabricError
from portmon.device_wait import DeviceWait
from portmon.ipp.identity import OurJob
from portmon.ipp.printer import printer_of
from portmon.ipp.settings import IppSettings
from portmon.monitor import OpenContext

_CANCEL_S = 10.0  # how long a printer may take to hear of it
log = logs.get(__name__)


def cancel(settings: IppSettings, context: OpenContext, user: str, job: OurJob) -> None:
    """Cancel a job of a port and a user, on a thread and a connection of its own; does not wait, never fails."""
    name = f"cancel-{context.port}"
    threading.Thread(target=_cancel, args=(settings, context, user, job), name=name, daemon=True).start()


def _cancel(settings: IppSettings, context: OpenContext, user: str, job: OurJob) -> None:
    wait = DeviceWait()
    hurry = {"connect_timeout_s": _CANCEL_S, "answer_timeout_s": _CANCEL_S}
    printer = printer_of(settings.model_copy(update=hurry), OpenContext(context.port, wait, context.lines))
    printer.user = user
    try:
        printer.cancel(job)
    except FabricError as error:
        log.warning(
            "job not canceled at the printer", port=context.port, ipp_job=job.number, why=error.message
        )
    finally:
        printer.http.drop()
        wait.close()
