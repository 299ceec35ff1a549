"""No hot path waits for the disk, hashes, parses, commits or changes threads more often than is written down. And the guard bites."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache, partial
from pkgutil import resolve_name
from typing import Any

import pytest

from spooler import group_commit, outgoing
from tests.bench.dear_calls import CALLED, calls, judged, kept_calls
from tests.bench.instructions import SERVICES

pytestmark = pytest.mark.timeout(120)
JOB = "spooler: a small job, from submission to outcome"
LABEL = "the whole way: a label, from a client's call to a TCP printer and its outcome"
UPLOAD = "call: UploadJob, 8 MiB, each MiB"
CALL = "call: SubmitJob"
TOGETHER = "call: SubmitJob, sixteen callers at once, twice"
BATCH = "the whole way: 64 labels of one message"
PORT = "port monitor: a small document over TCP: connected, proven, closed"
PLANTED = """
import asyncio, hashlib, os, socket, threading
from google.protobuf.empty_pb2 import Empty
from portmon.tcp import prompt_socket

def hashed(*_):
    hashlib.sha256(b"once more")

def committed(cursor, *_):
    cursor.execute("COMMIT")
    cursor.execute("BEGIN IMMEDIATE")

def synced(*_):
    file = os.memfd_create("planted")
    os.fdatasync(file)
    os.close(file)

def parsed(*_):
    Empty.FromString(Empty().SerializeToString())

def _response(*_):
    pass

async def nothing():
    pass

def task(*_):
    asyncio.get_running_loop().create_task(nothing())

def hop(*_):
    asyncio.get_running_loop().run_in_executor(None, int)

def asked(*_):
    with socket.socket() as some:
        some.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)

def looked(link, *_):
    prompt_socket._RECV(link.fileno(), prompt_socket._NOWHERE, 1, prompt_socket._LOOK)
"""
PLACES = [  # what is planted, before which function of the services, which path names it, as what
    ("hashed", "spooler.sql.accept._new_job", JOB, "hashes"),
    ("committed", "spooler.sql.batch.set_meta", JOB, "statements"),
    ("committed", "spooler.sql.batch.set_meta", LABEL, "statements"),
    ("synced", "portmon.tcp.link.TcpLink.finish", PORT, "syncs"),
    ("asked", "portmon.tcp.link.TcpLink.finish", PORT, "sockets"),
    ("looked", "portmon.tcp.prompt_socket.PromptSocket.connect_ex", PORT, "sockets"),
    ("looked", "portmon.tcp.prompt_socket.PromptSocket.close", LABEL, "sockets"),
    ("_response", "portmon.api.document_stream.DocumentStream._response", LABEL, "answers"),
    ("parsed", "spooler.api.print_servicer.put_job", CALL, "parsing"),
    ("task", "spooler.api.print_servicer.put_job", CALL, "tasks"),
    ("hop", "spooler.api.print_servicer.put_job", CALL, "hops"),
    ("synced", "spooler.spool.upload.frame", UPLOAD, "syncs"),
    ("hashed", "spooler.spool.upload.frame", UPLOAD, "hashes"),
]


@cache
def calls_now(name: str) -> dict[str, int]:
    return asyncio.run(calls(CALLED[name]))


@pytest.mark.parametrize("name", CALLED)
def test_a_hot_path_asks_for_nothing_dear_more_often_than_is_written_down(name: str):
    trouble = judged(name, calls_now(name), kept_calls())

    assert not trouble, trouble


def test_what_is_written_down_is_of_these_paths_and_no_others():
    assert kept_calls().keys() == CALLED.keys()


@pytest.mark.parametrize(("what", "place", "name", "kind"), PLACES)
def test_one_dear_call_more_that_somebody_plants_is_named(
    what: str, place: str, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
):
    kept = {name: calls_now(name)}
    monkeypatch.setattr(place, before(planted(what), resolve_name(place)))

    trouble = judged(name, asyncio.run(calls(CALLED[name])), kept)

    assert trouble.startswith(f"{name}: ")
    assert f" {kind}, {kept[name].get(kind, 0)} before" in trouble


def test_a_commit_for_each_caller_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        group_commit.GroupThread, "__init__", partial_method(group_commit.GroupThread.__init__, max_batch=1)
    )

    assert " statements, " in judged(TOGETHER, asyncio.run(calls(CALLED[TOGETHER])), kept_calls())


def test_a_message_for_each_document_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outgoing, "BATCH_BYTES", 1)

    assert " messages, " in judged(BATCH, asyncio.run(calls(CALLED[BATCH])), kept_calls())


def test_a_path_that_asks_for_far_less_is_to_be_written_down_anew():
    kept = {JOB: {"hashes": 2, "statements": 12}}

    assert judged(JOB, {"hashes": 2, "statements": 9}, kept) == ""
    assert judged(JOB, {"hashes": 2, "statements": 8}, kept).startswith(
        f"{JOB}: 8 statements, 12 before. That it stays so"
    )
    assert judged(JOB, {"statements": 12}, kept).startswith(f"{JOB}: 0 hashes, 2 before.")


def test_a_path_that_nobody_has_written_down_fails_and_is_not_skipped():
    assert (
        judged(JOB, {"syncs": 1}, {}) == f"{JOB}: what it asks for is not written down: make guard-baseline"
    )


def planted(what: str) -> Callable[..., None]:
    """Return a function that is a service's by its file's name; an answer to a spooler is one by its own, too."""
    scope: dict[str, Any] = {}
    file = "portmon/api/document_stream.py" if what == "_response" else "spooler/planted.py"
    exec(compile(PLANTED, f"{SERVICES}{file}", "exec"), scope)
    function: Callable[..., None] = scope[what]
    return function


def before(planted: Callable[..., None], function: Callable[..., Any]) -> Callable[..., Any]:
    def both(*arguments: Any, **named: Any) -> Any:
        planted(*arguments)
        return function(*arguments, **named)

    return both


def partial_method(function: Callable[..., Any], **fixed: Any) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        return partial(function, *arguments)(**(named | fixed))

    return called
