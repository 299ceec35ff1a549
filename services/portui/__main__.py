"""fabric-portui: shows and changes the ports' settings, by gRPC and in the browser; holds no state."""

from __future__ import annotations

import chassis.grpc_log
import chassis.grpc_poller  # noqa: F401 - both before grpc is loaded
from chassis import server
from chassis.authentication import Callers
from chassis.client import Channels
from chassis.identity import MethodRoles, Role
from chassis.tls import WebCertificates
from portui.api.callers import SpoolerSays
from portui.api.portui_servicer import SERVICE, servicer
from portui.fabric import Spooler
from portui.fabric_access import Access
from portui.fabric_alerts import Alerts
from portui.fabric_print import Printing
from portui.fabric_status import Status
from portui.fabric_watch import FabricWatch
from portui.live import Live
from portui.person import bearer
from portui.settings import PortuiSettings
from portui.simulated import Simulators

# As in Windows: forms are for everybody, they hold no secrets; changes are for administrators. The spooler checks again.
_RIGHTS = MethodRoles(
    {f"/{SERVICE}/*": {Role.ADMINISTRATOR}, f"/{SERVICE}/DescribeForm": {Role.VIEWER, Role.OPERATOR}}
)


async def run(settings: PortuiSettings) -> None:
    """Serve until told to stop. It starts and answers whether the spooler is there or not."""
    async with Channels(settings.channel, bearer=bearer) as channels:
        spooler = Spooler(channels, settings.spooler)
        console = _console(settings, channels, spooler)
        callers = Callers([SpoolerSays(Access(channels, settings.spooler))])
        await server.serve(
            settings, servicers=[servicer(spooler)], loops=console, authorize=_RIGHTS, callers=callers
        )


def _console(settings: PortuiSettings, channels: Channels, spooler: Spooler) -> list[server.Callback]:
    """Return the loops of the console in the browser; none without an address for it."""
    listen = settings.web_listen
    if listen is None:
        return []
    # Here and not above: a service without a console needs no web server.
    from portui.web.app import serve  # noqa: PLC0415
    from portui.web.doorman import Doorman  # noqa: PLC0415
    from portui.web.oidc_flow import Provider  # noqa: PLC0415
    from portui.web.rendering import Console  # noqa: PLC0415
    from portui.web.walls import Walls  # noqa: PLC0415

    certificates = WebCertificates(settings.web_tls) if settings.web_tls else None
    live = Live(FabricWatch(channels, settings.spooler))
    where, origin = settings.spooler, settings.web_origin or f"http://{listen}"
    doorman = Doorman(
        Access(channels, where),
        always=settings.sign_in_always,
        key_file=settings.session_key_file,
        idle_s=settings.idle_s,
        walls=Walls(settings.wall_file),
    )
    console = Console(
        live=live,
        printing=Printing(channels, where),
        spooler=spooler,
        status=Status(channels, where),
        simulators=Simulators(settings.simulators or ""),
        alerts=Alerts(channels, where),
        doorman=doorman,
        provider=Provider(settings.oidc, f"{origin}/sign-in/back") if settings.oidc else None,
        address=where,
        origin=settings.web_origin or "",
    )

    async def web() -> None:
        await serve(console, listen, certificates)

    looking = [console.looking.follow, console.looking_at_hosts.follow, console.acknowledging.follow]
    return [live.follow, live.beat, *looking, doorman.follow, web]


def main() -> None:
    """Run the program."""
    server.main(PortuiSettings, run)


if __name__ == "__main__":
    main()
