"""File port: FILE: and file names, inside one directory of the host and nowhere else.

A document appears under its name when it is whole: written beside, synced, renamed. No component of a name may be a
symbolic link, `..`, or absolute; every step is taken relative to an open directory, so nothing can be swapped between
the check and the use.
"""

from __future__ import annotations

import os
import stat
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from chassis.errors import AccessDenied, FabricError, InvalidArgument, WrongOffset
from portmon.document import DocInfo, DocKey, Evidence
from portmon.monitor import OpenContext, Port, PortMonitor, PortSettings, write_error

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ASK = "FILE:"


class FileSettings(PortSettings):
    """Where a file port writes, below the host's directory for file ports."""

    path: str = Field(
        default="",
        max_length=1024,
        title="File",
        description="Name below the host's directory for file ports. Empty: the port's name. "
        "FILE: takes the name that each document brings.",
        json_schema_extra={"group": "File", "mono": True, "placeholder": "labels/out.prn"},
    )


def parts_of(name: str) -> list[str]:
    """Split a file name into its components.

    Raises:
        InvalidArgument: it would leave the directory, or is no name here (code 123, ERROR_INVALID_NAME).
    """
    parts = name.split("/")
    bad = any(part in ("", ".", "..") or len(part.encode()) > 200 for part in parts)
    if bad or len(parts) > 16 or any(ord(letter) < 32 or letter in "\\:\x7f" for letter in name):
        raise InvalidArgument(
            f"{name!r} is not a name below the directory for file ports", win32=123, name=name
        )
    return parts


class FilePort(Port):
    """A directory entry that is to be. Regular files take everything, so there is nothing to poll."""

    resumable = keeps = True

    def __init__(self, sandbox: int, path: str, context: OpenContext) -> None:
        self._sandbox, self._path, self._context = sandbox, path, context
        self._directory: int | None = None
        self._fd: int | None = None
        self._part = self._name = ""
        self._written = self._synced = 0

    @override
    def fileno(self) -> int | None:
        return None

    def _enter(self, name: str) -> None:
        *folders, self._name = parts_of(name)
        directory = os.dup(self._sandbox)
        try:
            for folder in folders:
                inner = os.open(folder, _DIRECTORY, dir_fd=directory)
                os.close(directory)
                directory = inner
            self._refuse_odd(directory)
        except BaseException:
            os.close(directory)
            raise
        self._directory = directory

    def _refuse_odd(self, directory: int) -> None:
        """Refuse to replace anything but a regular file."""
        try:
            mode = os.stat(self._name, dir_fd=directory, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISREG(mode):
            raise AccessDenied(
                f"port {self._context.port}: {self._name!r} is not a regular file", name=self._name
            )

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        name = self._path or info.output_file
        if not name:
            raise InvalidArgument("FILE: needs an output file", fields=[("info.output_file", "is empty")])
        self._leave()
        try:
            self._enter(name)
            self._part = f".{key.uid.hex()}.part"
            if resume_offset == 0:
                self._unlink()
            flags = (
                os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (0 if resume_offset else os.O_CREAT | os.O_EXCL)
            )
            self._fd = os.open(self._part, flags, 0o640, dir_fd=self._directory)
            self._seek(resume_offset)
        except FileNotFoundError as error:
            self._leave()
            raise self._missing(name, resume_offset) from error
        except OSError as error:
            self._leave()
            raise AccessDenied(f"port {self._context.port}: {name!r}: {error.strerror}", name=name) from error
        except FabricError:
            self._leave()
            raise
        self._written = self._synced = 0

    def _seek(self, offset: int) -> None:
        assert self._fd is not None
        size = os.fstat(self._fd).st_size
        if size < offset:
            raise WrongOffset(f"only {size} bytes of the file are left from before", expected=size)
        os.ftruncate(self._fd, offset)
        os.lseek(self._fd, offset, os.SEEK_SET)

    def _missing(self, name: str, resume_offset: int) -> FabricError:
        if resume_offset:
            return WrongOffset("nothing of the file is left from before", expected=0)
        return InvalidArgument(
            f"port {self._context.port}: the folder of {name!r} does not exist",
            win32=3,
            port=self._context.port,
        )

    @override
    def write(self, data: memoryview) -> int:
        if self._fd is None:
            return 0
        try:
            count = os.write(self._fd, data)
        except OSError as error:
            raise write_error(error, self._context.port, self._name) from error
        self._written += count
        return count

    @override
    def acked(self) -> int:
        return self._synced

    @override
    def end_doc(self) -> Evidence:
        if self._fd is None or self._directory is None:
            return Evidence.NONE
        try:
            os.fsync(self._fd)
            self._refuse_odd(self._directory)
            os.rename(self._part, self._name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
            os.fsync(self._directory)
        except OSError as error:
            raise write_error(error, self._context.port, self._name) from error
        self._synced = self._written
        self._leave()
        return Evidence.FILE_SYNC

    @override
    def abort_doc(self, keep: bool) -> bool | None:
        if not keep:
            self._unlink()
        self._leave()
        return True if keep else None

    @override
    def recover(self, key: DocKey, accepted: int, intent: int) -> int | None:
        """The file itself says how far it got, whatever the moment of the kill."""
        try:
            self._enter(self._path)
            size = os.stat(f".{key.uid.hex()}.part", dir_fd=self._directory, follow_symlinks=False).st_size
        except (OSError, FabricError):
            return None
        finally:
            self._leave()
        return size if accepted <= size <= intent else None

    def _unlink(self) -> None:
        if self._directory is not None and self._part:
            try:
                os.unlink(self._part, dir_fd=self._directory)
            except FileNotFoundError:
                return

    def _leave(self) -> None:
        for fd in (self._fd, self._directory):
            if fd is not None:
                os.close(fd)
        self._fd = self._directory = None

    @override
    def close(self) -> None:
        self._leave()
        os.close(self._sandbox)


class FileMonitor(PortMonitor[FileSettings]):
    """The file part of Windows' local monitor, without its reach over the whole disk."""

    scheme = "file"
    name = "Local Port"
    description = "File in the host's directory for file ports"
    talks = False
    settings = FileSettings
    form: ClassVar[dict[str, object]] = {
        "revision": 2,
        "summary": "{path}",
        "actions": [],  # a test page would replace what the file has
    }

    @override
    def check(self, port: str, settings: FileSettings) -> None:
        if port.upper() != _ASK:
            parts_of(settings.path or port)

    @override
    def check_name(self, port: str) -> None:
        # As Windows does: a directory's name is 123, one in a directory that is not there 3.
        self.check(port, FileSettings())
        wanted = self.init.sandbox / port
        if port.upper() != _ASK and wanted.is_dir():
            raise InvalidArgument(f"{port!r} is a directory", win32=123, name=port)
        if port.upper() != _ASK and wanted.parent != self.init.sandbox and not wanted.parent.is_dir():
            raise InvalidArgument(f"the folder of {port!r} does not exist", win32=3, name=port)
        if os.path.lexists(wanted) and not stat.S_ISREG(wanted.lstat().st_mode):
            raise AccessDenied(
                f"{port!r} is something else than a file", name=port
            )  # as StartDocPort will say

    @override
    def private(self, port: str) -> bool:
        return port.upper() == _ASK

    @override
    def device(self, port: str, settings: FileSettings) -> str:
        return settings.path or ("" if port.upper() == _ASK else port)

    @override
    def open_port(self, port: str, settings: FileSettings, context: OpenContext) -> FilePort:
        try:
            self.init.sandbox.mkdir(parents=True, exist_ok=True)
            sandbox = os.open(self.init.sandbox, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise AccessDenied(
                f"port {port}: the directory for file ports cannot be used: {error.strerror}", port=port
            ) from error
        return FilePort(sandbox, self.device(port, settings), context)
