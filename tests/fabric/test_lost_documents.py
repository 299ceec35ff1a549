"""Jobs whose documents the disk has lost while the spooler was away: ended at the start, not when their turn comes."""

from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from printfabric.types.v1 import job_pb2, ledger_pb2
from spooler.job_state import JobState
from tests.fabric.spooler_rig import spooler_running

LARGE = bytes(range(256)) * 100


async def test_jobs_whose_documents_are_gone_end_at_the_start_and_say_why(tmp_path, capsys):
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer("labels", "P1:")
        await rig.add_printer("kept", "P2:")
        waits = (await rig.submit(LARGE, hold=True)).job
        small = (await rig.submit(b"^XA^XZ", hold=True)).job
        other = (await rig.submit(LARGE, hold=True, printer="printers/kept")).job
    for segment in (tmp_path / "spool").glob("*.spool"):
        segment.unlink()
    async with spooler_running(tmp_path) as rig:
        for lost in (waits, other):
            assert rig.dispatcher.live_job(lost.number) is None
            job = (await rig.print.GetJob(pb.GetJobRequest(name=lost.name))).job
            assert job.state == job_pb2.JOB_STATE_ABORTED
            assert job.outcome == ledger_pb2.OUTCOME_NOT_PRINTED
            assert job.last_error.reason == "DOCUMENT_LOST"
            assert job.last_error.win32 == 3002
            assert job.HasField("end_time")
            history = await rig.store.history(lost.number)
            assert (history[-1].what, history[-1].who) == ("aborted", "spooler")
            assert "DOCUMENT_LOST" in history[-1].detail
            said = await rig.watch.Explain(watch_pb.ExplainRequest(name=lost.name))
            assert any("gone from the spool" in fact.text for fact in said.facts)
        log = capsys.readouterr().out
        assert "documents lost" in log
        assert str(waits.number) in log
        assert str(other.number) in log
        assert rig.dispatcher.book.jobs[small.number].state is JobState.PENDING_HELD
        assert rig.metrics._jobs["aborted"] == 2
    async with spooler_running(tmp_path) as rig:  # it is done once
        assert rig.metrics._jobs.get("aborted", 0) == 0
