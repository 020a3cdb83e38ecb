"""What this side brings along to a handshake: the versions it speaks, and whom it trusts.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Tuple

VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}

# Contexts that trust the system's authorities, by what they were made from.
_kept: Dict[Tuple[object, ...], Ground] = {}
_MOST_KEPT = 8


class BadCaFile(ValueError):
    """A CA file cannot be used; the message is one line for people."""

    for_people = True


class Ground:
    """A context to shake hands on, which may be shared by many connections at once."""

    __slots__ = ("context", "_is_late", "_lock")

    def __init__(self, context: ssl.SSLContext, *, trusts_system: bool) -> None:
        self.context = context
        self._is_late = trusts_system
        self._lock = threading.Lock()

    def complete(self) -> None:
        """Load the system's authorities, if they are to be trusted and not yet loaded.

        That takes some 30 ms for the usual 140 certificates: time enough while the hello is on
        its way, and no reason to let it wait.
        """
        with self._lock:
            if self._is_late:
                with contextlib.suppress(ssl.SSLError):
                    self.context.load_default_certs()
                self._is_late = False


def ground(
    *,
    verify: bool,
    check_hostname: bool,
    min_tls: str | None,
    max_tls: str | None,
    old_too: bool,
    ca_file: str | None,
) -> Ground:
    """Return the ground for a handshake; the system's authorities are not read anew each time.

    Raises:
        BadCaFile: *ca_file* cannot be read, or holds no certificate.
        ValueError: There is no such version, or this library was built without it.
    """
    trusts_system = verify and ca_file is None
    there = _system_authorities() if trusts_system else ()
    key = (verify, check_hostname, min_tls, max_tls, old_too, there)
    if there and key in _kept:
        return _kept[key]
    context = _context(verify=verify, check_hostname=check_hostname, old_too=old_too)
    _limit_versions(context, min_tls, max_tls)
    if verify and ca_file is not None:
        _trust(context, ca_file)
    made = Ground(context, trusts_system=trusts_system)
    if there:  # what cannot be seen to change, as on Windows, is not kept
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[key] = made
    return made


def _system_authorities() -> Tuple[object, ...]:
    """Return what changes when the system's authorities do: paths, sizes, dates."""
    paths = ssl.get_default_verify_paths()  # these heed SSL_CERT_FILE and SSL_CERT_DIR
    known: List[object] = []
    for path in (paths.cafile, paths.capath):
        if path is not None:
            with contextlib.suppress(OSError):
                seen = os.stat(path)
                known += [path, seen.st_mtime_ns, seen.st_size]
    return tuple(known)


def _context(*, verify: bool, check_hostname: bool, old_too: bool) -> ssl.SSLContext:
    """Make a context that trusts nobody yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = check_hostname
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if old_too:
        with contextlib.suppress(ssl.SSLError):  # LibreSSL knows no levels
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def _limit_versions(context: ssl.SSLContext, min_tls: str | None, max_tls: str | None) -> None:
    """Bar the versions outside the limits.

    Raises:
        ValueError: There is no such version, or this library was built without it.
    """
    if min_tls is None and max_tls is None:
        return
    with warnings.catch_warnings():
        # That old versions are old is why they are asked for.
        warnings.simplefilter("ignore", DeprecationWarning)
        if max_tls is not None:
            context.maximum_version = _known(max_tls)
            # Python's own lower limit is for those who set none.
            context.minimum_version = min(context.minimum_version, context.maximum_version)
        if min_tls is not None:
            context.minimum_version = _known(min_tls)


def _known(version: str) -> ssl.TLSVersion:
    if version not in VERSIONS:
        raise ValueError(f"there is no TLS version {version!r}")
    return VERSIONS[version]


def _trust(context: ssl.SSLContext, ca_file: str) -> None:
    """Trust the certificates in *ca_file* and no others."""
    try:
        context.load_verify_locations(cafile=ca_file)
    except ssl.SSLError:
        raise BadCaFile(f"the CA file {ca_file} holds no certificate in PEM form") from None
    except OSError as fault:
        raise BadCaFile(f"the CA file {ca_file} cannot be read: {fault.strerror}") from None
    except ValueError:
        raise BadCaFile("the CA file's name holds a NUL character") from None


def authorities(ca_file: str | None) -> str:
    """Name whom this side trusts."""
    if ca_file is not None:
        return ca_file
    given = os.environ.get("SSL_CERT_FILE")
    return f"SSL_CERT_FILE={given}" if given else "system"


def no_authorities(context: ssl.SSLContext) -> str:
    """Say so where this side trusts nobody at all, which is no fault of the server's.

    OpenSSL passes in silence over a bundle that is not there.
    """
    if context.cert_store_stats()["x509"]:
        return ""
    given = os.environ.get("SSL_CERT_FILE")
    if given and not os.access(given, os.R_OK):
        return f"no CA certificates: SSL_CERT_FILE names {given}, which cannot be read"
    folder = ssl.get_default_verify_paths().capath
    with contextlib.suppress(OSError):
        if folder and os.listdir(folder):  # these are read one by one, when they are needed
            return ""
    return "no CA certificates: there are none where this OpenSSL looks for them"
