"""What the kernel says about a device, in the fabric's errors: who has it, which right is missing, that it is gone."""

from __future__ import annotations

import errno
import os

from chassis.errors import (
    AccessDenied,
    DeviceFault,
    DeviceNotConnected,
    DeviceOffline,
    FabricError,
    PortBusy,
    SpoolFull,
    Verdict,
)
from portmon.devices.holders import access_problem, in_use_by

_GONE = {errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.EIO, errno.ESHUTDOWN, errno.EBADF}
_BUSY = {errno.EBUSY, errno.EAGAIN, errno.ETXTBSY}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def open_error(error: OSError, port: str, device: str, *, parallel: bool = False) -> FabricError:
    """Say why a device would not open; of a parallel one that others have with Windows' code for it, 5."""
    text = f"port {port}: {device}: {os.strerror(error.errno or errno.EIO)}"
    if error.errno in _BUSY:
        text = f"port {port}: {device} is in use by {in_use_by(device) or 'another program'}"
        if parallel:
            return AccessDenied(text, verdict=Verdict.REROUTE, port=port, device=device)
        return PortBusy(text, win32=32, port=port, device=device)
    if error.errno in _DENIED:
        return AccessDenied(
            f"port {port}: {access_problem(device)}" if access_problem(device) else text, port=port
        )
    if error.errno in _GONE:
        return DeviceNotConnected(text, port=port, device=device)
    return DeviceOffline(text, port=port, device=device)


def write_error(error: OSError, port: str, device: str) -> FabricError:
    """Say why a device took no more."""
    text = f"port {port}: {device}: {os.strerror(error.errno or errno.EIO)}"
    if error.errno in _GONE:
        return DeviceNotConnected(text, port=port, device=device)
    if error.errno in _FULL:
        return SpoolFull(text, win32=112, port=port, device=device)
    return DeviceFault(text, port=port, device=device)
