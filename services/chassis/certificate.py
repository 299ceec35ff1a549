"""When a certificate ends, read from its file. RFC 5280, 4.1: as much of DER as that takes. Pure."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

_END = "-----END CERTIFICATE-----"
_EXPLICIT_VERSION, _UTC_TIME = 0xA0, 0x17


def ends_at(pem: str) -> datetime:
    """Return the end of the first certificate of a PEM file. Raises ValueError for what is none."""
    try:
        der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE-----") : pem.index(_END)] + _END)
        signed, _ = _value(_value(der, 0)[0], 0)
        at = 0
        if signed[0] == _EXPLICIT_VERSION:
            _, at = _value(signed, at)
        for _ in range(3):  # serial number, signature's algorithm, issuer
            _, at = _value(signed, at)
        validity, _ = _value(signed, at)
        _, second = _value(validity, 0)
        text = _value(validity, second)[0].decode("ascii")
        form = "%y%m%d%H%M%SZ" if validity[second] == _UTC_TIME else "%Y%m%d%H%M%SZ"
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"not a certificate: {error}") from error


def _value(der: bytes, at: int) -> tuple[bytes, int]:
    """Return the contents of the element at `at`, and where the next one begins."""
    size, start = der[at + 1], at + 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(der[at + 2 : start], "big")
    return der[start : start + size], start + size
