from __future__ import annotations

import io
import json
import logging

from chassis import logs
from chassis.call import Call, current_call
from chassis.identity import NOBODY


def test_a_line_is_json_with_facts_service_and_time():
    out = io.StringIO()
    logs.configure("spooler", log_format="auto", stream=out)
    logs.get("spooler.dispatcher").info("job delivered", job=4711, port="edge-7/COM1:", path=b"x")
    line = json.loads(out.getvalue())
    assert (line["event"], line["job"], line["service"], line["module"]) == (
        "job delivered", 4711, "spooler", "spooler.dispatcher",
    )  # fmt: skip
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


def test_lines_below_the_level_are_not_written():
    out = io.StringIO()
    logs.configure("spooler", log_format="json", level="warning", stream=out)
    logs.get("x").info("quiet")
    logs.get("x").warning("loud")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["loud"]


def test_a_module_that_logged_before_the_configuration_obeys_it_after():
    log = logs.get("early")
    first, second = io.StringIO(), io.StringIO()
    logs.configure("a", log_format="json", stream=first)
    log.info("one")
    logs.configure("b", log_format="json", stream=second)
    log.info("two")
    assert json.loads(first.getvalue())["service"] == "a"
    assert json.loads(second.getvalue())["service"] == "b"


def test_a_console_line_is_for_people():
    out = io.StringIO()
    logs.configure("spooler", log_format="console", stream=out)
    logs.get("x").info("job delivered", job=4711)
    assert "job delivered" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_the_standard_librarys_log_comes_in_the_same_form():
    out = io.StringIO()
    logs.configure("spooler", log_format="json", stream=out)
    logging.getLogger("sqlalchemy").warning("pool of %d is full", 4)
    line = json.loads(out.getvalue())
    assert (line["event"], line["level"], line["service"]) == ("pool of 4 is full", "warning", "spooler")


def test_a_traceback_tells_no_functions_variables():
    for log_format in ("json", "console"):
        out = io.StringIO()
        logs.configure("spooler", log_format=log_format, stream=out)
        try:
            fail(b"document bytes".upper())  # the line of code itself is in the traceback
        except ValueError:
            logs.get("x").exception("it failed")
        assert "tests/unit/chassis/test_logs.py" in out.getvalue()
        assert "DOCUMENT BYTES" not in out.getvalue()


def fail(data):
    raise ValueError(f"{len(data)} are too many")


def test_a_traceback_is_part_of_its_line():
    out = io.StringIO()
    logs.configure("spooler", log_format="json", stream=out)
    try:
        int("broken")
    except ValueError:
        logs.get("x").exception("program failed")
    line = json.loads(out.getvalue())
    assert line["exception"][0]["exc_type"] == "ValueError"


def test_inside_a_call_every_line_has_its_facts_and_line_feeds_cannot_forge_another():
    out = io.StringIO()
    logs.configure("spooler", log_format="json", stream=out)
    token = current_call.set(Call("/a.B/C", "req-1", "ipv4:127.0.0.1:1", NOBODY))
    try:
        logs.get("x").info("told", name='a\n{"event": "forged"}')
    finally:
        current_call.reset(token)
    assert len(out.getvalue().splitlines()) == 1
    line = json.loads(out.getvalue())
    assert (line["request_id"], line["method"], line["caller"]) == ("req-1", "/a.B/C", "nobody")
