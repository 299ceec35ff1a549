"""The console's program: routes, the live stream, static files, and its server on the service's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import mimetypes
import socket
from collections.abc import AsyncIterator, Iterator
from importlib.resources import files

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from chassis import logs
from chassis.errors import FabricError
from chassis.settings import is_loopback
from chassis.tls import WebCertificates
from portui import frames
from portui.web import (
    pages_acknowledge,
    pages_add,
    pages_configure,
    pages_configure_many,
    pages_decide,
    pages_find,
    pages_fleet,
    pages_jobs,
    pages_move,
    pages_paper,
    pages_port,
    pages_port_delete,
    pages_print,
    pages_printers,
    pages_queue,
    pages_raw,
    pages_settings,
    pages_sign_in,
    pages_status,
    pages_units,
    pages_uploads,
    pages_views,
    pages_wall,
    pages_wire,
)
from portui.web.attended import Attended
from portui.web.changes import changing, not_found, refused
from portui.web.http_protocol import HttpProtocol
from portui.web.rendering import Console, console_of
from portui.web.security import Gate, session_of, wall_of
from portui.web.threshold import Threshold

log = logs.get(__name__)
_STATIC = files("portui.web") / "static"
_FILES = frozenset({"console.css", "console.js", "icons.svg", "favicon.svg"})


async def live(request: Request) -> Response:
    """Stream the frames of a topic, one a second; a slow reader gets the newest and misses the ones between."""
    console, session, wall = console_of(request), session_of(request), wall_of(request)
    topic = request.query_params.get("topic", frames.FLEET)
    port = console.live.fleet.ports.get(topic.removeprefix(frames.PORT))
    host = console.live.fleet.hosts.get(topic.removeprefix(frames.HOST))
    packed = "gzip" in request.headers.get("accept-encoding", "")

    async def stream() -> AsyncIterator[bytes]:
        seen, hello = 0, b"retry: 1000\n\n"
        yield frames.GZIP_HEADER + frames.pack(hello) if packed else hello
        # It ends with the session: the browser comes back, and is told at the threshold.
        with (
            console.looking.at(port.name if port is not None else ""),
            console.looking_at_hosts.at(host.name if host is not None else ""),
        ):
            while await console.doorman.still(session, wall):
                found = await console.live.next_frames(seen)
                seen = found.number
                yield found.packed(topic) if packed else found.plain(topic)

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    if packed:
        headers["content-encoding"] = "gzip"
    return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)


async def static(request: Request) -> Response:
    """Return a file of ours; its address changes with its content, so it is kept for ever."""
    name = request.path_params["name"]
    if name not in _FILES:
        return await not_found(request, FileNotFoundError(name))
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    keep = "public, max-age=31536000, immutable" if request.url.query else "public, max-age=3600"
    return Response((_STATIC / name).read_bytes(), media_type=kind, headers={"cache-control": keep})


def application(console: Console) -> Starlette:
    """Return the console as an ASGI application."""
    app = Starlette(
        routes=_routes(),
        middleware=[
            Middleware(Gate, origin=console.origin),
            Middleware(Attended, attention=console.doorman.attention),
            Middleware(Threshold, doorman=console.doorman),
            Middleware(GZipMiddleware, minimum_size=800, compresslevel=5),
        ],
        exception_handlers={FabricError: refused, 404: not_found},
    )
    app.state.console = console
    return app


def _routes() -> list[Route]:
    return [*_fleet_routes(), *_port_routes(), *_queue_routes(), *_door_routes()]


def _door_routes() -> list[Route]:
    door = pages_sign_in
    return [
        Route("/sign-in", door.sign_in),
        Route("/sign-in", changing(door.by_password), methods=["POST"]),
        Route("/sign-in/start", door.begin),
        Route("/sign-in/back", door.finish),
        Route("/sign-out", changing(door.sign_out), methods=["POST"]),
        Route("/session", door.alive),
    ]


def _fleet_routes() -> list[Route]:
    fleet = pages_fleet
    return [
        Route("/", fleet.overview),
        Route("/live", live),
        Route("/static/{name}", static),
        Route("/theme", changing(pages_views.theme), methods=["POST"]),
        Route("/views", changing(pages_views.save_view), methods=["POST"]),
        Route("/mute", changing(pages_views.mute), methods=["POST"]),
        Route("/search", fleet.search),
        Route("/wall", pages_wall.wall),
        Route("/wall/in", pages_wall.door),
        Route("/wall/in", changing(pages_wall.let_in), methods=["POST"]),
        Route("/alerts", fleet.alerts),
        Route("/alerts/rules", fleet.rules),
        Route("/acknowledge", pages_acknowledge.choose),
        Route("/acknowledge", changing(pages_acknowledge.acknowledge), methods=["POST"]),
        Route("/acknowledge/withdraw", changing(pages_acknowledge.withdraw), methods=["POST"]),
        Route("/find", pages_find.find),
        Route("/find", changing(pages_find.look), methods=["POST"]),
        Route("/settings", pages_settings.settings),
        Route("/settings/audit", pages_settings.audit),
        Route("/settings/audit.csv", pages_settings.audit_csv),
        Route("/settings/licences", pages_settings.licences),
        Route("/ports", fleet.ports),
        Route("/ports/many", changing(fleet.many_ports), methods=["POST"]),
        Route("/ports/configure", changing(pages_configure_many.choose), methods=["POST"]),
        Route("/ports/configure/save", changing(pages_configure_many.save), methods=["POST"]),
        Route("/hosts", fleet.hosts),
        Route("/hosts/{host}", fleet.host),
    ]


def _port_routes() -> list[Route]:
    one_port = "/hosts/{host}/%s/{port:path}"
    return [
        Route(one_port % "ports", pages_port.port),
        Route(one_port % "act", changing(pages_port.act), methods=["POST"]),
        Route(one_port % "configure", pages_configure.configure),
        Route(one_port % "configure", changing(pages_configure.save), methods=["POST"]),
        Route(one_port % "ask", changing(pages_configure.ask), methods=["POST"]),
        Route(one_port % "wire", pages_wire.wire),
        Route(one_port % "status", pages_status.status),
        Route(one_port % "raw", pages_raw.raw),
        Route(one_port % "happen", changing(pages_paper.happen), methods=["POST"]),
        Route(one_port % "delete", pages_port_delete.delete),
        Route(one_port % "delete", changing(pages_port_delete.delete_now), methods=["POST"]),
        Route("/undelete", changing(pages_port_delete.undo), methods=["POST"]),
        Route("/paper/{name}/{number:int}", pages_paper.picture),
        Route("/add", pages_add.add),
        Route("/add", changing(pages_add.add_now), methods=["POST"]),
        Route("/add/ask", changing(pages_add.ask), methods=["POST"]),
    ]


def _queue_routes() -> list[Route]:
    jobs, printers = pages_jobs, pages_printers
    return [
        Route("/jobs", jobs.jobs),
        Route("/jobs/many", changing(jobs.many), methods=["POST"]),
        Route("/jobs/{number:int}", jobs.job),
        Route("/jobs/{number:int}/act", changing(jobs.act), methods=["POST"]),
        Route("/jobs/{number:int}/decide", changing(pages_decide.decide), methods=["POST"]),
        Route("/jobs/{number:int}/resume", pages_units.resume),
        Route("/jobs/{number:int}/resume", changing(pages_units.resume_now), methods=["POST"]),
        Route("/jobs/{number:int}/reprint", pages_units.reprint),
        Route("/jobs/{number:int}/reprint", changing(pages_units.reprint_now), methods=["POST"]),
        Route("/uploads/{name:path}", pages_uploads.upload),
        Route("/printers", printers.printers),
        Route("/printers/new", printers.new),
        Route("/printers/new", changing(printers.create), methods=["POST"]),
        Route("/printers/{name}", printers.printer),
        Route("/printers/{name}/act", changing(printers.act), methods=["POST"]),
        Route("/printers/{name}/edit", printers.edit),
        Route("/printers/{name}/edit", changing(printers.save), methods=["POST"]),
        Route("/printers/{name}/order", changing(pages_queue.order), methods=["POST"]),
        Route("/printers/{name}/pool", changing(pages_queue.pool), methods=["POST"]),
        Route("/move", pages_move.choose),
        Route("/move", changing(pages_move.move), methods=["POST"]),
        Route("/move/undo", changing(pages_move.undo), methods=["POST"]),
        Route("/print", pages_print.choose),
        Route("/print", changing(pages_print.plain, most_bytes=None), methods=["POST"]),
        Route("/print/upload", pages_print.stream, methods=["POST"]),
    ]


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers and without its clock: the service has its own, and ends both."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def main_loop(self) -> None:
        """Serve until cancelled: uvicorn's own looks ten times a second whether it is to end, and what time it is."""
        await asyncio.get_running_loop().create_future()


async def serve(console: Console, listen: str, certificates: WebCertificates | None = None) -> None:
    """Serve the console until cancelled; by TLS with certificates.

    Raises:
        OSError: the address cannot be bound.
    """
    host, _, port = listen.rpartition(":")
    config = uvicorn.Config(
        application(console),
        host=host.strip("[]"),
        port=int(port),
        lifespan="off",
        access_log=False,
        log_config=None,
        http=HttpProtocol,
        server_header=False,
        timeout_graceful_shutdown=0,
        h11_max_incomplete_event_size=64 << 10,
        ssl_context_factory=(lambda _config, _default: certificates.context()) if certificates else None,
    )
    if certificates is None and not is_loopback(listen):
        log.warning("console without TLS: what passes here can be read", address=listen)
    with socket.create_server((config.host, config.port), backlog=256) as listener:
        log.info("console", address=f"{'https' if certificates else 'http'}://{listen}")
        await _Server(config).serve(sockets=[listener])
