"""Certificates from files, read again when the files change.

On a server new handshakes get the new certificate at once and open connections live on. A client's credentials are
bound to its channel, so `chassis.client` makes a new one when `ClientCertificates.changed()` says so.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc

from chassis import logs, metrics
from chassis.settings import ClientTlsSettings, ServerTlsSettings
from chassis.watched_files import WatchedFiles

log = logs.get(__name__)


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


class ServerCertificates:
    """A server's certificate, key and clients' authorities, followed through rotation.

    Raises:
        CertificateError: at the start, for files that do not work. Later ones are logged and the old stay in use:
            a certificate is often seen before its key when both are being replaced.
    """

    def __init__(self, settings: ServerTlsSettings) -> None:
        self._settings = settings
        paths = [settings.cert_file, settings.key_file, settings.client_ca_file]
        self._files = WatchedFiles(path for path in paths if path is not None)
        self._files.changed()
        self._pending = False
        self._initial = self._load()
        metrics.show_certificate(settings.cert_file)

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials that ask for the newest certificate at every handshake."""
        ask = self._settings.client_ca_file is not None and self._settings.require_client_certificate
        # The stub forgets that the fetcher may answer None for "no change".
        return grpc.dynamic_ssl_server_credentials(self._initial, self._fetch, ask)  # type: ignore[arg-type]

    def _load(self) -> grpc.ServerCertificateConfiguration:
        settings = self._settings
        _check(settings.cert_file, settings.key_file, settings.client_ca_file)
        authorities = _read(settings.client_ca_file) if settings.client_ca_file is not None else None
        pair = (_read(settings.key_file), _read(settings.cert_file))
        return grpc.ssl_server_certificate_configuration([pair], authorities)

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        # Called by grpc's own threads, before every handshake.
        if not (self._files.changed() or self._pending):
            return None
        try:
            fresh = self._load()
        except CertificateError as error:
            if not self._pending:
                log.warning("new certificate does not work, the old one stays", error=str(error))
            self._pending = True
            return None
        self._pending = False
        log.info("certificate read again", file=str(self._settings.cert_file))
        return fresh


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
