"""Certificates for servers on loopback, made by openssl(1): an authority, and what it has signed."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple


class Authority(NamedTuple):
    """`file` is what a client is told to trust, such as by SSL_CERT_FILE."""

    file: Path
    folder: Path

    def context(self, name: str = "127.0.0.1") -> ssl.SSLContext:
        """For a server that shows a certificate of this authority for `name`, an address or a host."""
        folder = self.folder
        kind = "IP" if name[0].isdigit() else "DNS"
        key, request, certificate = (folder / f"{name}.{end}" for end in ("key", "csr", "crt"))
        extensions = folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={kind}:{name}\n")
        new = ["req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request]
        signed = ["-CA", self.file, "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "2"]
        _openssl(*new)
        _openssl("x509", "-req", "-in", request, *signed, "-extfile", extensions, "-out", certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context


def make_authority(folder: Path) -> Authority:
    """A new one, in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file, subject = folder / "ca.crt", ("-subj", "/CN=Authority of the tests")
    _openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject),
        *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"),
        *("-keyout", folder / "ca.key", "-out", file),
    )
    return Authority(file, folder)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
