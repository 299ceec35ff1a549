"""The public keys of an OpenID provider: fetched, kept, and fetched again when it signs with a new one.

OpenID Connect Discovery 1.0 §4, RFC 7517. What the provider says is believed as far as its TLS certificate goes, and
bounded: no redirects, 1 MiB, seconds.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chassis import logs
from chassis.auth_errors import IssuerUnavailable
from chassis.section import check_https

log = logs.get(__name__)

_TIMEOUT_S = 5.0
_MOST_BYTES = 1 << 20
_MOST_KEYS = 100
_REFRESH_S = 3600.0  # a key that the provider took back is believed so long
_PAUSE_S = 10.0  # between two fetches, so that made-up key ids do not become load on the provider
_SIGNS = frozenset({"RSA", "EC", "OKP"})

Jwk = Mapping[str, Any]


class IssuerKeys:
    """Keys by their `kid`.

    Args:
        issuer: its URL, as it stands in tokens.
        ca_file: whose certificates the provider's must be signed by; None: the system's.
        clock: seconds.
    """

    def __init__(
        self, issuer: str, ca_file: Path | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._opener = _opener(issuer, ca_file)
        self._clock = clock
        self._fetching = asyncio.Lock()  # guards what follows: one fetch at a time
        self._keys: list[Jwk] = []
        self._fetched = self._tried = float("-inf")

    async def find(self, key_id: str | None) -> Sequence[Jwk]:
        """Return the keys of an id; all of them if a token names none.

        Raises:
            IssuerUnavailable: the provider was never reached; ask again later.
        """
        if not self._good(key_id):
            async with self._fetching:
                if not self._good(key_id) and self._clock() - self._tried >= _PAUSE_S:
                    await self._fetch()
        if self._fetched == float("-inf"):
            raise IssuerUnavailable(f"the issuer {self._issuer} does not answer", issuer=self._issuer)
        return self._of(key_id)

    def _good(self, key_id: str | None) -> bool:
        return self._clock() - self._fetched < _REFRESH_S and bool(self._of(key_id))

    def _of(self, key_id: str | None) -> list[Jwk]:
        return [key for key in self._keys if key_id is None or key.get("kid") == key_id]

    async def _fetch(self) -> None:
        self._tried = self._clock()
        try:
            keys = await asyncio.to_thread(self._read_keys)
        except (OSError, ValueError) as error:
            # What is known stays good: a provider that is away must not shut everybody out.
            log.warning("keys of the issuer cannot be fetched", issuer=self._issuer, why=_reason(error))
            return
        self._fetched = self._clock()
        if keys != self._keys:
            log.info("keys of the issuer fetched", issuer=self._issuer, keys=len(keys))
        self._keys = keys

    def _read_keys(self) -> list[Jwk]:
        about = self._get(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        if about.get("issuer") != self._issuer:
            raise ValueError("the issuer says that it is another one")
        place = str(about.get("jwks_uri", ""))
        check_https(place)
        keys = self._get(place).get("keys")
        if not isinstance(keys, list):
            raise ValueError("the issuer's keys are no list")  # noqa: TRY004 - what came is wrong, not our types
        return [
            key
            for key in keys[:_MOST_KEYS]
            if isinstance(key, dict) and key.get("kty") in _SIGNS and key.get("use", "sig") == "sig"
        ]

    def _get(self, url: str) -> dict[str, Any]:
        request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - check_https
        with self._opener.open(request, timeout=_TIMEOUT_S) as answer:
            content = answer.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError(f"{url} has more than {_MOST_BYTES} bytes")
        found = json.loads(content)
        if not isinstance(found, dict):
            raise ValueError(f"{url} is no JSON object")  # noqa: TRY004 - as above
        return found


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        """Follow nothing: the answer counts as a failure."""


def _opener(issuer: str, ca_file: Path | None) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context(cafile=ca_file)
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect(), urllib.request.HTTPSHandler(context=context)]
    if urlsplit(issuer).scheme == "http":
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _reason(error: Exception) -> str:
    return str(error.reason) if isinstance(error, urllib.error.URLError) else str(error)
