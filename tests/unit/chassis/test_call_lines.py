"""The line of a call is the one that structlog would write, and none is lost or comes behind what was said later."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import datetime

import pytest
import structlog

from chassis import logs
from chassis.call import Call, current_call
from chassis.call_lines import CallLines
from chassis.identity import NOBODY


@pytest.fixture
def call():
    one = Call('/a.Service/"Method"', "id-1", "ipv4:127.0.0.1:1", NOBODY)
    token = current_call.set(one)
    yield one
    current_call.reset(token)


def configured(**more):
    out = io.StringIO()
    logs.configure("spooler", log_format="json", stream=out, **more)
    return out


def lines() -> CallLines:
    found = logs.call_lines()
    assert found is not None
    return found


async def test_it_is_what_structlog_would_have_written(call):
    out = configured()
    logs.get("chassis.interceptors").info("rpc", code="OK", ms=1.25)
    lines().add(call, 1.25)
    logs.flush()
    theirs, ours = map(json.loads, out.getvalue().splitlines())
    assert list(ours) == list(theirs)
    assert len(ours["timestamp"]) == len(theirs["timestamp"])
    assert abs(moment(ours) - moment(theirs)) < 5
    assert {**ours, "timestamp": ""} == {**theirs, "timestamp": ""}


def moment(line):
    return datetime.fromisoformat(line["timestamp"]).timestamp()


async def test_lines_of_one_turn_of_the_loop_are_one_write(call, monkeypatch):
    out = configured()
    writes: list[str] = []
    monkeypatch.setattr(out, "write", writes.append)
    for _ in range(3):
        lines().add(call, 1.0)
    assert writes == []
    await asyncio.sleep(0)
    assert len(writes) == 1
    assert writes[0].count("\n") == 3


async def test_what_is_said_later_stands_behind_them(call):
    out = configured()
    lines().add(call, 1.0)
    logs.get("x").warning("later")
    events = [json.loads(line)["event"] for line in out.getvalue().splitlines()]
    assert events == ["rpc", "later"]
    await asyncio.sleep(0)
    assert len(out.getvalue().splitlines()) == 2


@pytest.mark.parametrize("how", [{"level": "warning"}, {"log_format": "console"}])
async def test_where_no_such_line_is_wanted_nobody_writes_it(how):
    logs.configure("spooler", **{"log_format": "json", "stream": io.StringIO(), **how})
    assert logs.call_lines() is None


async def test_whoever_looks_at_what_structlog_is_given_sees_calls_too():
    configured()
    with structlog.testing.capture_logs():
        assert logs.call_lines() is None
    assert logs.call_lines() is not None
