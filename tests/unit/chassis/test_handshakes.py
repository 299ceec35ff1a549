"""Lines of grpcio 1.85.1, shortened in their arguments only; `tests/fabric/test_refusals.py` has real ones."""

from __future__ import annotations

import pytest

from chassis.handshakes import FailedHandshake, HandshakeReader

AT = "I1121 23:22:25.101996   20704 "
ARGS = (
    "args={{endpoint=0x7fc2, args={{grpc.experimental.event_engine=0x559f, {of}grpc.internal.endpoint_local_address="
    "ipv4:10.0.0.1:26151, grpc.internal.endpoint_peer_address=ipv6:[fe80::7%25eth0]:42066, grpc.resource_quota=0x5}}, "
    "read_buffer.Length()=0, exit_early=0}}"
)
SERVER = ARGS.format(of="grpc.internal.server_credentials=0x55, ")
CLIENT = ARGS.format(of="grpc.internal.subchannel_pool=0x55, ")
SSL = "UNKNOWN: Ssl handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: error:1000007d:SSL routines:OPENSSL_internal:"
EXPIRED = SSL + "CERTIFICATE_VERIFY_FAILED: certificate has expired: OK"


def end(error: str, arguments: str = SERVER, *, shutdown: str = "false") -> str:
    """Return what is written of one handshake's end."""
    where = "=== Source Location Trace: === \nsrc/core/util/status_helper.cc:68\n"
    return (
        f"{AT}ssl_transport_security.cc:2563] Handshake failed with error SSL_ERROR_SSL: error:1000007d\n"
        f"{AT}handshaker.cc:155] CallNextHandshakerLocked: error={error}\n{where}"
        f" shutdown={shutdown} index=2, {arguments}\n"
        f"{AT}channel_trace.h:396] handshake manager 0x7fc2ec00d6d0: Failed with error: {error}\n{where}\n"
    )


GOOD = f"{AT}handshaker.cc:155] CallNextHandshakerLocked: error=OK shutdown=false index=2, {SERVER}\n"


def read(*texts: str) -> tuple[list[FailedHandshake], str]:
    reader = HandshakeReader()
    failed, others = [], b""
    for text in texts:
        found, more = reader.read(text.encode())
        failed += found
        others += more
    return failed, (others + reader.rest()).decode()


def test_a_failed_handshake_is_told_once_with_both_addresses_and_the_rest_is_silent():
    failed, others = read(f"{AT}trace.cc:91] gRPC Tracers: handshaker\n", GOOD, end(EXPIRED), GOOD)
    assert failed == [
        FailedHandshake(
            "CERTIFICATE_EXPIRED",
            "the certificate shown has expired",
            "ipv6:[fe80::7%25eth0]:42066",
            "ipv4:10.0.0.1:26151",
        )
    ]
    assert others == ""


def test_wherever_what_is_read_is_cut_the_same_is_told():
    whole = GOOD + end(EXPIRED) + "malloc(): corrupted\n" + end(SSL + "WRONG_VERSION_NUMBER: OK")
    expected = read(whole)
    assert len(expected[0]) == 2
    for at in range(0, len(whole), 7):
        assert read(whole[:at], whole[at:]) == expected
    assert read(*whole) == expected


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SSL + "PEER_DID_NOT_RETURN_A_CERTIFICATE: Invalid certificate verification context: OK", "CERTIFICATE_MISSING"),
        (EXPIRED, "CERTIFICATE_EXPIRED"),
        (SSL + "CERTIFICATE_VERIFY_FAILED: certificate is not yet valid: OK", "CERTIFICATE_NOT_YET_VALID"),
        (SSL + "CERTIFICATE_VERIFY_FAILED: unable to get local issuer certificate: OK", "CERTIFICATE_FOREIGN"),
        (SSL + "CERTIFICATE_VERIFY_FAILED: self signed certificate: OK", "CERTIFICATE_FOREIGN"),
        (SSL + "CERTIFICATE_VERIFY_FAILED: unsupported certificate purpose: OK", "CERTIFICATE_INVALID"),
        (SSL + "WRONG_VERSION_NUMBER: Invalid certificate verification context: OK", "NOT_TLS"),
        (SSL + "HTTP_REQUEST: Invalid certificate verification context: OK", "NOT_TLS"),
        (SSL + "UNSUPPORTED_PROTOCOL: Invalid certificate verification context: OK", "TLS_TOO_OLD"),
        (SSL + "TLSV1_ALERT_UNKNOWN_CA: Invalid certificate verification context: OK", "SERVER_NOT_BELIEVED"),
        (SSL + "BAD_PACKET_LENGTH: Invalid certificate verification context: OK", "HANDSHAKE_FAILED"),
        ("UNKNOWN: Cannot check peer: missing selected ALPN property.", "NOT_GRPC"),
        ("UNAVAILABLE: Handshake read failed (Socket closed)", "CONNECTION_CLOSED"),
        ("UNKNOWN: something that nobody has seen yet", "HANDSHAKE_FAILED"),
    ],
)  # fmt: skip
def test_each_end_has_its_reason(error, reason):
    failed, _ = read(end(error))
    assert [one.reason for one in failed] == [reason]
    assert failed[0].why


def test_who_says_nothing_for_too_long_is_told_and_who_is_there_when_the_service_stops_is_not():
    late = (
        f"{AT}channel_trace.h:396] handshake manager 0x7f2c: Shutdown called: UNKNOWN: Handshake timed out\n"
    )
    closing = end("UNAVAILABLE: Handshake read failed (Endpoint closing)", shutdown="true")
    failed, others = read(closing, late, closing, closing)
    assert [one.reason for one in failed] == ["HANDSHAKE_TIMEOUT"]
    assert others == ""


def test_handshakes_of_calls_to_others_are_not_ours_to_tell():
    assert read(end(EXPIRED, CLIENT)) == ([], "")


def test_what_others_write_goes_on_as_it_is():
    words = (
        f"{AT}chttp2_transport.cc:1] GOAWAY: too_many_pings\nFatal Python error: Aborted\n"
        "terminate called\n  what(): x\n"
    )
    assert read(end(EXPIRED) + words)[1] == words
    assert read("half a line")[1] == "half a line"


def test_a_line_without_an_end_is_kept_in_bounds():
    reader = HandshakeReader()
    assert sum(len(reader.read(b"x" * 60_000)[1]) for _ in range(4)) > 60_000
    assert len(reader.rest()) <= 65_536
