"""fabric-portui: shows and changes the ports' settings; holds no state."""

from __future__ import annotations

from chassis import server
from chassis.client import Channels
from chassis.identity import MethodRoles, Role
from portui.api.portui_servicer import SERVICE, servicer
from portui.fabric import Spooler
from portui.settings import PortuiSettings

# As in Windows: forms are for everybody, they hold no secrets; changes are for administrators. The spooler checks again.
_RIGHTS = MethodRoles(
    {f"/{SERVICE}/*": {Role.ADMINISTRATOR}, f"/{SERVICE}/DescribeForm": {Role.VIEWER, Role.OPERATOR}}
)


async def run(settings: PortuiSettings) -> None:
    """Serve until told to stop. It starts and answers whether the spooler is there or not."""
    async with Channels(settings.channel) as channels:
        spooler = Spooler(channels, settings.spooler)
        await server.serve(
            settings,
            servicers=[servicer(spooler)],
            authorize=_RIGHTS,
        )


def main() -> None:
    """Run the program."""
    server.main(PortuiSettings, run)


if __name__ == "__main__":
    main()
