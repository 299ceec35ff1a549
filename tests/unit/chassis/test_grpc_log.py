"""Programs whose standard error is followed, as processes: the variable is read when grpc is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.unit.chassis.certificates import Authority

_PROGRAM = """
import chassis.grpc_log
import asyncio, ctypes, os, socket, sys
import chassis.server
from chassis import grpc_log, logs
from chassis.settings import ServerSettings
from chassis.server import Server

chassis.server._HANDSHAKE_S = 0.2

async def main():
    tls = dict(zip(("cert_file", "key_file", "client_ca_file"), sys.argv[1:]))
    async with Server(ServerSettings.model_validate({"tls": tls, "grace_s": 0.1}), servicers=[]) as server:
        host, _, port = server.addresses[0].rpartition(":")
        with socket.create_connection((host, int(port))) as silent:
            await asyncio.to_thread(silent.recv, 1)
    print("the variable:", os.environ.get("GRPC_TRACE"))

with grpc_log.followed():
    logs.configure("echo", log_format="json")
    asyncio.run(main())
    ctypes.CDLL(None).write(2, b"words of a library\\n", 19)
    sys.stderr.write("words of ours\\n")
sys.stderr.write("the end\\n")
"""


def test_who_says_nothing_is_put_out_and_written_down_and_what_libraries_say_goes_on(tmp_path: Path):
    authority = Authority(tmp_path)
    files = [*map(str, authority.issue("server")), str(authority.file)]
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *files], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "the variable: None\n"
    lines = done.stderr.splitlines()
    refused = [json.loads(line) for line in lines if '"refused"' in line]
    assert [line["reason"] for line in refused] == ["HANDSHAKE_TIMEOUT"]
    assert refused[0]["peer"].startswith("ipv4:127.0.0.1:")
    plain = [line for line in lines if not line.startswith("{")]
    assert sorted(plain[:2]) == ["words of a library", "words of ours"]
    assert plain[2:] == ["the end"]


def test_where_grpc_was_loaded_before_nothing_is_followed():
    program = (
        "import grpc, os\nimport chassis.grpc_log as g\nassert 'GRPC_TRACE' not in os.environ\n"
        "with g.followed():\n    os.write(2, b'as ever')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=True)
    assert done.stderr == b"as ever"
