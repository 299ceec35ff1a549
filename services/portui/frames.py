"""Frames of the live stream: what changed in a second, made once for each topic and compressed once for all viewers.

A topic is what a page shows: `fleet` has the figures of every port, `port/edge-7/COM1:` those of one, `page` and `host/edge-7`
none. Each frame is compressed by itself and ends on a whole byte, so that one run of bytes serves all viewers: a stream of them
behind a gzip header is one valid gzip stream (RFC 1951, 3.2.4; RFC 1952).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

FLEET, PAGE, PORT, HOST = "fleet", "page", "port/", "host/"
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LEVEL = 6


class Frames:
    """The frames of one second. `common` is in each, `ports` are the figures that changed, by key."""

    def __init__(self, number: int, common: Mapping[str, Any], ports: Mapping[str, Any]) -> None:
        self.number = number
        self._common = common
        self._ports = ports
        self._made: dict[str, bytes] = {}
        self._packed: dict[str, bytes] = {}

    def plain(self, topic: str) -> bytes:
        """Return a topic's frame as an event of a stream."""
        made = self._made.get(topic)
        if made is None:
            body = json.dumps({**self._common, "ports": self._of(topic)}, separators=(",", ":"))
            made = self._made[topic] = b"id: %d\ndata: %b\n\n" % (self.number, body.encode())
        return made

    def packed(self, topic: str) -> bytes:
        """Return it compressed, as a part of a gzip stream."""
        packed = self._packed.get(topic)
        if packed is None:
            packed = self._packed[topic] = pack(self.plain(topic))
        return packed

    def _of(self, topic: str) -> Mapping[str, Any]:
        if topic == FLEET:
            return self._ports
        key = topic.removeprefix(PORT)
        return {key: self._ports[key]} if topic != PAGE and key in self._ports else {}


def pack(data: bytes) -> bytes:
    """Return bytes as a whole number of deflate blocks that refer to nothing before them and are not the last."""
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)


def rounded(rate: int) -> int:
    """Return a rate with three digits: what is shown has no more, and what is the same is not sent again."""
    step: int = 10 ** max(0, len(str(rate)) - 3)
    return rate // step * step
