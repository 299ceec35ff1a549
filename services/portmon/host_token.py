"""The token by which this host proves which host it is, to spoolers that dial it. Others make and renew it, as kubelets do."""

from __future__ import annotations

from pathlib import Path

from chassis import logs
from chassis.identity import Identity, Kind, Role
from chassis.projected_token import ProjectedToken
from chassis.service_account import said_by

log = logs.get(__name__)


class HostToken:
    """Shown to whom it is for, and to nobody else: whoever has it can be this host for as long as it lives."""

    def __init__(self, file: Path | None = None) -> None:
        self._token = ProjectedToken(file) if file is not None else None

    def shown_to(self, caller: Identity, audience: str) -> str:
        """Return the token, for a spooler that has proven itself by its certificate; empty if there is none for it.

        audience: the one that the token must be made for, and for no other: it is of no use elsewhere then.
        """
        if not audience or self._token is None:
            return ""
        if caller.kind is not Kind.CERTIFICATE or not caller.has(Role.SPOOLER):
            return ""
        token = self._token.value()
        said = said_by(token)
        if said is None or said.audiences != (audience,):
            log.warning(
                "there is no token of this host for the audience that is asked for", audience=audience
            )
            return ""
        return token
