"""The console's own TLS: to nobody else in clear, and a new certificate without a restart."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import ssl
import sys
import urllib.request
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from chassis.settings import CertificateSettings
from chassis.tls import CertificateError, WebCertificates
from portui.settings import PortuiSettings
from tests.rig.programs import wait_until
from tests.surroundings import free_port
from tests.unit.chassis.certificates import Authority
from tests.unit.portui.test_program import ENVIRONMENT

ORIGIN = "https://printers.example.com"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def program(web: str, *more: str) -> list[str]:
    nobody = f"127.0.0.1:{free_port()}"
    base = ["--spooler", nobody, "--listen", "127.0.0.1:0", "--web-listen", web, "--log.format", "json"]
    return [sys.executable, "-m", "portui", *base, *more]


def page(web: str, authority: Authority) -> tuple[int, int]:
    """Return the status of the page for signing in, and the serial number of the certificate it came under."""
    trusting = ssl.create_default_context(cafile=str(authority.file))
    host, _, port = web.rpartition(":")
    asked = http.client.HTTPSConnection(host, int(port), context=trusting, timeout=10)
    try:
        asked.request("GET", "/sign-in")
        status = asked.getresponse().status
        assert isinstance(asked.sock, ssl.SSLSocket)
        return status, int(str((asked.sock.getpeercert() or {})["serialNumber"]), 16)
    finally:
        asked.close()


async def until_answered(web: str, authority: Authority, old: int = 0) -> tuple[int, int]:
    """Return the first answer under another certificate than `old`."""
    async with asyncio.timeout(30):
        while True:
            try:
                found = await asyncio.to_thread(page, web, authority)
            except OSError:
                found = (0, old)
            if found[1] != old:
                return found
            await asyncio.sleep(0.1)


async def in_clear(web: str) -> bytes:
    """Return all that who speaks no TLS is told."""
    host, _, port = web.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n")
    said = b""
    async with asyncio.timeout(30):
        with contextlib.suppress(ConnectionError):
            said = await reader.read()
    writer.close()
    return said


@pytest_asyncio.fixture
async def console(authority: Authority) -> AsyncIterator[str]:
    """Run the program with a certificate; give the address of its console."""
    async with running(authority) as web:
        yield web


@contextlib.asynccontextmanager
async def running(authority: Authority, *more: str) -> AsyncIterator[str]:
    """Run the program with a certificate; give the address of its console."""
    cert, key = authority.issue("web")
    web = f"127.0.0.1:{free_port()}"
    tls = ["--web-tls.cert-file", str(cert), "--web-tls.key-file", str(key), "--web-origin", ORIGIN, *more]
    process = await asyncio.create_subprocess_exec(*program(web, *tls), stderr=PIPE, env=ENVIRONMENT)
    assert process.stderr is not None
    reading = asyncio.create_task(process.stderr.read())
    try:
        yield web
    finally:
        process.terminate()
        async with asyncio.timeout(30):
            assert await process.wait() == 0, (await reading).decode()
        await reading


async def test_the_console_speaks_tls_alone_and_takes_a_new_certificate_without_a_restart(
    console: str, authority: Authority
):
    status, first = await until_answered(console, authority)
    assert status == 200
    assert b"HTTP/1.1" not in await in_clear(console)
    authority.issue("web")
    status, second = await until_answered(console, authority, old=first)
    assert status == 200
    assert second != first


async def test_handshakes_that_fail_are_counted_by_why(authority: Authority, tmp_path: Path):
    metrics = f"127.0.0.1:{free_port()}"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    async with running(authority, "--server.metrics-listen", metrics) as web:
        await until_answered(web, authority)
        assert "failed_handshakes_total{" not in await asyncio.to_thread(_metrics, metrics)
        await in_clear(web)
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(page, web, Authority(elsewhere))
        for reason in ("NOT_TLS", "SERVER_NOT_BELIEVED"):
            line = f'printfabric_failed_handshakes_total{{reason="{reason}"}} 1.0'
            await asyncio.to_thread(wait_until, partial(_shows, metrics, line))


def _shows(address: str, line: str) -> bool:
    return line in _metrics(address)


def _metrics(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as page:
        return str(page.read().decode())


async def test_a_certificate_that_does_not_work_ends_the_start_with_its_name(tmp_path: Path):
    (tmp_path / "web.pem").write_text("nothing")
    tls = ["--web-tls.cert-file", str(tmp_path / "web.pem"), "--web-tls.key-file", str(tmp_path / "web.pem")]
    process = await asyncio.create_subprocess_exec(
        *program("127.0.0.1:0", *tls, "--web-origin", ORIGIN), stderr=PIPE, env=ENVIRONMENT
    )
    async with asyncio.timeout(60):
        _, said = await process.communicate()
    assert process.returncode == 78
    assert b"web.pem" in said


def test_a_new_certificate_that_does_not_work_leaves_the_old_one(authority, monkeypatch):
    monkeypatch.setattr("chassis.watched_files._PAUSE_S", 0.0)
    cert, key = authority.issue("web")
    certificates = WebCertificates(CertificateSettings(cert_file=cert, key_file=key))
    context = certificates.context()

    def shown() -> bytes | None:
        """Return the certificate of a handshake in memory."""
        at_server, at_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        trusting = ssl.create_default_context(cafile=str(authority.file))
        client = trusting.wrap_bio(at_client, at_server, server_hostname="localhost")
        server = context.wrap_bio(at_server, at_client, server_side=True)
        for side in (client, server, client, server, client):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
        return client.getpeercert(binary_form=True)

    first = shown()
    assert first is not None
    good = key.read_bytes()
    key.write_text("half")
    assert shown() == first
    authority.issue("web")
    assert shown() not in (first, None)
    key.write_bytes(good)
    with pytest.raises(CertificateError, match=r"web\.crt"):
        WebCertificates(CertificateSettings(cert_file=cert, key_file=key))


def test_the_console_starts_beyond_loopback_only_with_tls_or_with_the_word():
    with pytest.raises(ValueError, match="set web_tls, or web_plaintext = true"):
        PortuiSettings(web_listen="0.0.0.0:26154", web_origin=ORIGIN)
    tls = CertificateSettings(cert_file=Path("c"), key_file=Path("k"))
    for more in ({"web_tls": tls}, {"web_plaintext": True}):
        found = PortuiSettings.model_validate({"web_listen": "0.0.0.0:26154", "web_origin": ORIGIN, **more})
        assert found.sign_in_always
    # Cookies that only TLS carries, and a name to answer to, come with the origin.
    with pytest.raises(ValueError, match="web_origin"):
        PortuiSettings(web_listen="127.0.0.1:26154", web_tls=tls)
