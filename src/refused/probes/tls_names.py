"""Names in TLS: which is sent, which is checked, and whether a certificate is for it.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import socket

from refused.probes.wire.dns_message import BadName, ascii_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Tuple


def names_of(sni: str) -> Tuple[str, str | None]:
    """Return the name to send, ``""`` for none, and the name or address to check.

    An address is never sent (RFC 6066, 3).

    Raises:
        BadName: It is neither a name nor an address.
    """
    address = sni.partition("%")[0]  # a scope is this host's own affair
    if _packed(address) is not None:
        return "", address
    name = ascii_name(sni).decode("ascii") if sni else ""
    return name, name or None


def _packed(text: str) -> bytes | None:
    """Return the bytes of an address literal; ``None`` where *text* is none."""
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):  # ValueError: characters beyond ASCII, or NUL
        return None


def names_match(names: Tuple[str, ...], host: str) -> bool:
    """Whether one of a certificate's alternative *names* is for *host*, as OpenSSL judges it.

    A wildcard stands for the whole first label and for one label only. An address matches an
    address; here one that was entered as a DNS name cannot be told from it. The subject's common
    name does not count; OpenSSL falls back on it where there is no alternative DNS name.

    Source: RFC 6125, 6.4; RFC 9525, 6; X509_check_host(3).
    """
    address = _packed(host.partition("%")[0])
    if address is not None:
        return any(_packed(name) == address for name in names)
    try:
        wanted = ascii_name(host).decode("ascii").lower()
    except BadName:
        return False
    return any(_is_for(name.lower(), wanted) for name in names)


def _is_for(name: str, host: str) -> bool:
    if name == host:
        return True
    star, _, domain = name.partition(".")
    label, _, rest = host.partition(".")
    return (
        star == "*"
        and domain == rest
        and "." in domain  # nobody is certified for a whole top-level domain
        and all(_is_plain(part) and part.strip("-") == part for part in domain.split("."))
        and _is_plain(label)
    )


def _is_plain(label: str) -> bool:
    return bool(label) and label.isascii() and label.replace("-", "a").isalnum()
