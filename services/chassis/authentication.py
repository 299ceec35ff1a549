"""Finds out who calls: token, certificate, unix socket, loopback.

grpc's Python server tells of a caller on a unix socket only that it is one (peer `unix:`, no SO_PEERCRED; looked at
with grpcio 1.85.1). There the socket file's mode is the proof: 0600 lets in this user (and root), 0660 its group;
with 0666 a caller there is nobody until it sends a token.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from chassis import logs
from chassis.auth_errors import TokenInvalid, TokenWrongIssuer
from chassis.identity import ALL_ROLES, NOBODY, Grants, Identity, Kind, Role, RoleMap, TokenVerifier
from chassis.settings import AccessSettings, is_loopback
from chassis.settings_sources import SettingsError
from chassis.watched_files import WatchedFiles

if TYPE_CHECKING:
    from chassis.oidc import OidcVerifier

log = logs.get(__name__)

_LOOPBACK_PEER = re.compile(r"ipv4:127\.|ipv6:(\[|%5B)(::1|::ffff:127\.[0-9.]+)(\]|%5D):", re.IGNORECASE)
_REMEMBERED = 1024  # certificates whose identity is kept, so that PEM is not looked at in every call


class Callers(NamedTuple):
    """How a service knows callers beside its server's settings.

    `verifiers` prove bearer tokens; `everybody` are the roles of whoever is known; `grants` gives more of them.
    `behind_socket` is who calls through a unix socket, where that is known otherwise than by the file's mode.
    """

    verifiers: Sequence[TokenVerifier] = ()
    everybody: Collection[Role] = ()
    grants: Grants | None = None
    behind_socket: Identity | None = None


BY_SETTINGS = Callers()


class Authenticator:
    """Knows callers by what this server's settings and verifiers accept."""

    def __init__(
        self,
        access: AccessSettings,
        *,
        listen: Sequence[str],
        socket_mode: str = "0600",
        callers: Callers = BY_SETTINGS,
        tls: bool = False,
    ) -> None:
        self._tls = tls
        self._oidc = bool(access.oidc)
        self._grants = callers.grants
        bindings = ((one.role, one.callers, one.printers) for one in access.on_printers)
        self._roles = RoleMap(access.roles, bindings, callers.everybody)
        self._verifiers: list[TokenVerifier] = []
        if access.token_file is not None:
            self._verifiers.append(TokenFile(access.token_file))
        self._verifiers += [*oidc_verifiers(access), *callers.verifiers]
        only_local = all(is_loopback(address) for address in listen)
        trusted = access.trust_loopback == "always" or (access.trust_loopback == "auto" and only_local)
        self._loopback = Identity(Kind.LOOPBACK, "", roles=ALL_ROLES) if trusted else NOBODY
        self._unix = callers.behind_socket or _behind_socket(int(socket_mode, 8))
        self._certificates: OrderedDict[bytes, Identity] = OrderedDict()

    def identify(self, context: Any, peer: str) -> Identity:
        """Return who is at the other end, tokens aside."""
        if peer.startswith("unix"):
            return self._unix
        properties = context.auth_context() if self._tls else None
        if properties and (pem := next(iter(properties.get("x509_pem_cert", ())), None)):
            known = self._certificates.get(pem)
            if known is None:
                known = self._certificates[pem] = self._roles.grant(from_certificate(properties))
                if len(self._certificates) > _REMEMBERED:
                    self._certificates.popitem(last=False)
            return known
        return self._loopback if _LOOPBACK_PEER.match(peer) else NOBODY

    async def verify(self, authorization: str, carrier: Identity) -> Identity:
        """Return whose token an `authorization` header brings; `carrier` is who brought it.

        Raises:
            Unauthenticated: it is no bearer token, or nobody's; its subclasses say what is wrong with somebody's.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise TokenInvalid("authorization is not a bearer token")
        for verifier in self._verifiers:
            found = await verifier.verify(token.strip(), carrier)
            if found is not None:
                via = carrier if carrier.kind is Kind.CERTIFICATE else None
                granted = self._roles.grant(found)
                if self._grants is not None:
                    granted = await self._grants.grant(granted)
                return replace(granted, via=via)
        if self._oidc and token.count(".") == 2:
            raise TokenWrongIssuer("nobody who is believed here has issued the token")
        raise TokenInvalid("the bearer token is not known here")


def oidc_verifiers(access: AccessSettings) -> list[OidcVerifier]:
    """Return who proves tokens of OpenID providers.

    Raises:
        SettingsError: the package for it is not installed.
    """
    if not access.oidc:
        return []
    if find_spec("jwt") is None:
        raise SettingsError("server.access.oidc needs the package PyJWT: pip install 'print-fabric[oidc]'")
    from chassis.oidc import OidcVerifier  # noqa: PLC0415 - an extra

    return [OidcVerifier(one) for one in access.oidc]


def _behind_socket(mode: int) -> Identity:
    """Return who a caller through a unix socket is: nobody in particular if the file lets everybody in."""
    if mode & 0o007:
        return NOBODY
    owner = f"gid:{os.getgid()}" if mode & 0o070 else f"uid:{os.getuid()}"
    return Identity(Kind.UNIX, owner, roles=ALL_ROLES)


def from_certificate(properties: Any) -> Identity:
    """Return the caller a verified certificate names: by SPIFFE id, else DNS name, else common name."""

    def first(key: str) -> str:
        return next((value.decode("utf-8", "replace") for value in properties.get(key, ()) if value), "")

    name = first("peer_spiffe_id") or _host_name(first("peer_dns")) or _host_name(first("x509_common_name"))
    return Identity(Kind.CERTIFICATE, name or "unnamed")


def _host_name(name: str) -> str:
    """Return a DNS or common name; none if it looks like a SPIFFE id, which authorities check only where ids stand."""
    return "" if "://" in name else name


class TokenFile:
    """Bearer tokens in a file: a line each, `sha256-hex name [group,group]`; read again when it changes.

    Only hashes are kept: `printf %s "$TOKEN" | sha256sum` makes one. Whoever reads the file cannot call with it.

    Raises:
        SettingsError: at the start, for a file that cannot be used. Later the old tokens stay.
    """

    def __init__(self, path: Path) -> None:
        self._files = WatchedFiles([path])
        self._path = path
        self._files.changed()
        try:
            self._known = self._read()
        except OSError as error:
            raise SettingsError(f"server.access.token_file: {path}: {error.strerror}") from error
        except ValueError as error:
            raise SettingsError(f"server.access.token_file: {error}") from error

    async def verify(self, token: str, carrier: Identity) -> Identity | None:
        """Return whose token it is, or None."""
        if self._files.changed():
            try:
                self._known = self._read()
            except (OSError, ValueError) as error:
                log.warning(
                    "token file cannot be read, the old tokens stay", file=str(self._path), error=str(error)
                )
        return self._known.get(hashlib.sha256(token.encode("utf-8", "replace")).hexdigest())

    def _read(self) -> dict[str, Identity]:
        known = {}
        for number, line in enumerate(self._path.read_text(encoding="utf-8").splitlines(), 1):
            words = line.split()
            if not words or line.startswith("#"):
                continue
            if len(words) not in {2, 3} or not re.fullmatch("[0-9a-f]{64}", words[0]):
                raise ValueError(f"{self._path}: line {number}: not `sha256-hex name [group,group]`")
            groups = frozenset(words[2].split(",")) if len(words) == 3 else frozenset()
            known[words[0]] = Identity(Kind.TOKEN, words[1], groups)
        return known
