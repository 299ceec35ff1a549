"""HTTP/1.1 as uvicorn has it by h11, but that a broken request is one line of the audit and no failure of ours.

The date of an answer is looked at when a request comes; uvicorn's own is kept by a clock that ticks for nobody as well.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from portui.web import record

_MAY_ANSWER = (h11.IDLE, h11.SEND_RESPONSE)


class HttpProtocol(H11Protocol):
    """One connection."""

    def data_received(self, data: bytes) -> None:
        """Take what a client sent."""
        self.server_state.default_headers = [_date(int(time.time())), *self.config.encoded_headers]
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request; a page that was being made for it is for nobody any more."""
        record.no_request(self.client, msg)
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in _MAY_ANSWER:
            super().send_400_response(msg)
        else:
            self.transport.close()


@lru_cache(maxsize=1)
def _date(now: int) -> tuple[bytes, bytes]:
    return b"date", formatdate(now, usegmt=True).encode()
