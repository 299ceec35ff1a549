"""What an IPP request must have before anybody looks at what it asks for: RFC 8011, 4.1 and 4.2."""

from __future__ import annotations

from printfabric_sim.connections.ipp_message import Message, Tag

BAD_REQUEST, CHARSET_NOT_SUPPORTED, VERSION_NOT_SUPPORTED = 0x0400, 0x040D, 0x0503
SEND_DOCUMENT = 0x0006
_CHARSETS = ("utf-8", "us-ascii")
_FIRST = ["attributes-charset", "attributes-natural-language"]


def fault_of(message: Message) -> tuple[int, str]:
    """Return the status that refuses `message` and why in words; (0, "") if it may be obeyed."""
    if message.version[0] not in (1, 2):
        return VERSION_NOT_SUPPORTED, f"IPP {message.version[0]}.{message.version[1]} is not spoken here"
    if message.request_id == 0:
        return BAD_REQUEST, "request-id is 0"
    group, attributes = message.groups[0] if message.groups else (Tag.END, {})
    if group != Tag.OPERATION or list(attributes)[:2] != _FIRST:
        return BAD_REQUEST, f"the request does not begin with {' and '.join(_FIRST)}"
    if message.text(_FIRST[0]).lower() not in _CHARSETS:
        return CHARSET_NOT_SUPPORTED, f"{message.text(_FIRST[0])} is not known here"
    if not {"printer-uri", "job-uri"} & attributes.keys():
        return BAD_REQUEST, "neither printer-uri nor job-uri says what is meant"
    if message.code == SEND_DOCUMENT and "last-document" not in attributes:
        return BAD_REQUEST, "last-document is missing"
    return 0, ""
