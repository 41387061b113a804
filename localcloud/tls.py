"""Certificates for the local services, from an authority made on the spot."""

import ssl
from pathlib import Path

import trustme


class Authority:
    """A certificate authority that lives as long as this object; clients trust it by its file."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    def ca_file(self, path: Path) -> Path:
        """Write the authority's certificate (PEM) to path and return the path."""
        self._authority.cert_pem.write_to_path(str(path))
        return path

    def server_context(self, *names: str) -> ssl.SSLContext:
        """Return a server's context with a certificate for the host names or addresses given."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*dict.fromkeys(names)).configure_cert(context)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return a client's context that trusts this authority and nothing else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(context)
        return context
