"""A line with delay and bandwidth: a program that carries the packets of a network device, without netem.

python -m tests.bench.line DELAY_MS MBIT: makes the device, prints FAR, carries until it is ended. To be started in a
network namespace of its own (`tests.bench.network`).

Whoever connects to FAR reaches what listens at 127.0.0.1, by way of this program: it swaps a packet's two addresses,
which leaves its sums as they are, and gives it back after half the delay, no sooner than the bandwidth allows. Each way
of each connection has that bandwidth for itself. TCP is the kernel's own, with its windows, its congestion control and
packets of Ethernet's size; what it would have a network card cut comes in one piece.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

FAR = "127.77.7.2"
_DEVICE = "line0"
# linux/if_tun.h: a device of IP packets, no header of its own but what tells of sums and sizes.
_SET_DEVICE, _SET_HEADER, _SET_OFFLOAD = 0x400454CA, 0x400454D8, 0x400454D0
_TUN, _NO_INFO, _HAS_HEADER, _SUMS, _TCP4 = 0x0001, 0x1000, 0x4000, 0x01, 0x02
_HEADER = 10  # bytes before each packet
# Where a packet of IPv4 has its addresses, and TCP its ports.
_SOURCE, _TARGET, _PORTS = (slice(_HEADER + first, _HEADER + first + 4) for first in (12, 16, 20))
_MTU, _FRAME = 1500, 38 + 52  # bytes of a packet; what Ethernet and the headers take of each
_MOST_LATE_S = 0.1  # what would wait longer for its turn is lost, as in the queue of a router
_AT_ONCE = 64


def open_line() -> int:
    """Make the device; return what its packets are read from and written to.

    Raises:
        OSError, CalledProcessError: the kernel, or `ip`, refuses.
    """
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(tun, _SET_DEVICE, struct.pack("16sH22x", _DEVICE.encode(), _TUN | _NO_INFO | _HAS_HEADER))
        fcntl.ioctl(tun, _SET_OFFLOAD, _SUMS | _TCP4)
        _ip("link", "set", _DEVICE, "txqueuelen", "10000", "up")
        # The services' callers are on loopback still, which they trust; all else of it stays at home.
        Path(f"/proc/sys/net/ipv4/conf/{_DEVICE}/route_localnet").write_text("1")
        _ip("route", "add", f"{FAR}/32", "dev", _DEVICE, "src", "127.0.0.1", "table", "local")
    except BaseException:
        os.close(tun)
        raise
    return tun


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=10)


class OnItsWay:
    """What is on its way. `delay_s` is that of one way; `bytes_per_s` 0: as fast as this program can."""

    def __init__(self, delay_s: float, bytes_per_s: float) -> None:
        self._delay_s = delay_s
        self._bytes_per_s = bytes_per_s
        self._free_at: dict[bytes, float] = {}  # by ports: when the last packet of a way has left
        self._waiting: list[tuple[float, int, bytes]] = []  # a heap: when due, in their order
        self._count = 0

    def take(self, packet: bytes, now: float) -> None:
        """Let a packet leave when its turn is; there may be no room for it."""
        due = now
        if self._bytes_per_s:
            ports = packet[_PORTS]
            due = max(now, self._free_at.get(ports, 0.0))
            if due - now > _MOST_LATE_S:
                return
            due += (len(packet) + -(-len(packet) // _MTU) * _FRAME) / self._bytes_per_s
            self._free_at[ports] = due
        self._count += 1
        heapq.heappush(self._waiting, (due + self._delay_s, self._count, packet))

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until something is due; None: nothing is on its way."""
        return max(0.0, self._waiting[0][0] - now) if self._waiting else None

    def due(self, now: float) -> Iterator[bytes]:
        """Yield what is due, and forget it."""
        while self._waiting and self._waiting[0][0] <= now:
            yield heapq.heappop(self._waiting)[2]


def carry(tun: int, line: OnItsWay) -> None:
    """Carry for ever."""
    while True:
        if select.select([tun], [], [], line.wait_s(time.monotonic()))[0]:
            now = time.monotonic()
            for packet in _packets(tun):
                line.take(packet, now)
        for packet in line.due(time.monotonic()):
            with contextlib.suppress(OSError):  # no room at the kernel's: lost, as anywhere
                os.write(tun, packet)


def _packets(tun: int) -> Iterator[bytes]:
    """Yield what the kernel sends, back to front: each comes from where it went."""
    for _ in range(_AT_ONCE):
        try:
            packet = bytearray(os.read(tun, 1 << 17))
        except BlockingIOError:
            return
        if packet[_HEADER] >> 4 == 4:
            source, target = packet[_SOURCE], packet[_TARGET]
            packet[_SOURCE], packet[_TARGET] = target, source
            yield bytes(packet)


def main() -> None:
    """Serve until ended."""
    delay_ms, mbit = map(float, sys.argv[1:3])
    tun = open_line()
    print(FAR, flush=True)
    carry(tun, OnItsWay(delay_ms / 2000, mbit * 1e6 / 8))


if __name__ == "__main__":
    main()
