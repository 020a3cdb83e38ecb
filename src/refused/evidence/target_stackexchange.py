"""Targets written as StackExchange.Redis has them: ``host:6380,password=…,ssl=True,…``.

The library's own rules hold, its traps included: the string is cut at commas and each option at its
first equals sign, so that ``=`` is legal in a key and a comma is not; without a port it dials 6379,
or 6380 with TLS, which no Managed Redis answers.

Source: https://stackexchange.github.io/StackExchange.Redis/Configuration and the library's
``ConfigurationOptions.DoParse``, ``EndPointCollection.SetDefaultPorts`` and options providers.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.redaction import MASK
from refused.evidence.target_parts import (
    BadTarget,
    Draft,
    is_harmless,
    place,
    read_count,
    read_db,
    read_endpoint,
    read_ms,
    read_protocol,
    read_truth,
)
from refused.evidence.target_urls import NO_SENTINEL, NO_SOCKET_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Tuple

LIBRARY = "StackExchange.Redis"
# Names as the library writes them; it reads them in any case.
_SWITCHES = ("abortConnect", "allowAdmin", "resolveDns", "checkCertificateRevocation", "setlib")
_COUNTS = (
    "configCheckSeconds", "responseTimeout", "writeBuffer", "asyncTimeout",
)  # fmt: skip
_WORDS = (
    "name", "channelPrefix", "configChannel", "tieBreaker", "version", "proxy", "tunnel",
    "highPriorityThreads", "preserveAsyncOrder",
)  # fmt: skip
_READ = (
    "password", "user", "ssl", "sslHost", "sslProtocols", "connectTimeout", "syncTimeout",
    "defaultDatabase", "keepAlive", "connectRetry", "protocol", "serviceName",
)  # fmt: skip
_NAMES: Dict[str, str] = {name.lower(): name for name in _SWITCHES + _COUNTS + _WORDS + _READ}

# Hosts that the library knows for Azure's. On those of Managed Redis and Enterprise it speaks TLS
# by itself, on the others where the port is 6380.
_TLS_BY_ITSELF = (
    ".redis.azure.net", ".redis.chinacloudapi.cn", ".redis.usgovcloudapi.net",
    ".redis.sovcloud-api.de", ".redis.sovcloud-api.fr", ".redisenterprise.cache.azure.net",
)  # fmt: skip
_TLS_BY_PORT = (
    ".redis.cache.windows.net", ".redis.cache.chinacloudapi.cn", ".redis.cache.usgovcloudapi.net",
    ".redis.cache.sovcloud-api.de", ".redis.cache.sovcloud-api.fr",
)  # fmt: skip
_PORT, _TLS_PORT = 6379, 6380


def is_option(word: str) -> bool:
    """Whether a text begins with one of the library's options, naming no host before it."""
    name, equals, _ = word.partition("=")
    return bool(equals) and name.strip().lower() in _NAMES


def read_stackexchange(word: str, draft: Draft) -> None:
    """Read a configuration string.

    Raises:
        BadTarget: An option makes no sense, no host is named, or the key seems to hold a comma.
    """
    draft.form, draft.client = "stackexchange", LIBRARY
    places: List[Tuple[str, int | None]] = []
    behind_key = False
    for part in word.split(","):
        item = part.strip()
        if not item:
            continue
        name, equals, value = (text.strip() for text in item.partition("="))
        if equals and name:
            behind_key = _read_option(name, value, draft, behind_key=behind_key)
        elif behind_key and (places or not _is_placelike(item)):
            raise BadTarget(_TORN)
        else:
            behind_key = False
            endpoint = _read_place(item)
            if endpoint not in places:
                places.append(endpoint)
                draft.show(place(*endpoint))
    if not places:
        raise BadTarget(
            "the connection string names no host; it begins with one, as in HOST:6380,password=KEY"
        )
    draft.host, draft.port = places[0]
    draft.other_hosts = [place(*each) for each in places[1:]]
    if draft.tls is None:
        draft.tls = _tls_by_default(places)
    draft.default_port = _TLS_PORT if draft.tls else _PORT
    draft.shown = [part for each in draft.shown for part in ((",", False), each)][1:]


_TORN = (
    "what follows the key is neither an option nor the first host: StackExchange.Redis cannot take "
    "a key with a comma, so give such a key in REDISCLI_AUTH"
)


def _is_placelike(item: str) -> bool:
    """Whether an item may be a host by its looks; behind the key it may be the key's own rest."""
    return "." in item or ":" in item or item == "localhost"


def _read_place(item: str) -> Tuple[str, int | None]:
    if item.startswith("!"):
        raise BadTarget(NO_SOCKET_FILE)
    if ";" in item:
        raise BadTarget("StackExchange.Redis wants commas between its options, not semicolons")
    host, port = read_endpoint(item[:-2] if item.endswith(":0") else item)
    return host, port


def _tls_by_default(places: List[Tuple[str, int | None]]) -> bool:
    hosts = [host for host, _ in places]
    if any(host.endswith(_TLS_BY_ITSELF) for host in hosts):
        return True
    is_azure = any(host.endswith(_TLS_BY_PORT) for host in hosts)
    return is_azure and any(port == _TLS_PORT for _, port in places)


def _read_option(name: str, value: str, draft: Draft, *, behind_key: bool) -> bool:
    """Read one option; True where it is the key."""
    known = _NAMES.get(name.lower())
    if known is None:
        if behind_key:
            raise BadTarget(_TORN)
        _keep_unknown(name, value, draft)
        return False
    if not value.isprintable() and known != "password":
        raise BadTarget(f"{known} holds a control character; copy the connection string again")
    if known == "password":
        draft.password = value
        draft.show(f"password={MASK if value else ''}")
        return True
    _read_known(known, value, draft)
    draft.show(f"{known}={value}", is_free=True)
    return False


def _keep_unknown(name: str, value: str, draft: Draft) -> None:
    """Keep what the library does not know: maps of commands (``$CONFIG=``), other libraries'."""
    bare = name.replace("_", "").replace(" ", "")
    if not (bare[1:] if bare.startswith("$") else bare).isalnum() or len(name) > 40:
        raise BadTarget(
            "an option has no readable name; options are written name=value, with commas between"
        )
    if name.lower() == "poolsize":  # CSRedis and FreeRedis
        draft.settings["pool_size"] = read_count(value, "poolsize")
    is_shown = is_harmless(value) or name.lower() == "poolsize" or name.startswith("$")
    option = f"{name}={value if is_shown and value.isprintable() else MASK}"
    draft.others.append(option)
    draft.show(option, is_free=True)


def _read_known(name: str, value: str, draft: Draft) -> None:
    settings = draft.settings
    if name == "user":
        draft.user = value or None
    elif name == "ssl":
        draft.tls = read_truth(value, name)
    elif name == "defaultDatabase":
        draft.db = read_db(value)
    elif name == "sslHost":
        settings["sni"] = read_endpoint(value)[0] if value else None
    elif name == "sslProtocols":
        versions = _tls_versions(value)
        if versions:
            settings["min_tls"], settings["max_tls"] = versions[0], versions[-1]
    elif name in ("connectTimeout", "syncTimeout"):
        field = "connect_timeout_ms" if name == "connectTimeout" else "command_timeout_ms"
        settings[field] = read_ms(value, name, 1.0)
    elif name == "protocol":
        settings["protocol"] = read_protocol(value)
    else:
        _read_count(name, value, draft)


def _read_count(name: str, value: str, draft: Draft) -> None:
    if name == "keepAlive":
        # 0 and less mean the library's own interval, which the server's time-out may shorten.
        seconds = read_count(value, name)
        draft.settings["keepalive_s"] = float(seconds) if seconds > 0 else None
    elif name == "connectRetry":
        draft.settings["retries"] = read_count(value, name)
    elif name == "serviceName":
        if value:
            raise BadTarget(NO_SENTINEL)
    else:
        _note(name, value, draft)


def _note(name: str, value: str, draft: Draft) -> None:
    """Keep an option that says nothing of the path, in the library's spelling."""
    if name in _SWITCHES:
        read_truth(value, name)
    elif name in _COUNTS:
        read_count(value, name)
        if name == "asyncTimeout" and "command_timeout_ms" not in draft.settings:
            draft.settings["command_timeout_ms"] = read_ms(value, name, 1.0)
    draft.others.append(f"{name}={value}")


# System.Security.Authentication.SslProtocols, by name and by value. "Default" is SSL 3 and TLS 1.0.
_BITS = (("1.0", 192), ("1.1", 768), ("1.2", 3072), ("1.3", 12288))
_PROTOCOLS: Dict[str, int] = {
    "none": 0, "ssl2": 0, "ssl3": 0, "default": 192,
    "tls": 192, "tls11": 768, "tls12": 3072, "tls13": 12288,
}  # fmt: skip


def _tls_versions(text: str) -> List[str]:
    """Read a set of TLS versions, lowest first; empty where the system chooses."""
    mask = 0
    for word in text.lower().split("|"):
        name = word.strip()
        if name.isdigit() and name.isascii() and len(name) < 9:
            mask |= int(name)
        elif name in _PROTOCOLS:
            mask |= _PROTOCOLS[name]
        else:
            raise BadTarget("sslProtocols names no TLS version; write Tls12 or Tls12|Tls13")
    return [version for version, bits in _BITS if mask & bits == bits]
