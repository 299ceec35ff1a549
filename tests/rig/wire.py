"""The contracts without a client library: what a test says on the wire itself, and what it hears."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import grpc


@contextlib.contextmanager
def channel_to(address: str) -> Iterator[grpc.Channel]:
    """Lend a channel of its own."""
    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield channel
