"""The store at a PostgreSQL server elsewhere: with TLS and a certificate of its name, or by a decision."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from chassis.errors import StoreUnavailable
from spooler.sql.postgres.store import PostgresStore
from tests.rig.postgres import PostgresServer, postgres_server, unprivileged
from tests.surroundings import free_port
from tests.unit.chassis.certificates import Authority

NAME = "db.example"
_ENCRYPTED = (
    "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL"
)


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

    def encrypted(self) -> set[bool]:
        """Return whether those who are connected over TCP have TLS: all, none, or some."""
        return {ssl for (ssl,) in self.server.ask(self.server.url("postgres"), _ENCRYPTED)}


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    with postgres_server() as server:
        yield Elsewhere(server)


async def test_every_connection_to_a_server_elsewhere_is_encrypted(elsewhere: Elsewhere):
    store = await PostgresStore.open(elsewhere.url(sslrootcert=elsewhere.authority.file))
    try:
        await store.load()
        assert elsewhere.encrypted() == {True}
    finally:
        await store.close()


async def test_a_server_with_another_name_is_not_believed(elsewhere: Elsewhere):
    with pytest.raises(StoreUnavailable, match="does not match host name"):
        await PostgresStore.open(elsewhere.url("other.example", sslrootcert=elsewhere.authority.file))


async def test_of_several_servers_the_one_is_taken_that_has_its_name(elsewhere: Elsewhere):
    two = elsewhere.url(sslrootcert=elsewhere.authority.file, host=f"other.example,{NAME}")
    store = await PostgresStore.open(two.replace("hostaddr=127.0.0.1", "hostaddr=127.0.0.1,127.0.0.1"))
    try:
        assert elsewhere.encrypted() == {True}
    finally:
        await store.close()


async def test_a_server_of_an_unknown_authority_is_not_believed(elsewhere: Elsewhere):
    with pytest.raises(StoreUnavailable, match="certificate verify failed"):
        await PostgresStore.open(elsewhere.url())


async def test_clear_text_is_a_decision(elsewhere: Elsewhere):
    store = await PostgresStore.open(elsewhere.url(sslmode="disable"))
    try:
        assert elsewhere.encrypted() == {False}
    finally:
        await store.close()
