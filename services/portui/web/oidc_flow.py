"""The authorization-code flow with PKCE (RFC 6749, 4.1; RFC 7636) at an OpenID provider.

The console is a client and no judge: the ID token it gets goes to the spooler, which verifies it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from chassis.errors import FabricError
from portui.settings import OidcSettings

_TIMEOUT_S = 10.0
_MOST_BYTES = 1 << 20


class ProviderFailed(FabricError):
    """An OpenID provider did not do its part."""

    reason, win32, code = "PROVIDER_FAILED", 1722, "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Flow:
    """What one sign-in remembers between leaving for the provider and coming back."""

    state: str
    nonce: str
    verifier: str
    back: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as a value to be sealed."""
        return {"k": "flow", **asdict(self)}


def flow_of(value: Mapping[str, Any]) -> Flow | None:
    """Return what was sealed; None when it is something else."""
    if value.get("k") != "flow":
        return None
    return Flow(*(str(value.get(name, "")) for name in ("state", "nonce", "verifier", "back")))


class Provider:
    """An OpenID provider, for one console. `redirect` is where it sends people back to."""

    def __init__(self, settings: OidcSettings, redirect: str) -> None:
        self._settings = settings
        self._redirect = redirect
        self._endpoints: Mapping[str, Any] = {}

    @property
    def issuer(self) -> str:
        """Who it is."""
        return self._settings.issuer

    @property
    def title(self) -> str:
        """What its button says."""
        return self._settings.title or urlsplit(self.issuer).netloc

    async def begin(self, back: str) -> tuple[str, Flow]:
        """Return where to send a person, and what to remember.

        Raises:
            ProviderFailed: it does not say where that is.
        """
        endpoints = await self._known()
        state, nonce, verifier = (secrets.token_urlsafe(size) for size in (24, 24, 48))
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect,
            "scope": self._settings.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        place = str(endpoints["authorization_endpoint"])
        joined = "&" if "?" in place else "?"
        return f"{place}{joined}{urlencode(query)}", Flow(state, nonce, verifier, back)

    async def finish(self, code: str, flow: Flow) -> str:
        """Return the ID token for the code that a person came back with.

        Raises:
            ProviderFailed: there is none.
        """
        endpoints, settings = await self._known(), self._settings
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "client_id": settings.client_id,
            "code_verifier": flow.verifier,
        }
        secret = settings.client_secret
        authorization = _basic(settings.client_id, secret.get_secret_value()) if secret else ""
        answer = await self._asked(str(endpoints["token_endpoint"]), asked, authorization)
        found = answer.get("id_token")
        if not isinstance(found, str):
            why = answer.get("error_description") or answer.get("error") or "it gave none"
            raise ProviderFailed(f"the provider {self.issuer} gives no ID token: {str(why)[:200]}")
        return found

    async def _known(self) -> Mapping[str, Any]:
        """Return the provider's endpoints, asked for once (OpenID Connect Discovery 1.0, 4)."""
        if not self._endpoints:
            found = await self._asked(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if str(found.get("issuer")).rstrip("/") != self.issuer.rstrip("/"):
                raise ProviderFailed(
                    f"the provider {self.issuer} calls itself {str(found.get('issuer'))[:200]}"
                )
            for name in ("authorization_endpoint", "token_endpoint"):
                if urlsplit(str(found.get(name))).scheme != urlsplit(self.issuer).scheme:
                    raise ProviderFailed(f"the provider {self.issuer} has no {name} of its own kind")
            self._endpoints = found
        return self._endpoints

    async def _asked(
        self, address: str, form: Mapping[str, str] | None = None, authorization: str = ""
    ) -> Mapping[str, Any]:
        try:
            return await asyncio.to_thread(_ask, address, form, authorization)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ProviderFailed(
                f"the provider {self.issuer} does not answer as a provider does: {error}"
            ) from error


def challenge(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _basic(name: str, secret: str) -> str:
    # RFC 6749, 2.3.1: both are form-encoded first.
    pair = f"{quote(name, safe='')}:{quote(secret, safe='')}"
    return f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"


def _ask(address: str, form: Mapping[str, str] | None, authorization: str) -> Mapping[str, Any]:
    """Return a JSON object; redirects are not followed, and what is not JSON is a ValueError."""
    where = urlsplit(address)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.hostname or "", where.port, timeout=_TIMEOUT_S)
    headers = {"accept": "application/json", **({"authorization": authorization} if authorization else {})}
    body = None
    if form is not None:
        body, headers["content-type"] = urlencode(form), "application/x-www-form-urlencoded"
    path = (where.path or "/") + (f"?{where.query}" if where.query else "")
    try:
        connection.request("GET" if body is None else "POST", path, body, headers)
        found = json.loads(connection.getresponse().read(_MOST_BYTES))
    finally:
        connection.close()
    if not isinstance(found, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - what came is wrong, not our types
    return found
