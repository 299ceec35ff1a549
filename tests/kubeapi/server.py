"""An API server of Kubernetes for tests, over HTTP: objects with real rules about versions, owners of fields and watches.

It keeps, lists, watches, patches and applies; it runs nothing: no controller, no garbage collector, no node. What it
promises is `test_conformance.py`, which runs against any real server, too. Faults are struck from the test:
`break_watches`, `compact`, `down`, `fail`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from aiohttp import web

from tests.kubeapi import discovery, reviews
from tests.kubeapi.kinds import Address
from tests.kubeapi.objects import Event, How, Objects
from tests.kubeapi.patches import json_patch, merge_patch
from tests.kubeapi.selectors import Selector
from tests.kubeapi.status import Object, StatusError, bad_request, expired

_TRUE = ("true", "True", "1")


@dataclass
class Fault:
    """What the next requests with a method and a part of a path are answered with."""

    method: str
    part: str
    status: int
    times: int
    headers: dict[str, str]


@dataclass
class KubeApi:
    """The server, as its test sees it."""

    objects: Objects = field(default_factory=Objects)
    reviews: reviews.Reviews = field(default_factory=reviews.Reviews)
    page_size: int = 0  # 0: as many as the caller allows
    bookmark_s: float = 0  # 0: bookmarks only where a list ends
    down: int = 0  # HTTP status that everything is answered with
    requests: list[str] = field(default_factory=list)
    url: str = ""
    _faults: list[Fault] = field(default_factory=list)
    changed: asyncio.Condition = field(
        default_factory=asyncio.Condition
    )  # guards the objects; told of every change
    _generation: int = 0

    async def put(self, collection: str, name: str, one: Object) -> None:
        """Create or replace an object, and its namespace, as somebody else in the cluster."""
        async with self.changed:
            at = self.objects.kinds.address(f"{collection}/{name}")
            one = {**one, "metadata": {**one.get("metadata", {}), "name": name}}
            with contextlib.suppress(StatusError):
                namespaces = self.objects.kinds.address("/api/v1/namespaces")
                self.objects.create(namespaces, {"metadata": {"name": at.namespace}}, How())
            try:
                self.objects.change(at, lambda _before: one, How())
            except StatusError as error:
                if error.code != 404:
                    raise
                self.objects.create(at._replace(name=""), one, How())
            self.changed.notify_all()

    async def delete(self, collection: str, name: str) -> None:
        """Delete an object; the event carries a newer version."""
        async with self.changed:
            self.objects.delete(self.objects.kinds.address(f"{collection}/{name}"), {}, How())
            self.changed.notify_all()

    def get(self, path: str) -> Object:
        """Return an object. Raises StatusError."""
        return self.objects.get(self.objects.kinds.address(path))

    def all(self, path: str) -> list[Object]:
        """Return the objects of a collection."""
        return self.objects.select(self.objects.kinds.address(path), Selector())

    async def compact(self) -> None:
        """Forget all versions but the newest."""
        async with self.changed:
            self.objects.compact()

    async def break_watches(self) -> None:
        """End all watches as they run, in the middle of a line."""
        async with self.changed:
            self._generation += 1
            self.changed.notify_all()

    def fail(self, method: str, part: str, status: int, times: int = 1, **headers: str) -> None:
        """Answer the next requests whose path has `part` with a status: 409, 429, 500."""
        self._faults.append(Fault(method, part, status, times, headers))

    def forgive(self) -> None:
        """No more faults."""
        self._faults.clear()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        self.requests.append(f"{request.method} {request.path_qs}")
        if self.down:
            return _status(StatusError(self.down, "Down", "the server is down"))
        for fault in self._faults:
            if fault.times and fault.method == request.method and fault.part in request.path:
                fault.times -= 1
                return _status(StatusError(fault.status, "Fault", "a fault of the test"), fault.headers)
        try:
            if document := discovery.document(self.objects.kinds, request.path):
                return web.json_response(document)
            at = self.objects.kinds.address(request.path)
            if request.method == "GET" and not at.name:
                if request.query.get("watch") in _TRUE:
                    return await self._watch(request, at)
                return web.json_response(self._list(request, at))
            async with self.changed:
                status, answer = await self._act(request, at)
                self.changed.notify_all()
            return web.json_response(answer, status=status)
        except StatusError as error:
            return _status(error)

    async def _act(self, request: web.Request, at: Address) -> tuple[int, Object]:
        query = request.query
        how = How(
            query.get("fieldManager") or request.headers.get("User-Agent", "unknown").split("/")[0],
            query.get("dryRun") == "All",
            query.get("fieldValidation") == "Strict",
            query.get("force") in _TRUE,
        )
        if request.method == "GET":
            return 200, self.objects.get(at)
        body = await _body(request)
        if request.method == "POST" and not at.name:
            if answer := self.reviews.answer(at.kind, body):
                return 201, answer
            return 201, self.objects.create(at, body, how)
        if request.method == "PUT":
            return 200, self.objects.change(at, lambda _before: body, how)
        if request.method == "PATCH":
            return self._patch(request.content_type, at, body, how)
        if request.method == "DELETE" and at.name:
            one, gone = self.objects.delete(at, (body or {}).get("preconditions") or {}, how)
            return 200, {"kind": "Status", "status": "Success", "details": {"name": at.name}} if gone else one
        raise StatusError(405, "MethodNotAllowed", f"{request.method} of {request.path}")

    def _patch(self, kind: str, at: Address, body: Any, how: How) -> tuple[int, Object]:
        if kind == "application/apply-patch+yaml":
            there = any(
                one["metadata"]["name"] == at.name
                for one in self.objects.select(at, Selector(fields=f"metadata.name={at.name}"))
            )
            return 200 if there else 201, self.objects.apply(at, body, how)
        if kind == "application/merge-patch+json":
            return 200, self.objects.change(at, lambda before: merge_patch(_unversioned(before), body), how)
        if kind == "application/json-patch+json":
            return 200, self.objects.change(at, lambda before: json_patch(before, body), how)
        raise StatusError(415, "UnsupportedMediaType", f"patches of type {kind} are not understood here")

    def _list(self, request: web.Request, at: Address) -> Object:
        found = self.objects.select(at, _selector(request))
        start, version = 0, self.objects.version
        if token := request.query.get("continue"):
            start, version = map(int, token.split("."))
            if version < self.objects.compacted:
                raise expired("the provided continue parameter is too old")
        limit = self.page_size or int(request.query.get("limit") or 0) or len(found) or 1
        more = {"continue": f"{start + limit}.{version}"} if start + limit < len(found) else {}
        return {
            "kind": f"{at.kind.kind}List",
            "apiVersion": at.kind.api_version,
            "metadata": {"resourceVersion": str(version), **more},
            "items": found[start : start + limit],
        }

    async def _watch(self, request: web.Request, at: Address) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        stream = Stream(self, request, response, at)
        with contextlib.suppress(ConnectionResetError, TimeoutError):
            async with asyncio.timeout(float(request.query.get("timeoutSeconds") or 0) or None):
                await stream.run()
        return response


class Stream:
    """One watch."""

    def __init__(self, api: KubeApi, request: web.Request, response: web.StreamResponse, at: Address) -> None:
        self._api = api
        self._request = request
        self._response = response
        self._at = at
        self._selector = _selector(request)
        self._bookmarks = request.query.get("allowWatchBookmarks") in _TRUE
        self._generation = api._generation

    async def run(self) -> None:
        """Tell of changes until the caller or a fault ends it."""
        try:
            version = await self._begin()
            while await self._wait(version):
                for event in self._api.objects.since(version, self._at.kind.key):
                    await self._tell(event)
                    version = event.version
        except StatusError as error:
            await self._say("ERROR", error.body())

    async def _begin(self) -> int:
        """Return the version to go on from; without one, everything there is comes first."""
        asked = self._request.query.get("resourceVersion") or "0"
        first = self._request.query.get("sendInitialEvents") in _TRUE
        if asked != "0" and not first:
            return int(asked)
        version = self._api.objects.version
        for one in self._api.objects.select(self._at, self._selector):
            await self._say("ADDED", one)
        if first:
            await self._bookmark(version, {"k8s.io/initial-events-end": "true"})
        return version

    async def _wait(self, version: int) -> bool:
        """Wait for news; return False when a fault ended this watch."""
        while not self._broken() and not self._news(version):
            try:
                async with asyncio.timeout(self._api.bookmark_s or None), self._api.changed:
                    await self._api.changed.wait_for(lambda: self._broken() or self._news(version))
            except TimeoutError:
                if self._bookmarks:
                    await self._bookmark(self._api.objects.version, {})
        if not self._broken():
            return True
        await self._response.write(b'{"type":"MODI')
        assert self._request.transport is not None
        self._request.transport.abort()
        return False

    def _broken(self) -> bool:
        return self._api._generation != self._generation

    def _news(self, version: int) -> bool:
        return bool(self._api.objects.since(version, self._at.kind.key))

    async def _tell(self, event: Event) -> None:
        """Tell of a change as the selector sees it: what leaves it is deleted, what enters it is added."""
        if self._at.namespace not in ("", event.object["metadata"].get("namespace")):
            return
        before = event.before is not None and self._selector.takes(event.before)
        now = event.kind != "DELETED" and self._selector.takes(event.object)
        if now:
            await self._say("MODIFIED" if before else "ADDED", event.object)
        elif before:
            await self._say("DELETED", event.object)

    async def _bookmark(self, version: int, annotations: dict[str, str]) -> None:
        meta = {"resourceVersion": str(version), "creationTimestamp": None, "annotations": annotations}
        kind = self._at.kind
        await self._say("BOOKMARK", {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta})

    async def _say(self, kind: str, one: Object) -> None:
        await self._response.write(json.dumps({"type": kind, "object": one}).encode() + b"\n")


def _selector(request: web.Request) -> Selector:
    return Selector(request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))


def _unversioned(before: Object) -> Object:
    """A merge patch is refused for its version only if it names one itself."""
    meta = {key: value for key, value in before["metadata"].items() if key != "resourceVersion"}
    return {**before, "metadata": meta}


async def _body(request: web.Request) -> Any:
    raw = await request.read()
    if request.content_type == "application/vnd.kubernetes.protobuf":
        raise StatusError(415, "UnsupportedMediaType", "protobuf is not understood here")
    try:
        return yaml.safe_load(raw) if request.content_type.endswith("yaml") else json.loads(raw or b"null")
    except ValueError as error:
        raise bad_request(f"the body cannot be read: {error}") from error


def _status(error: StatusError, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(error.body(), status=error.code, headers=headers)


@contextlib.asynccontextmanager
async def kube_api() -> AsyncIterator[KubeApi]:
    """Serve on loopback until the context ends."""
    api = KubeApi()
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", api.handle)
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
