"""SNMP v1 and v2c messages for reading: pysnmp's and pyasn1's codec, and nothing else of them; the only module with it.

Answers are hostile: their size is bounded, and whatever the codec trips over is `BadSnmp`. The codec is loaded when it is
first used: it takes 2 MiB, of which a host that asks no printer is spared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

MOST_BYTES = 8192  # of a datagram
_VERSIONS = {"1": 0, "2c": 1}  # as messages say it
NO_SUCH_NAME = 2  # v1's error-status for an object that is not there

Oid = tuple[int, ...]


class BadSnmp(ValueError):
    """The datagram is no answer."""


class Answer(NamedTuple):
    """An answer; a value is a number, bytes, or None where the agent has no such object."""

    request_id: int
    error_status: int
    error_index: int
    rows: list[tuple[Oid, int | bytes | None]]


class _Codec(NamedTuple):
    """What is used of the libraries."""

    modules: Mapping[int, Any]  # what a version's messages are made of
    encode: Callable[[Any], bytes]
    decode: Callable[..., tuple[Any, bytes]]
    failures: tuple[type[Exception], ...]  # what it trips over


@cache
def _codec() -> _Codec:
    from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]  # noqa: PLC0415 - see above
    from pyasn1.error import PyAsn1Error  # type: ignore[import-untyped]  # noqa: PLC0415
    from pysnmp.proto import api  # type: ignore[import-untyped]  # noqa: PLC0415
    from pysnmp.proto.error import ProtocolError  # type: ignore[import-untyped]  # noqa: PLC0415

    # It is not made for hostile bytes: it lets other errors out beside its own.
    others = (RecursionError, ValueError, TypeError, IndexError, AttributeError)
    failures = (PyAsn1Error, ProtocolError, *others)
    return _Codec(api.PROTOCOL_MODULES, encoder.encode, decoder.decode, failures)


def load() -> None:
    """Load the codec, which takes longer than an event loop may wait; harmless when repeated."""
    _codec()


def get(version: str, community: str, request_id: int, oids: Sequence[Oid]) -> bytes:
    """Return a GetRequest."""
    return _request(version, community, request_id, oids, "GetRequestPDU")


def get_next(version: str, community: str, request_id: int, oids: Sequence[Oid]) -> bytes:
    """Return a GetNextRequest."""
    return _request(version, community, request_id, oids, "GetNextRequestPDU")


def _request(version: str, community: str, request_id: int, oids: Sequence[Oid], kind: str) -> bytes:
    codec = _codec()
    module = codec.modules[_VERSIONS[version]]
    pdu = getattr(module, kind)()
    module.apiPDU.set_defaults(pdu)
    module.apiPDU.set_request_id(pdu, request_id)
    module.apiPDU.set_varbinds(pdu, [(oid, module.Null("")) for oid in oids])
    message = module.Message()
    module.apiMessage.set_defaults(message)
    module.apiMessage.set_community(message, community)
    module.apiMessage.set_pdu(message, pdu)
    return bytes(codec.encode(message))


def answer(datagram: bytes, version: str, community: str) -> Answer:
    """Return what an agent answered.

    Raises:
        BadSnmp: it is no answer of that version and community.
    """
    if len(datagram) > MOST_BYTES:
        raise BadSnmp(f"more than {MOST_BYTES} bytes")
    codec = _codec()
    try:
        return _read(codec, datagram, version, community)
    except BadSnmp:
        raise
    except codec.failures as error:
        raise BadSnmp(f"it cannot be read: {error!r:.100}") from error


def _read(codec: _Codec, datagram: bytes, version: str, community: str) -> Answer:
    module = codec.modules[_VERSIONS[version]]
    message, rest = codec.decode(datagram, asn1Spec=module.Message())
    if rest or int(message[0]) != _VERSIONS[version]:
        raise BadSnmp("another version, or something behind the message")
    if bytes(module.apiMessage.get_community(message)) != community.encode():
        raise BadSnmp("another community")
    pdu = module.apiMessage.get_pdu(message)
    if not pdu.isSameTypeWith(module.GetResponsePDU()):
        raise BadSnmp("no GetResponse")
    rows = [(tuple(int(part) for part in oid), _value(one)) for oid, one in module.apiPDU.get_varbinds(pdu)]
    return Answer(
        int(module.apiPDU.get_request_id(pdu)),
        int(module.apiPDU.get_error_status(pdu)),
        int(module.apiPDU.get_error_index(pdu, muteErrors=True)),
        rows,
    )


def _value(one: Any) -> int | bytes | None:
    """Return a number or bytes; None for Null, noSuchObject, noSuchInstance, endOfMibView and object identifiers."""
    name = type(one).__name__
    if "Integer" in name or name in (
        "Counter",
        "Counter32",
        "Counter64",
        "Gauge",
        "Gauge32",
        "TimeTicks",
        "Unsigned32",
    ):
        return int(one)
    return bytes(one) if "OctetString" in name or name in ("Opaque", "IpAddress", "Bits") else None
