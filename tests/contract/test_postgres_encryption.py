"""The store at a PostgreSQL server elsewhere: with TLS and a certificate of its name, or by a decision."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from chassis.errors import StoreUnavailable
from spooler.sql.postgres.store import PostgresStore
from tests.rig.postgres import PostgresServer, postgres_server, unprivileged
from tests.surroundings import free_port
from tests.unit.chassis.certificates import Authority

NAME = "db.example"
_ENCRYPTED = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = '{}'"


class Elsewhere:
    """A server that has a certificate of an authority of ours; its address is loopback's, its name is not."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.authority = Authority(server.folder)
        certificate, key = self.authority.issue("server", name=NAME)
        key.chmod(0o600)
        if (user := unprivileged().get("user")) is not None:
            os.chown(key, user, -1)
        server.stop()
        server.port = free_port()
        server.start(
            listen_addresses="127.0.0.1",
            ssl="on",
            ssl_cert_file=str(certificate),
            ssl_key_file=str(key),
        )

    def url(self, name: str = NAME, **how: str | Path) -> str:
        """Return the URL of a database by the server's name, or by another one."""
        database = self.server.database().partition("@/")[2].partition("?")[0]
        asked = urlencode({"hostaddr": "127.0.0.1", **how})
        return f"postgresql://spool@{name}:{self.server.port}/{database}?{asked}"

    def encrypted(self, url: str) -> set[bool]:
        """Return whether those who are connected to a database have TLS: all, none, or some."""
        database = urlsplit(url).path.strip("/")
        return {ssl for (ssl,) in self.server.ask(self.server.url("postgres"), _ENCRYPTED.format(database))}


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    with postgres_server() as server:
        yield Elsewhere(server)


async def test_every_connection_to_a_server_elsewhere_is_encrypted(elsewhere: Elsewhere):
    url = elsewhere.url(sslrootcert=elsewhere.authority.file)
    store = await PostgresStore.open(url)
    try:
        await store.load()
        assert elsewhere.encrypted(url) == {True}
    finally:
        await store.close()


async def test_a_server_with_another_name_is_not_believed(elsewhere: Elsewhere):
    with pytest.raises(StoreUnavailable, match="does not match host name"):
        await PostgresStore.open(
            elsewhere.url("other.example", sslrootcert=elsewhere.authority.file), wait_s=0
        )


async def test_of_several_servers_the_one_is_taken_that_has_its_name(elsewhere: Elsewhere):
    url = elsewhere.url(
        sslrootcert=elsewhere.authority.file, host=f"other.example,{NAME}", hostaddr="127.0.0.1,127.0.0.1"
    )
    store = await PostgresStore.open(url)
    try:
        assert elsewhere.encrypted(url) == {True}
    finally:
        await store.close()


async def test_a_server_of_an_unknown_authority_is_not_believed(elsewhere: Elsewhere):
    with pytest.raises(StoreUnavailable, match="certificate verify failed"):
        await PostgresStore.open(elsewhere.url(), wait_s=0)


async def test_clear_text_is_a_decision(elsewhere: Elsewhere):
    url = elsewhere.url(sslmode="disable")
    store = await PostgresStore.open(url)
    try:
        assert elsewhere.encrypted(url) == {False}
    finally:
        await store.close()
