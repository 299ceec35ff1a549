"""Alerts that somebody has in hand: seen by everybody, kept over restarts, in the history, and over when their time is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import AccessDenied, InvalidArgument
from printfabric.spooler.v1 import alert_service_pb2 as pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from tests.fabric.spooler_rig import SpoolerRig, access_of_people, eventually, spooler_running

P1 = "hosts/edge/ports/P1:"


def until(seconds: float) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(datetime.now(UTC) + timedelta(seconds=seconds))
    return found


async def acknowledged(rig: SpoolerRig, name: str, reason: str = "", seconds: float = 3600) -> Any:
    request = pb.AcknowledgeAlertRequest(name=name, expire_time=until(seconds), reason=reason)
    return (await rig.alerts.AcknowledgeAlert(request)).acknowledgement


async def listed(rig: SpoolerRig) -> list[tuple[str, str, str]]:
    answer = await rig.alerts.ListAcknowledgements(pb.ListAcknowledgementsRequest())
    return [(one.name, one.actor, one.reason) for one in answer.acknowledgements]


async def test_everybody_sees_who_has_it_in_hand_after_a_restart_too_and_the_history_says_so(tmp_path):
    access = access_of_people(tmp_path)
    async with spooler_running(tmp_path, access=access) as rig, rig.as_caller("olga", tmp_path) as olga:
        await rig.add_printer("labels", "P1:")
        given = await acknowledged(olga, P1, "a ribbon is on its way")
        await acknowledged(olga, "printers/labels/decisions")
        await acknowledged(olga, "hosts/edge")
    async with spooler_running(tmp_path, access=access) as rig, rig.as_caller("ada", tmp_path) as ada:
        answer = await ada.alerts.ListAcknowledgements(pb.ListAcknowledgementsRequest())
        assert given in answer.acknowledgements
        assert [one.name for one in answer.acknowledgements] == [
            "hosts/edge",
            P1,
            "printers/labels/decisions",
        ]
        assert given.actor == "token:olga"
        assert abs(given.create_time.ToSeconds() + 3600 - given.expire_time.ToSeconds()) <= 1

        await ada.alerts.WithdrawAcknowledgement(
            pb.WithdrawAcknowledgementRequest(name="hosts/EDGE/ports/p1:")
        )
        await ada.alerts.WithdrawAcknowledgement(pb.WithdrawAcknowledgementRequest(name=P1))
        assert P1 not in [name for name, _, _ in await listed(ada)]
        history = await ada.watch.ListHistory(watch_pb.ListHistoryRequest(parent="-"))
        (taken, host, decisions, port) = history.entries[:4]
        assert (taken.kind, taken.actor, taken.subject) == ("acknowledgement-withdrawn", "token:ada", P1)
        assert host.text.startswith("host edge until ")
        assert (decisions.subject, decisions.text.split()[0]) == ("printers/labels", "decisions")
        assert (port.kind, port.subject) == ("acknowledged", P1)
        assert port.text.endswith("Z: a ribbon is on its way")


async def test_a_later_one_takes_the_place_of_an_earlier_one_and_none_outlives_its_time(tmp_path):
    async with spooler_running(tmp_path) as rig:
        await acknowledged(rig, P1, "mine")
        await acknowledged(rig, "hosts/edge/ports/p1:", "no, mine")
        assert [reason for _, _, reason in await listed(rig)] == ["no, mine"]
        await acknowledged(rig, P1, seconds=3)
        await eventually(lambda: listed(rig), lambda found: found == [], within_s=30)


async def test_who_may_not_operate_may_not_acknowledge_and_what_makes_no_sense_is_refused(tmp_path):
    access = access_of_people(tmp_path)
    async with spooler_running(tmp_path, access=access) as rig, rig.as_caller("ann", tmp_path) as ann:
        with pytest.raises(AccessDenied):
            await acknowledged(ann, P1)
        async with rig.as_caller("olga", tmp_path) as olga:
            for name in (
                "",
                "jobs/1",
                "hosts/",
                "hosts/edge/ports/",
                "printers/labels/more",
                "printers/a\nb",
            ):
                with pytest.raises(InvalidArgument):
                    await acknowledged(olga, name)
            for seconds in (-1.0, 31 * 86400.0):
                with pytest.raises(InvalidArgument):
                    await acknowledged(olga, P1, seconds=seconds)
            assert await listed(olga) == []
