"""TLS handshakes that failed, read from gRPC's own trace of them. Pure.

gRPC ends a failed handshake before a call exists and tells the application nothing. Its tracer `handshaker` writes a
few lines for each new connection, one with the end's error, whose arguments have both addresses (`handshaker.cc` of
grpcio 1.85.1):

    I1121 23:22:25.101996   20704 handshaker.cc:155] CallNextHandshakerLocked: error=UNKNOWN: Ssl handshake failed (…):
      SSL_ERROR_SSL: error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: certificate has expired: OK
    === Source Location Trace: ===
    src/core/util/status_helper.cc:68
     shutdown=false index=2, args={…, grpc.internal.endpoint_peer_address=ipv4:10.0.0.7:42066, …}
"""

from __future__ import annotations

import re
from typing import NamedTuple

TRACER = "handshaker"
CLOSED = "CONNECTION_CLOSED"  # by the other end, before anything was proven: a probe of the port, a cut

_MOST_LINE = 65536
_PREFIX = re.compile(rb"[IWEF]\d{4} [\d:.]+ +\d+ ([\w.]+):\d+\] ")
_OURS = {
    b"handshaker.cc": b"",
    b"channel_trace.h": b"handshake manager ",
    b"ssl_transport_security.cc": b"Handshake failed with error ",
    b"trace.cc": b"gRPC Tracers: ",
}
_REST_OF_OURS = (b"=== Source Location Trace", b"src/core/", b" shutdown=")
_END = "CallNextHandshakerLocked: error="
_ADDRESS = r"grpc\.internal\.endpoint_{}_address=([^,}}]+)"
_PEER, _LISTENER = (re.compile(_ADDRESS.format(which)) for which in ("peer", "local"))
_TIMED_OUT = "Shutdown called: UNKNOWN: Handshake timed out"
_OF_SERVER = "grpc.internal.server_credentials="
_TOKEN = re.compile(r"OPENSSL_internal:(\w+)")

# OpenSSL's and gRPC's words, the reason we give, and what it means; the first that fits.
_REASONS = (
    ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "CERTIFICATE_MISSING", "no certificate was shown"),
    ("certificate has expired", "CERTIFICATE_EXPIRED", "the certificate shown has expired"),
    ("certificate is not yet valid", "CERTIFICATE_NOT_YET_VALID", "the certificate shown is not valid yet"),
    ("unable to get local issuer", "CERTIFICATE_FOREIGN", "the certificate shown is of another authority"),
    ("self signed", "CERTIFICATE_FOREIGN", "the certificate shown is of no authority"),
    ("CERTIFICATE_VERIFY_FAILED", "CERTIFICATE_INVALID", "the certificate shown does not hold"),
    ("_ALERT_", "SERVER_NOT_BELIEVED", "the other end does not take this service's certificate or its TLS"),
    ("WRONG_VERSION_NUMBER", "NOT_TLS", "what came is no TLS"),
    ("HTTP_REQUEST", "NOT_TLS", "what came is no TLS"),
    ("UNSUPPORTED_PROTOCOL", "TLS_TOO_OLD", "the TLS offered is too old"),
    ("missing selected ALPN", "NOT_GRPC", "the other end does not speak HTTP/2"),
    (_TIMED_OUT, "HANDSHAKE_TIMEOUT", "the handshake was not ended in time"),
    ("Handshake read failed", CLOSED, "the other end closed the connection"),
    ("Handshake write failed", CLOSED, "the other end closed the connection"),
)  # fmt: skip


class FailedHandshake(NamedTuple):
    """Who did not get a connection: `peer` and `listener` as gRPC writes addresses, `ipv4:10.0.0.7:42066`."""

    reason: str
    why: str
    peer: str
    listener: str


class HandshakeReader:
    """Takes the trace out of what gRPC and other native code write to standard error."""

    def __init__(self) -> None:
        self._rest = b""
        self._end: str | None = None  # an error whose addresses are still to come
        self._timed_out = 0  # handshakes that are being shut down: the next lines about ends are theirs

    def read(self, data: bytes) -> tuple[list[FailedHandshake], bytes]:
        """Return the handshakes of servers that have failed, and the whole lines that are not of the trace."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _MOST_LINE:
            lines, self._rest = [*lines, self._rest], b""
        failed, others = [], bytearray()
        for line in lines:
            if not self._is_trace(line):
                others += line + b"\n"
            elif (found := self._ended(line.decode("utf-8", "replace"))) is not None:
                failed.append(found)
        return failed, bytes(others)

    def rest(self) -> bytes:
        """Return what came without the end of its line."""
        rest, self._rest = self._rest, b""
        return rest

    def _is_trace(self, line: bytes) -> bool:
        prefix = _PREFIX.match(line)
        if prefix is None:
            return not line or line.startswith(_REST_OF_OURS)
        self._end = None
        begins = _OURS.get(prefix[1])
        return begins is not None and line.startswith(begins, prefix.end())

    def _ended(self, line: str) -> FailedHandshake | None:
        if _TIMED_OUT in line:
            self._timed_out += 1
        if (at := line.find(_END)) >= 0:
            self._end = line[at + len(_END) :]
        if self._end is None or " shutdown=" not in line:
            return None
        error, self._end = self._end, None
        if error.startswith("OK ") or _OF_SERVER not in line:
            return None
        if " shutdown=true" in line:
            if not self._timed_out:
                return None  # this service stops
            self._timed_out -= 1
            error = _TIMED_OUT
        peer, listener = _PEER.search(line), _LISTENER.search(line)
        return FailedHandshake(*reason_of(error), peer[1] if peer else "", listener[1] if listener else "")


def reason_of(error: str) -> tuple[str, str]:
    """Return the reason we give for what gRPC or OpenSSL say, and what it means."""
    word = _TOKEN.search(error)
    for words, reason, why in _REASONS:
        if words in error:
            return reason, f"{why} ({word[1]})" if word and words == "_ALERT_" else why
    return "HANDSHAKE_FAILED", word[1] if word else error[:200]
