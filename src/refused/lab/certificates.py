"""Certificates to order: trusted, expired, self-signed, short of an intermediate, a stranger's.

Keys are elliptic, so that a chain is made in milliseconds, and the same order is made only once in
a process. The authorities bear the names of Azure's own with ``(lab twin)`` behind them, so that
what reads issuer names sees the like of the real ones and nobody takes them for such.
"""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError as missing:
    raise ImportError("TLS in the lab needs cryptography: pip install 'refused[lab]'") from missing

DAY_S = 86_400.0

# As the chains of Azure's services read since they left the Baltimore root in 2022.
ROOT = ("DigiCert Inc", "DigiCert Global Root G2 (lab twin)")
ISSUER = ("Microsoft Corporation", "Microsoft Azure TLS Issuing CA 04 (lab twin)")
PROXY = ("Zscaler Inc.", "Zscaler Intermediate Root CA (lab twin)")
CORPORATE = ("Contoso Ltd", "Contoso Private Root CA")


@dataclass(frozen=True)
class Certificate:
    """PEM files of one certificate: what a server shows, its key, and who vouches for it."""

    chain_file: str
    key_file: str
    ca_file: str


@dataclass(frozen=True)
class _Order:
    names: tuple[str, ...]
    valid_from_s: float
    valid_until_s: float
    send_intermediate: bool
    self_signed: bool
    for_clients: bool


@dataclass(frozen=True)
class _Signed:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Authority:
    """Makes certificates in *folder* that the root in :attr:`ca_file` vouches for.

    Args:
        root: Organisation and name of the root.
        issuer: Those of the intermediate; ``None`` signs with the root itself.
    """

    def __init__(
        self,
        folder: Path,
        *,
        root: tuple[str, str] = ROOT,
        issuer: tuple[str, str] | None = ISSUER,
    ) -> None:
        self.folder = folder
        self.root, self.issuer = root, issuer
        self._written: dict[_Order, Certificate] = {}
        self._stem = "".join(c if c.isalnum() else "-" for c in root[1]).lower()
        self._ca_file = folder / f"ca-{self._stem}.pem"

    @property
    def ca_file(self) -> str:
        """The root as a PEM file, for those who trust it."""
        if not self._ca_file.exists():
            self._ca_file.write_bytes(_pem(_authority(self.root, None)))
        return str(self._ca_file)

    def issue(
        self,
        *names: str,
        valid_from_s: float = -30 * DAY_S,
        valid_until_s: float = 180 * DAY_S,
        send_intermediate: bool = True,
        self_signed: bool = False,
        for_clients: bool = False,
    ) -> Certificate:
        """Make a certificate for *names*, which are host names (``*`` allowed) or addresses.

        Args:
            names: The first one is the subject's as well.
            valid_from_s: Beginning of its validity, in seconds from now.
            valid_until_s: End of its validity, in seconds from now.
            send_intermediate: Whether the server sends the intermediate along, as it must.
            self_signed: Sign it with its own key; nobody vouches for it.
            for_clients: Make it one that a client shows.
        """
        order = _Order(
            names, valid_from_s, valid_until_s, send_intermediate, self_signed, for_clients
        )
        if order not in self._written:
            self._written[order] = self._write(order)
        return self._written[order]

    def _write(self, order: _Order) -> Certificate:
        signer = None if order.self_signed else (self.root, self.issuer)
        leaf = _leaf(order, signer)
        chain = _pem(leaf)
        if self.issuer is not None and order.send_intermediate and not order.self_signed:
            chain += _pem(_authority(self.issuer, self.root))
        stem = self.folder / f"certificate-{len(self._written)}-{self._stem}"
        chain_file, key_file = stem.with_suffix(".pem"), stem.with_suffix(".key")
        chain_file.write_bytes(chain)
        key_file.touch(mode=0o600)
        key_file.write_bytes(_key_pem(leaf.key))
        ca_file = str(chain_file) if order.self_signed else self.ca_file
        return Certificate(str(chain_file), str(key_file), ca_file)


def _authority(name: tuple[str, str], signer: tuple[str, str] | None) -> _Signed:
    """Return the one authority of that name; worlds that come up side by side share it."""
    # The cache alone would let two threads make two roots of one name, and mix their chains.
    with _making:
        return _authority_once(name, signer)


_making = threading.RLock()


@functools.cache
def _authority_once(name: tuple[str, str], signer: tuple[str, str] | None) -> _Signed:
    above = _authority(signer, None) if signer is not None else None
    return _sign(
        _distinguished(*name),
        above,
        validity_s=(-400 * DAY_S, 3650 * DAY_S),
        ca_depth=0 if signer is not None else 1,
    )


@functools.cache
def _leaf(order: _Order, signer: tuple[tuple[str, str], tuple[str, str] | None] | None) -> _Signed:
    above = None
    if signer is not None:
        root, issuer = signer
        above = _authority(issuer, root) if issuer is not None else _authority(root, None)
    purpose = ExtendedKeyUsageOID
    extensions = [
        x509.SubjectAlternativeName([_general_name(name) for name in order.names]),
        x509.ExtendedKeyUsage([purpose.CLIENT_AUTH if order.for_clients else purpose.SERVER_AUTH]),
    ]
    return _sign(
        _distinguished(None, order.names[0]),
        above,
        validity_s=(order.valid_from_s, order.valid_until_s),
        extensions=extensions,
    )


def _distinguished(organisation: str | None, common_name: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])]
    if organisation is not None:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(parts)


def _sign(
    subject: x509.Name,
    above: _Signed | None,
    *,
    validity_s: tuple[float, float],
    extensions: Sequence[x509.ExtensionType] = (),
    ca_depth: int | None = None,
) -> _Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    own_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    signing_key = above.key if above is not None else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above.certificate.subject if above is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(seconds=validity_s[0]))
        .not_valid_after(now + dt.timedelta(seconds=validity_s[1]))
        .add_extension(x509.BasicConstraints(ca_depth is not None, ca_depth), critical=True)
        .add_extension(own_id, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
            critical=False,
        )
        .add_extension(_key_usage(is_ca=ca_depth is not None), critical=True)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return _Signed(builder.sign(signing_key, hashes.SHA256()), key)


def _key_usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(signed: _Signed) -> bytes:
    return signed.certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
