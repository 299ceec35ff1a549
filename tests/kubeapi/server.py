"""Lists and watches as a Kubernetes API server answers them, with a bounded memory of versions.

As the real one: versions rise over all objects; a watch replays what came after its version, or answers 410 when that is
forgotten (as an event with HTTP 200); a `continue` token dies with a compaction; bookmarks tell of versions when nothing
changes. Faults are struck from the test: `break_watches`, `compact`, `down`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Object = dict[str, Any]


@dataclass
class KubeApi:
    """The objects of one kind, by collection path, and who watches them."""

    version: int = 100
    compacted: int = 0  # versions up to here are forgotten
    page_size: int = 0  # 0: as many as the caller allows
    down: int = 0  # HTTP status that everything is answered with
    requests: list[str] = field(default_factory=list)
    url: str = ""
    _objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    _log: list[tuple[int, str, str, Object]] = field(
        default_factory=list
    )  # version, collection, type, object
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _generation: int = 0

    async def put(self, collection: str, name: str, one: Object) -> None:
        """Create or replace an object."""
        async with self._changed:
            kind = "MODIFIED" if (collection, name) in self._objects else "ADDED"
            self._write(collection, name, kind, one)

    async def delete(self, collection: str, name: str) -> None:
        """Delete an object; the event carries a newer version."""
        async with self._changed:
            self._write(collection, name, "DELETED", self._objects.pop((collection, name)))

    async def compact(self) -> None:
        """Forget all versions but the newest."""
        async with self._changed:
            self.compacted = self.version
            self._log.clear()

    async def break_watches(self) -> None:
        """End all watches as they run, in the middle of a line."""
        async with self._changed:
            self._generation += 1
            self._changed.notify_all()

    def _write(self, collection: str, name: str, kind: str, one: Object) -> None:
        self.version += 1
        one = {
            **one,
            "metadata": {**one.get("metadata", {}), "name": name, "resourceVersion": str(self.version)},
        }
        if kind != "DELETED":
            self._objects[collection, name] = one
        self._log.append((self.version, collection, kind, one))
        self._changed.notify_all()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a GET of a collection."""
        self.requests.append(request.path_qs)
        if self.down:
            return web.json_response({"kind": "Status", "code": self.down}, status=self.down)
        if request.query.get("watch") in ("true", "True", "1"):
            return await self._watch(request)
        return self._list(request)

    def _list(self, request: web.Request) -> web.Response:
        found = sorted(
            (name, one) for (collection, name), one in self._objects.items() if collection == request.path
        )
        start, version = 0, self.version
        if token := request.query.get("continue"):
            start, version = map(int, token.split("."))
            if version <= self.compacted:
                return web.json_response({"kind": "Status", "code": 410, "reason": "Expired"}, status=410)
        limit = self.page_size or int(request.query.get("limit") or 0) or len(found) or 1
        more = f"{start + limit}.{version}" if start + limit < len(found) else ""
        items = [one for _, one in found[start : start + limit]]
        return web.json_response(
            {"kind": "List", "metadata": {"resourceVersion": str(version), "continue": more}, "items": items}
        )

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        since, generation = int(request.query.get("resourceVersion") or 0), self._generation
        if since < self.compacted:
            gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
            await _event(response, "ERROR", gone)
            return response
        while True:
            async with self._changed:
                news = [entry for entry in self._log if entry[0] > since and entry[1] == request.path]
                if not news and self._generation == generation:
                    await self._changed.wait()
                    continue
            if self._generation != generation:
                await response.write(b'{"type":"MODI')
                assert request.transport is not None
                request.transport.abort()
                return response
            for version, _, kind, one in news:
                await _event(response, kind, one)
                since = version


async def _event(response: web.StreamResponse, kind: str, one: Object) -> None:
    await response.write(json.dumps({"type": kind, "object": one}).encode() + b"\n")


@contextlib.asynccontextmanager
async def kube_api() -> AsyncIterator[KubeApi]:
    """Serve on loopback until the context ends."""
    api = KubeApi()
    app = web.Application()
    app.router.add_get("/{path:.*}", api.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    host, port = site._server.sockets[0].getsockname()[:2]  # type: ignore[attr-defined]
    api.url = f"http://{host}:{port}"
    try:
        yield api
    finally:
        await api.break_watches()
        await runner.cleanup()
