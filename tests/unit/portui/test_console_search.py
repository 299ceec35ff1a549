"""Which addresses are looked at, and who is taken for a printer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from portui.fabric import Fabric, XcvAnswer
from portui.web import network_search


def test_addresses_are_single_ones_ranges_and_networks_each_once():
    found = network_search.addresses("10.4.8.20-22, 10.4.8.7 10.4.9.0/30,10.4.8.21")
    assert found == ["10.4.8.20", "10.4.8.21", "10.4.8.22", "10.4.8.7", "10.4.9.1", "10.4.9.2"]


@pytest.mark.parametrize(
    "text",
    ["", "printer", "10.4.8", "10.4.8.1-300", "10.0.0.0/8", "10.4.8.0/24 10.4.9.0/24", "::1", "10.4.8.1;id"],
)
def test_what_is_no_address_and_what_is_too_much_is_refused_in_words(text: str):
    with pytest.raises(ValueError, match="is no address|addresses; look at fewer"):
        network_search.addresses(text)


class Hosts:
    """A fabric whose host reaches some addresses, and notes what it was asked."""

    def __init__(self, *there: str) -> None:
        self.there = there
        self.asked: list[dict[str, Any]] = []

    @asynccontextmanager
    async def session(self, *, monitor: str, administer: bool) -> AsyncIterator[Hosts]:
        assert (monitor, administer) == ("hosts/edge/monitors/Standard TCP/IP Port", True)
        yield self

    async def data(self, name: str, document: bytes) -> XcvAnswer:
        assert name == "Probe"
        self.asked.append(json.loads(document))
        if self.asked[-1]["settings"]["host"] in self.there:
            return XcvAnswer(0, b'{"reached": true, "text": "nobody answered"}', "")
        return XcvAnswer(1225, b"", "refused")


async def test_every_address_is_asked_once_and_sent_nothing_and_those_that_answer_are_in_order():
    hosts = Hosts("10.4.8.40", "10.4.8.21")
    wanted = network_search.addresses("10.4.8.20-60")
    found = await network_search.search(cast("Fabric", hosts), "edge", wanted, 9101)
    assert [one.address for one in found] == ["10.4.8.21", "10.4.8.40"]
    assert found[0].port_name == "IP_10.4.8.21"
    assert sorted(one["settings"]["host"] for one in hosts.asked) == sorted(wanted)
    assert {(one["ask"], one["settings"]["port"]) for one in hosts.asked} == {("listen", 9101)}


async def test_an_answer_that_is_none_is_no_printer():
    class Odd(Hosts):
        async def data(self, name: str, document: bytes) -> XcvAnswer:
            return XcvAnswer(0, b"[", "")

    assert await network_search.search(cast("Fabric", Odd()), "edge", ["10.4.8.1"], 9100) == []
