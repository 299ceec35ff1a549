"""A whole program on the chassis, for tests from outside: says on standard output what it lives through."""

from __future__ import annotations

import asyncio
import sys

from chassis import server
from chassis.settings import Settings
from tests.unit.chassis.echo import EchoService, echo


class EchoSettings(Settings):
    service = "echo"


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def run(settings: EchoSettings) -> None:
    service = EchoService()

    async def loop() -> None:
        say("started")
        try:
            await asyncio.Event().wait()
        finally:
            say("loop-cancelled")

    async def on_drain() -> None:
        say("drain-callback")
        service.release.set()

    try:
        await server.serve(settings, servicers=[echo(service)], loops=[loop], on_drain=[on_drain])
    finally:
        say("closed")


if __name__ == "__main__":
    server.main(EchoSettings, run)
