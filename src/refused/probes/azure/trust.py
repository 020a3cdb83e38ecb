"""Whom the control plane's conversation trusts, and by which proxy it goes.

The variables are those that ``az`` and every client built on requests read.
"""

from __future__ import annotations

import os

from refused.evidence.redaction import Secret
from refused.probes.azure.endpoint import BadEndpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping


def trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return whom we trust: the CAs of ``REQUESTS_CA_BUNDLE`` or ``SSL_CERT_FILE``, else the system's.

    Raises:
        BadEndpoint: The file named there cannot be used.
    """
    import ssl

    name = ca_bundle(environ)
    if name is None:
        return ssl.create_default_context()
    variable, path = name
    try:
        if os.path.isdir(path):
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as unusable:  # an SSLError is one
        said = unusable.strerror or "it holds no certificate"
        raise BadEndpoint(f"{variable}: the CA file cannot be used: {said}") from None


def ca_bundle(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the variable that names a CA bundle, and the path in it."""
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if environ.get(variable):
            return variable, environ[variable]
    return None


def proxy_for(host: str, environ: Mapping[str, str]) -> tuple[str, int, dict[str, str]] | None:
    """Return host, port and headers of the proxy on the way to *host*; ``None`` where there is none."""
    from urllib.parse import unquote, urlsplit

    given = next(
        (
            environ[name]
            for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
            if environ.get(name)
        ),
        "",
    )
    if not given or _is_excepted(host, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    try:
        parts = urlsplit(given if "://" in given else f"http://{given}")
        proxy, port = parts.hostname, parts.port
    except ValueError:
        proxy = port = None
        parts = urlsplit("")
    if proxy is None or parts.scheme != "http":
        # One that is itself spoken to in TLS is rare, and not worth a second handshake's code.
        raise BadEndpoint("HTTPS_PROXY: that is no proxy that I can use; give http://host:port")
    headers = {}
    if parts.username:
        from base64 import b64encode

        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        Secret(unquote(parts.password or ""))  # remembered, so that no output repeats it
        headers["Proxy-Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return proxy, port or 80, headers


def _is_excepted(host: str, listed: str) -> bool:
    name = host.lower().strip("[]")
    for each in listed.lower().replace(",", " ").split():
        word = each.partition(":")[0] if each.count(":") == 1 else each
        word = word.lstrip("*").lstrip(".")
        if each == "*" or name == word or (word and name.endswith("." + word)):
            return True
    return False
