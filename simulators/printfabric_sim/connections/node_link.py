"""The symbolic link by which clients find a pty."""

from __future__ import annotations

from pathlib import Path


def put(link: Path, device: str) -> None:
    """Let `link` lead to a device; one that an earlier run left is replaced.

    Raises:
        FileExistsError: something else has that name, and keeps it.
    """
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.exists() and not link.is_symlink():
        raise FileExistsError(f"{link} is there already, and is no link to a pty")
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(device)
    fresh.replace(link)


def drop(link: Path, device: str) -> None:
    """Remove `link`, if it still leads to this device."""
    if link.is_symlink() and str(link.readlink()) == device:
        link.unlink()
