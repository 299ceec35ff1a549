"""The symbolic link by which clients find a pty."""

from __future__ import annotations

from pathlib import Path

from printfabric_sim.claim import Claim


class NodeLink:
    """A name that is the simulator's until `release`, whether the link is there just now or not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._claim: Claim | None = None
        self._renamed = 0

    def put(self, device: str) -> None:
        """Let the link lead to a device. One that a killed simulator has left is replaced: its lock lies beside it, open.

        Raises:
            FileExistsError: something else has that name, and keeps it.
        """
        if self._claim is None:
            self._claim = self._claimed()
        fresh = self.path.with_name(f".{self.path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(device)
        fresh.replace(self.path)

    def drop(self, device: str) -> None:
        """Remove the link, if it still leads to this device."""
        if self.path.is_symlink() and str(self.path.readlink()) == device:
            self.path.unlink()

    def release(self) -> None:
        """Others may have the name. Harmless twice."""
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def rename(self) -> None:
        """Let the next `put` be under another name: NAME-1, NAME-2, …."""
        self.release()
        self._renamed += 1
        stem = self.path.name.rsplit("-", 1)[0] if self._renamed > 1 else self.path.name
        self.path = self.path.with_name(f"{stem}-{self._renamed}")

    def _claimed(self) -> Claim:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        claim = Claim(self.path.with_name(f".{self.path.name}.lock"), self.path)
        there = self.path.is_symlink() or self.path.exists()
        if there and not (claim.left_over and self.path.is_symlink()):
            claim.release()
            raise FileExistsError(f"{self.path} is there already, and no simulator has left it")
        return claim
