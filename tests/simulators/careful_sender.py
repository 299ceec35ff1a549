"""Printing code that deserves the recipe of docs/simulators.md: it asks the printer how far it came before it goes on.

The test of the recipe copies it to where the recipe's blocks look for `my_code` and `my-printing-code`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time

_ASK = b'! U1 getvar "odometer.total_label_count"\r\n'


def print_labels(host: str, port: int, count: int) -> None:
    """Print labels 00000 … on a ZPL printer; a broken connection is made anew, and nothing is sent on suspicion."""
    done = 0
    while done < count:
        with contextlib.suppress(OSError, ValueError), socket.create_connection((host, port), 1) as sock:
            done = _labels_out(sock)
            while done < count:
                sock.sendall(b"^XA^FDSERIAL %05d^FS^XZ" % done)
                while (out := _labels_out(sock)) == done:
                    time.sleep(0.005)
                done = out


def _labels_out(sock: socket.socket) -> int:
    """Ask the odometer. Raises OSError, and ValueError if the printer is gone."""
    sock.sendall(_ASK)
    return int(sock.recv(100).strip(b'"'))


async def print_receipts(host: str, port: int) -> None:
    """Send ten receipts and do not wait for them."""
    _, writer = await asyncio.open_connection(host, port)
    for number in range(10):
        writer.write(b"Receipt no %05d\n\x1dV\x00" % number)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


if __name__ == "__main__":
    to_host, _, to_port = sys.argv[sys.argv.index("--to") + 1].partition(":")
    print_labels(to_host, int(to_port), 100)
