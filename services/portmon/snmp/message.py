"""SNMP v1 and v2c messages for reading: pysnmp's and pyasn1's codec, and nothing else of them; the only module with it.

Answers are hostile: their size is bounded, and whatever the codec trips over is `BadSnmp`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]
from pyasn1.error import PyAsn1Error  # type: ignore[import-untyped]
from pysnmp.proto import api  # type: ignore[import-untyped]
from pysnmp.proto.error import ProtocolError  # type: ignore[import-untyped]

MOST_BYTES = 8192  # of a datagram
_VERSIONS = {"1": api.SNMP_VERSION_1, "2c": api.SNMP_VERSION_2C}
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


def get(version: str, community: str, request_id: int, oids: Sequence[Oid]) -> bytes:
    """Return a GetRequest."""
    return _request(version, community, request_id, oids, "GetRequestPDU")


def get_next(version: str, community: str, request_id: int, oids: Sequence[Oid]) -> bytes:
    """Return a GetNextRequest."""
    return _request(version, community, request_id, oids, "GetNextRequestPDU")


def _request(version: str, community: str, request_id: int, oids: Sequence[Oid], kind: str) -> bytes:
    module: Any = api.PROTOCOL_MODULES[_VERSIONS[version]]
    pdu = getattr(module, kind)()
    module.apiPDU.set_defaults(pdu)
    module.apiPDU.set_request_id(pdu, request_id)
    module.apiPDU.set_varbinds(pdu, [(oid, module.Null("")) for oid in oids])
    message = module.Message()
    module.apiMessage.set_defaults(message)
    module.apiMessage.set_community(message, community)
    module.apiMessage.set_pdu(message, pdu)
    return bytes(encoder.encode(message))


def answer(datagram: bytes, version: str, community: str) -> Answer:
    """Return what an agent answered.

    Raises:
        BadSnmp: it is no answer of that version and community.
    """
    if len(datagram) > MOST_BYTES:
        raise BadSnmp(f"more than {MOST_BYTES} bytes")
    module: Any = api.PROTOCOL_MODULES[_VERSIONS[version]]
    try:
        message, rest = decoder.decode(datagram, asn1Spec=module.Message())
        if rest or int(message[0]) != _VERSIONS[version]:
            raise BadSnmp("another version, or something behind the message")
        if bytes(module.apiMessage.get_community(message)) != community.encode():
            raise BadSnmp("another community")
        pdu = module.apiMessage.get_pdu(message)
        if not pdu.isSameTypeWith(module.GetResponsePDU()):
            raise BadSnmp("no GetResponse")
        rows = [
            (tuple(int(part) for part in oid), _value(one)) for oid, one in module.apiPDU.get_varbinds(pdu)
        ]
        return Answer(
            int(module.apiPDU.get_request_id(pdu)),
            int(module.apiPDU.get_error_status(pdu)),
            int(module.apiPDU.get_error_index(pdu, muteErrors=True)),
            rows,
        )
    except (
        PyAsn1Error,
        ProtocolError,
        RecursionError,
        ValueError,
        TypeError,
        IndexError,
        AttributeError,
    ) as error:
        # The codec is not made for hostile bytes: it lets other errors out beside its own.
        raise (
            error if isinstance(error, BadSnmp) else BadSnmp(f"it cannot be read: {error!r:.100}")
        ) from error


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
