"""An OpenID provider by hand: its two documents over real HTTP, and tokens made as told, wrong ones too."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

AUDIENCE = "print-fabric"


class Issuer:
    """Serves its documents; `fails` makes every request a 500, `documents` may be changed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.fails = False
        self.asked = 0
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.documents: dict[str, Any] = {
            "/.well-known/openid-configuration": {"issuer": url, "jwks_uri": f"{url}/keys"},
            "/keys": {"keys": []},
        }

    def rotate(self, key_id: str) -> None:
        """Sign with a new key from now on, and publish no other."""
        self.keys = {key_id: ec.generate_private_key(ec.SECP256R1())}
        public = json.loads(ECAlgorithm.to_jwk(self.keys[key_id].public_key()))
        self.documents["/keys"] = {"keys": [{**public, "kid": key_id, "use": "sig", "alg": "ES256"}]}

    def token(self, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a good token of ada's, but for the claims and headers given (None: left out)."""
        now = int(time.time())
        said = {
            "iss": self.url, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 300, **claims,
        }  # fmt: skip
        (key_id, key), *_ = self.keys.items()
        return jwt.encode(
            {name: value for name, value in said.items() if value is not None},
            key,
            algorithm="ES256",
            headers={"kid": key_id, **(header or {})},
        )


@contextmanager
def issuer_running() -> Iterator[Issuer]:
    """Serve an issuer on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            document = issuer.documents.get(self.path)
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(500 if issuer.fails or document is None else 200)
            if isinstance(document, str):  # an address: a redirect
                self.send_header("Location", document)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
    issuer.rotate("first")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
