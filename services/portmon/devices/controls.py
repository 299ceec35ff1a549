"""Device controls of USB and parallel printers: Windows' codes and bytes on one side, Linux's ioctls on the other.

usbprint.h has the codes, linux/usblp (drivers/usb/class/usblp.c) and linux/lp.h the ioctls. A control that Linux's class
driver has not is not supported here, whatever the printer could do: there is no way to it without raw access to the bus.
"""

from __future__ import annotations

import errno
import fcntl
import struct
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any

from chassis.errors import AccessDenied, DeviceFault, InvalidArgument, NotSupported
from portmon.devices.ieee1284 import MOST_BYTES, text_of

Ioctl = Callable[[int, int, Any], Any]


class Control(IntEnum):
    """IOCTL_USBPRINT_…: CTL_CODE(FILE_DEVICE_UNKNOWN, 12…19, METHOD_BUFFERED, FILE_ANY_ACCESS)."""

    GET_LPT_STATUS = 0x220030
    GET_1284_ID = 0x220034
    VENDOR_SET_COMMAND = 0x220038
    VENDOR_GET_COMMAND = 0x22003C
    SOFT_RESET = 0x220040
    GET_PROTOCOL = 0x220044
    SET_PROTOCOL = 0x220048
    GET_INTERFACE_TYPE = 0x22004C


READING = frozenset(
    {Control.GET_LPT_STATUS, Control.GET_1284_ID, Control.GET_PROTOCOL, Control.GET_INTERFACE_TYPE}
)
BETWEEN_DOCUMENTS = frozenset(
    {Control.SOFT_RESET, Control.SET_PROTOCOL}
)  # they lose what the printer has not printed

_READ, _WRITE = 2, 1
LPGETSTATUS = 0x060B
_P = ord("P")
_BIDIRECTIONAL = 2  # the one protocol that may be set: 1 writes only, 4 is IPP over USB
_CLASSIC = 1
_DWORD = struct.Struct("<I")
_MISSING = {errno.ENOTTY, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


def _ioc(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | _P << 8 | number


GET_DEVICE_ID = _ioc(_READ, 1, MOST_BYTES)
GET_PROTOCOLS = _ioc(_READ, 2, 8)
SET_PROTOCOL = _ioc(_WRITE, 3, 0)
HP_SET_CHANNEL = _ioc(_WRITE, 4, 0)
SOFT_RESET = _ioc(0, 7, 0)


def control(
    fd: int, code: int, data: bytes, port: str, *, changes: bool, ioctl: Ioctl = fcntl.ioctl
) -> bytes:
    """Pass a device control through and return the answer, in Windows' form.

    Raises:
        InvalidArgument: 87, the input has not the control's form.
        AccessDenied: 5, it changes the device, and the port does not allow that.
        NotSupported: 50, nobody knows it, or the driver or the device has not got it.
        DeviceFault: it failed.
    """
    try:
        wanted = Control(code)
    except ValueError:
        raise NotSupported(f"port {port}: no device control {code:#x}", port=port) from None
    if wanted not in READING and wanted is not Control.SOFT_RESET and not changes:
        text = f"port {port}: {wanted.name} is not among the controls that the port allows"
        raise AccessDenied(text, port=port, setting="vendorRequests")
    try:
        return _TABLE[wanted](fd, data, ioctl)
    except OSError as error:
        if error.errno in _MISSING:
            text = f"port {port}: its device has no {wanted.name}"
            raise NotSupported(text, port=port) from error
        raise DeviceFault(f"port {port}: {wanted.name}: {error.strerror}", port=port) from error


def _status(fd: int, _data: bytes, ioctl: Ioctl) -> bytes:
    (found,) = struct.unpack("i", ioctl(fd, LPGETSTATUS, bytes(4)))
    return _DWORD.pack(found & 0xFF)


def _device_id(fd: int, _data: bytes, ioctl: Ioctl) -> bytes:
    buffer = bytearray(MOST_BYTES)  # one that is changed in place: fcntl copies no more than 1024 bytes
    ioctl(fd, GET_DEVICE_ID, buffer)
    text = text_of(bytes(buffer))
    return (len(text) + 2).to_bytes(2, "big") + text + b"\0"


def _protocol(fd: int, _data: bytes, ioctl: Ioctl) -> bytes:
    current, _supported = struct.unpack("ii", ioctl(fd, GET_PROTOCOLS, bytes(8)))
    return _DWORD.pack(current)


def _set_protocol(fd: int, data: bytes, ioctl: Ioctl) -> bytes:
    if data != _DWORD.pack(_BIDIRECTIONAL):
        raise InvalidArgument("SET_PROTOCOL takes a DWORD, 2", fields=[("input", "is another one")])
    ioctl(fd, SET_PROTOCOL, _BIDIRECTIONAL)
    return b""


def _interface_type(fd: int, _data: bytes, ioctl: Ioctl) -> bytes:
    ioctl(
        fd, GET_PROTOCOLS, bytes(8)
    )  # fails where there is no such interface; usblp binds to classic ones alone
    return _DWORD.pack(_CLASSIC)


def _soft_reset(fd: int, _data: bytes, ioctl: Ioctl) -> bytes:
    ioctl(fd, SOFT_RESET, 0)
    return b""


def _vendor_get(fd: int, data: bytes, ioctl: Ioctl) -> bytes:
    """Request 0 with a channel as its value is Hewlett-Packard's; usblp lets no other vendor's through."""
    if len(data) != 3:
        raise InvalidArgument(
            "a vendor request takes request, value high and value low", fields=[("input", "has not 3 bytes")]
        )
    request, high, low = data
    if request or high:
        raise OSError(errno.ENOTTY, "no such vendor request")
    ioctl(fd, HP_SET_CHANNEL, low)
    return bytes([low])


def _vendor_set(_fd: int, _data: bytes, _ioctl: Ioctl) -> bytes:
    raise OSError(errno.ENOTTY, "no vendor request with data")


_TABLE: Mapping[Control, Callable[[int, bytes, Ioctl], bytes]] = {
    Control.GET_LPT_STATUS: _status,
    Control.GET_1284_ID: _device_id,
    Control.VENDOR_SET_COMMAND: _vendor_set,
    Control.VENDOR_GET_COMMAND: _vendor_get,
    Control.SOFT_RESET: _soft_reset,
    Control.GET_PROTOCOL: _protocol,
    Control.SET_PROTOCOL: _set_protocol,
    Control.GET_INTERFACE_TYPE: _interface_type,
}
