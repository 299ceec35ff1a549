"""What a move would do, before it is done: who goes, who stays and why, and where to."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from portui.model import Fleet, Host, Job, JobState, Outcome, Port, PortState, Printer, Proof
from portui.web import moving

ZPL, ESCPOS = "application/vnd.zebra-zpl", "application/vnd.escpos"
PATHS = {"host": "/h", "port": "/p", "printer": "/q", "jobs": "/j"}


def port(host: str, name: str, state: PortState = PortState.READY) -> Port:
    return Port(host, name, "Local Port", "", state)


def printer(name: str, *ports: str, format_: str = ZPL, queued: int = 0) -> Printer:
    return Printer(name, ports, format=format_, queued=queued)


def job(number: int, printer: str, at: str = "") -> Job:
    return Job(number, printer, "Pallet tags", "wms", 100, JobState.PENDING, format=ZPL, port=at)


def fleet(*jobs: Job) -> Fleet:
    ports = [port("dead", "A"), port("dead", "B"), port("well", "C"), port("well", "D", PortState.OFFLINE)]
    printers = [
        printer("only", "dead/A"),
        printer("pool", "dead/B", "well/C"),
        printer("other", "well/C", queued=3),
        printer("idle", "well/C"),
        printer("receipts", "well/C", format_=ESCPOS),
        printer("cut", "well/D"),
        replace(printer("resting", "well/C"), paused=True),
    ]
    return Fleet(
        ports={one.key: one for one in ports},
        printers={one.name: one for one in printers},
        jobs={one.number: one for one in jobs},
        hosts={name: Host(name, "online") for name in ("dead", "well")},
    )


def test_from_a_host_go_the_jobs_that_have_no_other_way_and_those_at_its_ports():
    found = moving.preview(
        fleet(job(1, "only"), job(2, "pool"), job(3, "pool", "dead/B")), {"host": "dead"}, PATHS
    )

    assert found is not None
    assert [one.job.number for one in found.going] == [1, 3]
    assert {one.key for one in found.ports} == {"dead/A", "dead/B"}


def test_of_jobs_of_several_languages_those_of_the_most_frequent_go_and_the_others_can_go_next():
    receipt = replace(job(1, "only"), format=ESCPOS)
    some = [receipt, job(2, "only"), job(3, "only"), replace(job(4, "only"), format="")]
    found = moving.preview(fleet(*some), {"host": "dead"}, PATHS)

    assert found is not None
    assert [one.job.number for one in found.going] == [2, 3, 4]
    assert [(one.job.number, one.why_not) for one in found.staying] == [
        (1, "of another language, receipts (ESC/POS): it can go next")
    ]
    assert found.best == "idle"


def test_what_a_printer_has_already_and_what_nobody_knows_stays_and_says_why():
    half = replace(job(1, "only", "dead/A"), state=JobState.PROCESSING, proof=Proof(accepted=40))
    open_ = replace(job(2, "only"), state=JobState.HELD, outcome=Outcome.UNKNOWN)
    stopped = replace(job(3, "only"), state=JobState.STOPPED, outcome=Outcome.PARTIAL)
    found = moving.preview(fleet(half, open_, stopped), {"printer": "only"}, PATHS)

    assert found is not None
    assert found.going == ()
    assert [one.why_not for one in found.staying] == [
        "40 B are at the printer already",
        "nobody knows what came out: decide first",
        "it is on paper in part",
    ]


def test_printers_that_fit_come_first_the_shortest_queue_before_all_and_others_say_why_not():
    found = moving.preview(fleet(job(1, "only")), {"host": "dead", "port": "A"}, PATHS)

    assert found is not None
    assert [one.name for one in found.targets if not one.why] == ["idle", "pool", "other"]
    assert {one.name: one.why for one in found.targets if one.why} == {
        "receipts": "prints receipts (ESC/POS), not labels (ZPL)",
        "cut": "has no port that works",
        "resting": "is paused",
    }
    assert found.best == "idle"


def test_jobs_that_are_named_go_wherever_one_of_them_could_and_others_are_left_alone():
    jobs = (job(1, "only"), job(2, "only"), job(3, "pool"), replace(job(4, "pool"), state=JobState.COMPLETED))
    found = moving.preview(fleet(*jobs), {"jobs": "3,1,4,99,x"}, PATHS)

    assert found is not None
    assert (found.place, found.path) == ("4 jobs", "/j")
    assert [one.job.number for one in found.going] == [1, 3]
    assert {one.name for one in found.targets} == {"other", "idle", "receipts", "cut", "resting"}
    assert [moving.can_go(one) for one in jobs] == [True, True, True, False]


def test_a_place_that_is_not_there_has_no_preview():
    assert moving.preview(fleet(), {"host": "nowhere"}, PATHS) is None
    assert moving.preview(fleet(), {"printer": "none"}, PATHS) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("only", "pool", "other")),
            st.sampled_from(tuple(JobState)),
            st.sampled_from(tuple(Outcome)),
            st.integers(0, 100),
        ),
        max_size=30,
    )
)
def test_each_unfinished_job_is_in_a_preview_once_and_no_other_is(
    rows: list[tuple[str, JobState, Outcome, int]],
):
    jobs = [
        replace(job(number, name), state=state, outcome=outcome, proof=Proof(accepted=accepted))
        for number, (name, state, outcome, accepted) in enumerate(rows, 1)
    ]
    found = moving.preview(fleet(*jobs), {"printer": "only"}, PATHS)

    assert found is not None
    shown = [one.job.number for one in (*found.going, *found.staying)]
    assert sorted(shown) == [one.number for one in jobs if one.printer == "only" and one.active]
    assert not any(one.job.undecided for one in found.going)
