"""One wheel from the package index with the standard library alone: how pip arrives where there is no pip."""

from __future__ import annotations

import base64
import configparser
import hashlib
import html
import json
import os
import re
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

PUBLIC_INDEX = "https://pypi.org/simple"
TIMEOUT_S = 60.0
# PEP 691's JSON where the index has it, PEP 503's HTML elsewhere.
ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"


class Pin(NamedTuple):
    """A locked package: its version, and the sha256 of each of its files."""

    version: str
    sha256: frozenset[str]


class NotFetched(Exception):
    """The index was not reached, does not have the file, or has another one than the lock says."""


def index_url() -> str:
    """Return the index's address as pip would: PIP_INDEX_URL, then pip's files, then the public one."""
    if url := os.environ.get("PIP_INDEX_URL"):
        return url
    home = Path.home()
    places = [home / ".config/pip/pip.conf", home / ".pip/pip.conf", Path("/etc/pip.conf")]
    if named := os.environ.get("PIP_CONFIG_FILE"):
        places.insert(0, Path(named))
    for place in places:
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(place)
        if url := parser.get("global", "index-url", fallback=None):
            return url
    return PUBLIC_INDEX


def certificates() -> ssl.SSLContext:
    """Return a context that trusts what pip would: PIP_CERT, REQUESTS_CA_BUNDLE, else the system's store."""
    bundle = os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE")
    return ssl.create_default_context(cafile=bundle if bundle and Path(bundle).is_file() else None)


def read(url: str) -> tuple[bytes, str]:
    """Return the body behind `url` and its content type; proxies are taken from the environment."""
    parts = urlsplit(url)
    request = urllib.request.Request(  # noqa: S310 - the address is the person's own index
        urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), headers={"Accept": ACCEPT}
    )
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        request.add_header("Authorization", "Basic " + base64.b64encode(secret).decode())
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=certificates()) as answer:  # noqa: S310
            return answer.read(), answer.headers.get_content_type()
    except urllib.error.URLError as error:
        if parts.username is not None or not isinstance(error.reason, ssl.SSLCertVerificationError):
            raise
        # A slim image has no certificate store. What is fetched must have the lock's sha256,
        # so whoever answers can refuse the file but cannot change it.
        context = ssl._create_unverified_context()  # noqa: S323, SLF001
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=context) as answer:  # noqa: S310
            return answer.read(), answer.headers.get_content_type()


def file_addresses(page: bytes, content_type: str, address: str) -> list[str]:
    """Return the absolute addresses of a project's files, from either form of the simple API."""
    if content_type.endswith("json"):
        found = [entry["url"] for entry in json.loads(page)["files"]]
    else:
        found = [html.unescape(link) for link in re.findall(r'href\s*=\s*"([^"]+)"', page.decode())]
    return [urljoin(address, link).partition("#")[0] for link in found]


def fetch_wheel(project: str, pin: Pin, folder: Path) -> Path:
    """Fetch a pure-Python wheel into `folder` and return its path.

    Raises:
        NotFetched: the index cannot be reached, lacks the file, or the file's hash is not in the lock.
    """
    name = f"{project}-{pin.version}-py3-none-any.whl"
    address = f"{index_url().rstrip('/')}/{project}/"
    shown = urlsplit(address).hostname
    try:
        page, content_type = read(address)
        links = [
            link for link in file_addresses(page, content_type, address) if link.rpartition("/")[2] == name
        ]
        if not links:
            raise NotFetched(f"{shown} has no {name}")
        body, _ = read(links[0])
    except (OSError, ValueError) as error:
        raise NotFetched(f"{shown} does not answer: {error}") from error
    if hashlib.sha256(body).hexdigest() not in pin.sha256:
        raise NotFetched(f"{name} from {shown} is not the file requirements.lock names")
    wheel = folder / name
    wheel.write_bytes(body)
    return wheel
