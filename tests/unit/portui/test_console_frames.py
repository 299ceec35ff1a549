"""Frames of the live stream: topics, and one compression for all viewers."""

from __future__ import annotations

import json
import zlib

import pytest

from portui import frames
from portui.frames import Frames

PORTS = {
    f"edge-{host}/COM{port}:": [port * 3 % 100, 1000 * host] for host in range(200) for port in range(1, 11)
}


def test_a_page_gets_the_figures_that_it_shows():
    found = Frames(7, {"live": True}, {"edge/COM1:": [5, 10], "edge/COM2:": [0, 0]})

    def ports(topic: str) -> list[str]:
        return list(json.loads(found.plain(topic).partition(b"data: ")[2])["ports"])

    assert ports("fleet") == ["edge/COM1:", "edge/COM2:"]
    assert ports("port/edge/COM2:") == ["edge/COM2:"]
    assert ports("port/edge/COM9:") == ports("page") == []
    assert found.plain("page").startswith(b"id: 7\n")


def test_frames_behind_a_header_are_one_gzip_stream_whatever_a_viewer_missed():
    made = [Frames(number, {"n": number}, PORTS) for number in range(3)]
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    read = reader.decompress(frames.GZIP_HEADER + frames.pack(b"retry: 1000\n\n"))
    for seen in (made[0], made[2]):
        read += reader.decompress(seen.packed("fleet"))
        # Whole after each frame: nothing waits for the next one.
        assert read.endswith(seen.plain("fleet"))


def test_one_frame_is_packed_once_and_two_thousand_ports_are_light():
    found = Frames(1, {}, PORTS)
    assert found.packed("fleet") is found.packed("fleet")
    assert len(PORTS) == 2000
    assert len(found.packed("fleet")) < len(found.plain("fleet")) / 3


@pytest.mark.parametrize(
    ("rate", "shown"), [(0, 0), (7, 7), (999, 999), (1234, 1230), (98_765_432, 98_700_000)]
)
def test_a_rate_has_three_digits(rate: int, shown: int):
    assert frames.rounded(rate) == shown
