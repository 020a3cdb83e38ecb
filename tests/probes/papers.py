"""Certificates for tests, made by trustme: good ones and the usual bad ones."""

from __future__ import annotations

import datetime as dt
import itertools
import subprocess
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from pathlib import Path

_count = itertools.count()
_DAY = dt.timedelta(days=1)


class Papers:
    """An authority, one of its children, and a stranger; certificates are files in *folder*.

    Attributes:
        ca_file: The authority's certificate.
        other_ca_file: That of a stranger.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.child = self.ca.create_child_ca()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)
        self.other_ca_file = folder / "other-ca.pem"
        trustme.CA().cert_pem.write_to_path(self.other_ca_file)
        self.good = self.issue("cache.example", "127.0.0.1")

    def issue(self, *names: str, days: tuple[int, int] = (-1, 30)) -> Path:
        """Write key and chain for *names*, valid between *days* from now."""
        now = dt.datetime.now(dt.UTC)
        begins, ends = (now + each * _DAY for each in days)
        issued = self.ca.issue_cert(*names, not_before=begins, not_after=ends)
        return self._write(issued.private_key_and_cert_chain_pem.bytes())

    def below_child(self, *names: str, with_child: bool) -> Path:
        """Write a chain of which the child is a part, or from which it is missing."""
        issued = self.child.issue_cert(*names)
        chain = issued.cert_chain_pems if with_child else issued.cert_chain_pems[:1]
        parts = [issued.private_key_pem.bytes(), *(each.bytes() for each in chain)]
        return self._write(b"".join(parts))

    def self_signed(self, name: str) -> Path:
        """Write a certificate that vouches for itself."""
        path = self._write(b"")
        key, crt = path.with_suffix(".key"), path.with_suffix(".crt")
        command = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9"
            f" -keyout {key} -out {crt} -subj /CN={name} -addext subjectAltName=DNS:{name}"
        )
        subprocess.run(command.split(), check=True, capture_output=True)
        path.write_bytes(key.read_bytes() + crt.read_bytes())
        return path

    def _write(self, pem: bytes) -> Path:
        path = self.folder / f"chain-{next(_count)}.pem"
        path.write_bytes(pem)
        return path
