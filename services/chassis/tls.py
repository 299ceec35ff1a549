"""Certificates from files, read again when the files change.

On a server new handshakes get the new certificate at once and open connections live on. A client's credentials are
bound to its channel, so `chassis.client` makes a new one when `ClientCertificates.changed()` says so.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import grpc

from chassis import logs, metrics
from chassis.handshakes import reason_of
from chassis.settings import CertificateSettings, ClientTlsSettings, ServerTlsSettings
from chassis.watched_files import WatchedFiles

log = logs.get(__name__)

T = TypeVar("T")


class CertificateError(Exception):
    """Files that make no working certificate; the message names the file."""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error


def _check(cert: Path | None, key: Path | None, authority: Path | None) -> None:
    """Refuse what OpenSSL refuses: grpc itself would say so only in its debug log, handshake by handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for path in (cert, key, authority):
        if path is not None:
            _read(path)
    if cert is not None:
        try:
            # The password is never asked for at a terminal.
            context.load_cert_chain(cert, key, password=lambda: b"")
        except (ssl.SSLError, ValueError) as error:
            raise CertificateError(
                f"{cert} and {key}: not a certificate and its private key: {error}"
            ) from error
    if authority is not None:
        try:
            context.load_verify_locations(authority)
        except ssl.SSLError as error:
            raise CertificateError(f"{authority}: not PEM certificates: {error}") from error


class _Rotation(Generic[T]):
    """What is made of a server's files, and made again when they change.

    Raises:
        CertificateError: at the start, for files that do not work. Later ones are logged and the old stay in use:
            a certificate is often seen before its key when both are being replaced.
    """

    def __init__(self, settings: CertificateSettings, more: Path | None, make: Callable[[], T]) -> None:
        paths = [settings.cert_file, settings.key_file, more]
        self._files = WatchedFiles(path for path in paths if path is not None)
        self._files.changed()
        self._cert_file = settings.cert_file
        self._make = make
        self._pending = False
        self.newest = make()
        metrics.show_certificate(settings.cert_file)

    def fresh(self) -> T | None:
        """Return what new files make; None: they are the same, or do not work."""
        if not (self._files.changed() or self._pending):
            return None
        try:
            self.newest = self._make()
        except CertificateError as error:
            if not self._pending:
                log.warning("new certificate does not work, the old one stays", error=str(error))
            self._pending = True
            return None
        self._pending = False
        log.info("certificate read again", file=str(self._cert_file))
        return self.newest


class ServerCertificates:
    """A gRPC server's certificate, key and clients' authorities, followed through rotation.

    Raises:
        CertificateError: the files do not work.
    """

    def __init__(self, settings: ServerTlsSettings) -> None:
        self._settings = settings
        self._rotation = _Rotation(settings, settings.client_ca_file, self._load)

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials that ask for the newest certificate at every handshake."""
        ask = self._settings.client_ca_file is not None and self._settings.require_client_certificate
        # Called by grpc's own threads. The stub forgets that the fetcher may answer None for "no change".
        return grpc.dynamic_ssl_server_credentials(self._rotation.newest, self._rotation.fresh, ask)  # type: ignore[arg-type]

    def _load(self) -> grpc.ServerCertificateConfiguration:
        settings = self._settings
        _check(settings.cert_file, settings.key_file, settings.client_ca_file)
        authorities = _read(settings.client_ca_file) if settings.client_ca_file is not None else None
        pair = (_read(settings.key_file), _read(settings.cert_file))
        return grpc.ssl_server_certificate_configuration([pair], authorities)


class _WebConnection(ssl.SSLObject):
    """A connection of a web server's. Neither loop nor server tell of a handshake that fails, nor whose it was."""

    def do_handshake(self) -> None:
        """See `ssl.SSLObject`."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            reason, _ = reason_of(error.reason or "")
            metrics.FAILED_HANDSHAKES.labels(reason).inc()
            raise


class WebCertificates:
    """A web server's certificate and key, for `ssl`, followed through rotation.

    Raises:
        CertificateError: the files do not work.
    """

    def __init__(self, settings: CertificateSettings) -> None:
        self._settings = settings
        self._rotation = _Rotation(settings, None, self._load)

    def context(self) -> ssl.SSLContext:
        """Return a context that gives every handshake the newest certificate."""
        context = self._rotation.newest
        context.sni_callback = self._at_handshake
        return context

    def _load(self) -> ssl.SSLContext:
        cert, key = self._settings.cert_file, self._settings.key_file
        _check(cert, key, None)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.sslobject_class = _WebConnection
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _at_handshake(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        # OpenSSL calls it after the client's first words, whether these name the server or not.
        self._rotation.fresh()
        connection.context = self._rotation.newest


class ClientCertificates:
    """A client's authorities and, for mutual TLS, its own certificate."""

    def __init__(self, settings: ClientTlsSettings) -> None:
        self._settings = settings
        paths = [settings.ca_file, settings.cert_file, settings.key_file]
        self._files = WatchedFiles(path for path in paths if path is not None)
        self._files.changed()
        if settings.cert_file is not None:
            metrics.show_certificate(settings.cert_file)

    def changed(self) -> bool:
        """Say whether the files are others than at the last look."""
        return self._files.changed()

    def credentials(self) -> grpc.ChannelCredentials:
        """Return credentials of what the files hold now.

        Raises:
            CertificateError: they do not work.
        """
        settings = self._settings
        _check(settings.cert_file, settings.key_file, settings.ca_file)
        return grpc.ssl_channel_credentials(
            root_certificates=_read(settings.ca_file),
            private_key=_read(settings.key_file) if settings.key_file is not None else None,
            certificate_chain=_read(settings.cert_file) if settings.cert_file is not None else None,
        )
