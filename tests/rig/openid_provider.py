"""A real OpenID provider (oidc-provider-mock), as a process, and a person who goes through its sign-in page."""

from __future__ import annotations

import base64
import json
import queue
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

READY_S = 50.0
CLIENT, BACK = "print-fabric", "http://localhost/back"


class OpenIdProvider:
    """One that runs; `issuer` is its URL."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer

    def id_token(self, person: str, nonce: str = "", client: str = CLIENT) -> str:
        """Return what a person brings home from the authorization code flow."""
        query = {
            "client_id": client, "redirect_uri": BACK, "response_type": "code", "scope": "openid", "state": "s",
            **({"nonce": nonce} if nonce else {}),
        }  # fmt: skip
        where = self._post(f"/oauth2/authorize?{urllib.parse.urlencode(query)}", {"sub": person})
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(where).query)["code"][0]
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
        answer = json.loads(self._post("/oauth2/token", asked, basic=f"{client}:secret"))
        return str(answer["id_token"])

    def _post(self, path: str, form: dict[str, str], basic: str = "") -> str:
        """Return the body, or where a redirect leads."""
        request = urllib.request.Request(self.issuer + path, urllib.parse.urlencode(form).encode())
        if basic:
            request.add_header("Authorization", f"Basic {base64.b64encode(basic.encode()).decode()}")
        try:
            with urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({})).open(request) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                if error.code not in (302, 303):
                    raise
                return str(error.headers["Location"])


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


@contextmanager
def openid_provider(people: dict[str, list[str]], token_s: int = 3600) -> Iterator[OpenIdProvider]:
    """Run a provider with people and their groups."""
    claims = [json.dumps({"sub": name, "groups": groups}) for name, groups in people.items()]
    users = [word for one in claims for word in ("--user-claims", one)]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-p", "0", "-e", str(token_s), *users],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    found: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process.stdout, found))
    reader.start()
    try:
        yield OpenIdProvider(found.get(timeout=READY_S))
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


def _read(output: IO[str], found: queue.Queue[str]) -> None:
    """Find where it listens, and read on, so that it never waits for us."""
    for line in output:
        address = re.search(r"http://127\.0\.0\.1:\d+", line)
        if address is not None:
            found.put(address[0])
