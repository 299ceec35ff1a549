"""The cluster's library, loaded beside the loop: it takes 0.7 s, on a busy machine seconds, and a lease is short."""

from __future__ import annotations

import asyncio
from importlib import import_module


async def loaded() -> None:
    """Return when `kubernetes_api` can be imported at no cost."""
    await asyncio.to_thread(import_module, "spooler.discovery.kubernetes_api")
