"""Targets written as URLs, and ServiceStack's relative of them.

Only ``redis[s]://[user]:[password]@host:port/db`` means the same to every client. Options behind
the question mark belong to one library each, and tell which it is.

Source: https://redis.io/docs/latest/develop/clients/connection-urls/ and the parsers themselves.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.redaction import MASK
from refused.evidence.target_parts import (
    BadTarget,
    Draft,
    is_harmless,
    is_placeholder,
    place,
    read_count,
    read_db,
    read_endpoint,
    read_ms,
    read_protocol,
    read_truth,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Tuple

# Shape: scheme: (whether TLS is spoken, whether the client follows a cluster). PHP writes tcp://
# and tls://; Lettuce redis+ssl:// and redis+tls://, the latter for STARTTLS.
SCHEMES: Dict[str, Tuple[bool, bool | None]] = {
    "redis": (False, None),
    "rediss": (True, None),
    "valkey": (False, None),
    "valkeys": (True, None),
    "tcp": (False, None),
    "tls": (True, None),
    "ssl": (True, None),
    "redis+ssl": (True, None),
    "redis+tls": (True, None),
    "redis+cluster": (False, True),
    "rediss+cluster": (True, True),
    "redis-cluster": (False, True),
    "rediss-cluster": (True, True),
}
_STRANGERS = (
    "http", "https", "ws", "wss", "amqp", "amqps", "mongodb", "mongodb+srv", "mysql", "postgres",
    "postgresql", "memcached", "ftp", "ssh", "kafka", "nats", "mqtt", "jdbc", "file", "ldap",
)  # fmt: skip
NO_SENTINEL = (
    "Sentinel is not supported; give the host and port of the primary, which "
    "SENTINEL GET-MASTER-ADDR-BY-NAME tells"
)
NO_SOCKET_FILE = (
    "a Unix socket is not supported, there is no network on the way; give host:port of a server"
)


def scheme_of(word: str) -> str | None:
    """Return the scheme of a URL in lower case; ``None`` where the text is no URL."""
    scheme, colon, _ = word.partition("://")
    is_scheme = (
        colon and scheme[:1].isalpha() and scheme.replace("+", "").replace("-", "").isalnum()
    )
    return scheme.lower() if is_scheme and scheme.isascii() else None


def read_url(word: str, draft: Draft) -> None:
    """Read ``redis://[user]:[password]@host:port/db?options`` and its relatives.

    Raises:
        BadTarget: A letter is not escaped, the scheme is not Redis's, or a part makes no sense.
    """
    word, mark, more = _first_of_list(word)
    if any(letter.isspace() for letter in word):
        raise BadTarget(_spaced(word))
    scheme = scheme_of(word) or ""
    draft.form, draft.scheme = "url", scheme
    draft.tls, draft.cluster = _reading_of(scheme)
    rest = word.partition("://")[2]
    if rest.endswith("#insecure"):  # redis-rs
        rest = rest[: -len("#insecure")]
        draft.client = "redis-rs"
        draft.settings.update(verify=False, check_hostname=False)
    _hold_to_escapes(rest)
    head, _, query = rest.partition("?")
    authority, _, path = head.partition("/")
    info, at, endpoint = authority.rpartition("@")
    first, *others = endpoint.split(",")
    draft.host, draft.port = _read_place(first)
    draft.other_hosts += (place(*_read_place(other)) for other in others)
    draft.show(f"{scheme}://")
    if at:
        _read_login(info, draft)
    draft.show(",".join([draft.place(), *draft.other_hosts]))
    if others:
        draft.cluster = True  # Lettuce takes several nodes for a cluster's
    path = path.strip("/")
    if path:
        draft.db = read_db(_unescaped(path, "the database"))
        draft.show(f"/{draft.db}")
    _read_query(query, draft)
    if draft.client == "redis-rs":
        draft.show("#insecure")
    for other in more:
        draft.other_hosts.append(other.place())
        draft.shown += [(mark, False), *other.shown]
    if draft.client:
        draft.default_port = 6379  # of every library here, with TLS and without


def read_servicestack(word: str, draft: Draft) -> None:
    """Read ``password@host:port?ssl=true&db=1`` by ServiceStack.Redis's own rules.

    Nothing is escaped before the last ``@``, and ``ssl`` moves the port that was not written.

    Source: ServiceStack.Redis, ``RedisExtensions.ToRedisEndpoint``.
    """
    draft.form, draft.client, draft.tls = "servicestack", "ServiceStack.Redis", False
    info, at, rest = word.rpartition("@")
    endpoint, _, query = rest.partition("?")
    if any(letter.isspace() for letter in rest):
        raise BadTarget(_spaced(rest))
    draft.host, draft.port = read_endpoint(endpoint)
    if at:
        # What stands before a colon is the client's name to the library; to most people it is
        # part of the key, so it is not shown.
        _, colon, password = info.partition(":")
        draft.password = password if colon else info
        draft.show(f"{MASK}@")
    draft.show(draft.place())
    _read_query(query, draft)
    draft.default_port = 6380 if draft.tls else 6379


# --- the parts of a URL --------------------------------------------------------------------------


def _first_of_list(word: str) -> Tuple[str, str, List[Draft]]:
    """Split a list of URLs, as Celery (``;``) and phpredis (``,``) take them, and read the rest."""
    for mark in (";", ","):
        parts = [part.strip() for part in word.split(mark)]
        if len(parts) > 1 and all(scheme_of(part) in SCHEMES for part in parts):
            more = [Draft() for _ in parts[1:]]
            for part, other in zip(parts[1:], more):
                read_url(part, other)
            return parts[0], mark, more
    return word, "", []


def _read_place(text: str) -> Tuple[str, int | None]:
    # Nothing in an endpoint needs an escape but the sign before an IPv6 zone (RFC 6874).
    return read_endpoint(text.replace("%25", "%") if text.startswith("[") else text)


def _spaced(word: str) -> str:
    if any(sign in word for sign in "<{"):
        return "the target still holds a placeholder; put the real host and key in its place"
    return "a URL holds no white space; write a space in a key as %20"


def _reading_of(scheme: str) -> Tuple[bool, bool | None]:
    """Say what a scheme means."""
    if "sentinel" in scheme:
        raise BadTarget(NO_SENTINEL)
    if scheme in ("unix", "redis-socket", "redis+socket", "redis+unix"):
        raise BadTarget(NO_SOCKET_FILE)
    if scheme not in SCHEMES:
        shown = f"{scheme}://" if scheme in _STRANGERS else "that scheme"
        raise BadTarget(
            f"{shown} is not Redis; the schemes are redis:// (plain) and rediss:// (TLS)"
        )
    return SCHEMES[scheme]


_ESCAPES = (("/", "%2F"), ("?", "%3F"), ("#", "%23"))


def _hold_to_escapes(rest: str) -> None:
    """Find the letters of a key that ought to have been escaped, whatever they made of the URL."""
    info, at, behind = rest.rpartition("@")
    if at and is_placeholder(info.partition(":")[2] or info):
        raise BadTarget("the key still holds a placeholder; put the real key in its place")
    found = [f"the {letter} as {code}" for letter, code in _ESCAPES if letter in info]
    if "@" in info:
        found.append("the @ as %40")
    if found:
        raise BadTarget(
            f"the key (or an option) is not escaped as a URL wants it: write {' and '.join(found)}"
        )
    if "#" in behind:
        raise BadTarget(
            "there is a # in the URL; in a key it is written %23, and elsewhere it is not Redis's"
        )


_HEX_DIGITS = "0123456789abcdefABCDEF"


def _unescaped(text: str, what: str, *, is_form: bool = False) -> str:
    """Decode percent escapes, once.

    Raises:
        BadTarget: A percent sign begins no escape, or what is escaped is not UTF-8.
    """
    if is_form:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    if is_placeholder(text):
        raise BadTarget(f"{what} is still a placeholder; put the real one in its place")
    first, *parts = text.split("%")
    coded = bytearray(first.encode())
    for part in parts:
        if len(part) < 2 or part[:2].strip(_HEX_DIGITS):
            raise BadTarget(f"a % in {what} begins no escape; write a real percent sign as %25")
        coded.append(int(part[:2], 16))
        coded += part[2:].encode()
    plain = _decoded(bytes(coded))
    if plain is None:
        raise BadTarget(f"the escapes in {what} are not UTF-8; write it anew")
    return plain


def _decoded(coded: bytes) -> str | None:
    try:
        return coded.decode()
    except UnicodeDecodeError:
        return None


def _read_login(info: str, draft: Draft) -> None:
    """Read what stands before the ``@``.

    Without a colon it is the key: so redis-cli, Lettuce and redis-rb have it. Others take it for a
    user without a key, which nobody means, and which would show the key.
    """
    name, colon, password = info.partition(":")
    if colon:
        draft.user = _unescaped(name, "the user name") or None
        draft.password = _unescaped(password, "the key")
        draft.show(name, is_free=True)
        draft.show(f":{MASK}@" if password else ":@")
    elif info:
        draft.password = _unescaped(info, "the key")
        draft.show(f"{MASK}@")


# --- the options of a URL ------------------------------------------------------------------------

_CONNECT, _COMMAND = "connect_timeout_ms", "command_timeout_ms"
# Shape: name in lower case: (field, milliseconds in each of a bare number, whose option it is).
_TIMES: Dict[str, Tuple[str, float, str]] = {
    "socket_connect_timeout": (_CONNECT, 1000.0, "redis-py"),
    "socket_timeout": (_COMMAND, 1000.0, "redis-py"),
    "dial_timeout": (_CONNECT, 1000.0, "go-redis"),
    "read_timeout": (_COMMAND, 1000.0, ""),  # go-redis and phpredis
    "read_write_timeout": (_COMMAND, 1000.0, "Predis"),
    "connect_timeout": (_CONNECT, 1000.0, ""),
    "connecttimeout": (_CONNECT, 1.0, ""),  # ioredis and ServiceStack
    "commandtimeout": (_COMMAND, 1.0, "ioredis"),
    "receivetimeout": (_COMMAND, 1.0, "ServiceStack.Redis"),
}
_COUNTS: Dict[str, Tuple[str, str]] = {
    "max_connections": ("pool_size", "redis-py"),
    "pool_size": ("pool_size", "go-redis"),
    "max_retries": ("retries", "go-redis"),
    "maxretriesperrequest": ("retries", "ioredis"),
}
# Options that we know and have no field for. Their names tell the library.
_NOTED: Dict[str, Tuple[str, ...]] = {
    "redis-py": (
        "health_check_interval", "socket_keepalive", "socket_read_size", "retry_on_timeout",
        "retry_on_error", "ssl_certfile", "ssl_keyfile", "ssl_ca_path", "decode_responses",
        "encoding",
    ),
    "go-redis": (
        "write_timeout", "pool_timeout", "pool_fifo", "min_idle_conns", "max_idle_conns",
        "max_active_conns", "conn_max_idle_time", "conn_max_lifetime", "max_conn_age",
        "min_retry_backoff", "max_retry_backoff", "max_concurrent_dials", "idle_check_frequency",
    ),
    "Lettuce": ("clientname", "libraryname", "libraryversion"),
    "ioredis": (
        "family", "keyprefix", "lazyconnect", "enablereadycheck", "enableofflinequeue",
        "connectionname",
    ),
    "ServiceStack.Redis": (
        "namespaceprefix", "sendtimeout", "retrytimeout", "idletimeoutsecs", "client",
    ),
    "phpredis": ("weight", "retry_interval"),
    "": (
        "client_name", "persistent", "prefix", "alias", "idle_timeout", "idletimeout",
        "tcp_nodelay", "virtual_host", "visibility_timeout", "global_keyprefix",
    ),
}  # fmt: skip
_SECRETS = ("password", "pass", "pwd", "auth", "auth[]", "auth[pass]", "auth[1]", "ssl_password")


def _read_query(query: str, draft: Draft) -> None:
    behind_key = False
    joint = "?"
    for part in query.split("&"):
        raw_name, _, raw = part.partition("=")
        name = _unescaped(raw_name, "an option", is_form=True)
        if not raw:
            # Clients drop an option without a value; here it may be the rest of a key with an &.
            if part and behind_key:
                raise BadTarget(_TORN)
            continue
        key = _without_wrapping(name.lower())
        value = _unescaped(raw, "an option", is_form=True)
        if not name.isprintable() or (key not in _SECRETS and not value.isprintable()):
            raise BadTarget("an option of the URL holds a control character; leave it out")
        is_known = _read_option(key, value, draft)
        if behind_key and not is_known:
            raise BadTarget(_TORN)
        behind_key = key in _SECRETS
        shown = raw if is_known or is_harmless(value) else MASK
        draft.show(joint)
        draft.show(f"{raw_name}={MASK if behind_key else shown}", is_free=not behind_key)
        joint = "&"


_TORN = "what follows the key among the options is no option; write an & in the key as %26"


def _without_wrapping(name: str) -> str:
    """Take PHP's ``ssl[cafile]`` for ``cafile``."""
    for wrapping in ("ssl[", "stream[", "parameters["):
        if name.startswith(wrapping) and name.endswith("]"):
            return name[len(wrapping) : -1]
    return name


def _read_option(key: str, value: str, draft: Draft) -> bool:
    """Read one option; False where nobody we know has it."""
    if key in _TIMES:
        field, unit_ms, library = _TIMES[key]
        _set_time(field, read_ms(value, key, unit_ms), f"{key}={value}", draft)
        _tell(library, draft)
    elif key in _COUNTS:
        field, library = _COUNTS[key]
        draft.settings[field] = read_count(value, key)
        _tell(library, draft)
    elif key in _READERS:
        _READERS[key](key, value, draft)
    else:
        return _note(key, value, draft)
    return True


def _note(key: str, value: str, draft: Draft) -> bool:
    """Keep an option that says nothing of the path; False where nobody we know has it."""
    libraries = [library for library, names in _NOTED.items() if key in names]
    is_shown = bool(libraries) or is_harmless(value)
    draft.others.append(f"{key}={value if is_shown else MASK}")
    _tell("".join(libraries), draft)
    return bool(libraries)


def _tell(library: str, draft: Draft) -> None:
    draft.client = draft.client or library


def _set_time(field: str, time_ms: float | None, written: str, draft: Draft) -> None:
    if time_ms is None:
        draft.others.append(written)
    else:
        draft.settings[field] = time_ms


def _timeout(key: str, value: str, draft: Draft) -> None:
    """Read ``timeout``: PHP's for connecting in seconds, Lettuce's for commands in milliseconds."""
    if draft.scheme in ("tcp", "tls", "ssl"):
        _set_time(_CONNECT, read_ms(value, key, 1000.0), f"{key}={value}", draft)
    elif draft.client == "redis-py":  # how long to wait for a free connection of the pool
        draft.others.append(f"{key}={read_ms(value, key, 1000.0) or 0.0:g}ms")
    else:
        _set_time(_COMMAND, read_ms(value, key, 1.0), f"{key}={value}", draft)
        if value[-1:].isalpha():
            _tell("Lettuce", draft)


def _database(_: str, value: str, draft: Draft) -> None:
    draft.db = read_db(value)


def _password(key: str, value: str, draft: Draft) -> None:
    """Take a key among the options, where none stands before the ``@``."""
    if key == "auth":
        _tell("phpredis", draft)
    elif key == "auth[]":  # PHP repeats the name: the user first, if there is one
        _tell("phpredis", draft)
        if draft.password is not None and draft.user is None:
            draft.user, draft.password = draft.password, value
            return
    if draft.password is None:
        draft.password = value


def _user(_: str, value: str, draft: Draft) -> None:
    draft.user = draft.user or value or None


def _ignored_secret(key: str, _: str, draft: Draft) -> None:
    draft.others.append(f"{key}={MASK}")


def _tls(key: str, value: str, draft: Draft) -> None:
    wanted = read_truth(value, key)
    if draft.form == "url" and draft.tls and not wanted:
        raise BadTarget(f"{key}=false contradicts the scheme, which means TLS; keep one of them")
    draft.tls = draft.tls or wanted


def _certificates(key: str, value: str, draft: Draft) -> None:
    """Read redis-py's and Celery's ``ssl_cert_reqs``.

    To a Python client, "optional" is the same as "required" (``ssl.CERT_OPTIONAL``).
    """
    word = value.strip().lower()
    word = word[len("cert_") :] if word.startswith("cert_") else word
    if word not in ("none", "optional", "required"):
        raise BadTarget(f"{key} is none of required, optional and none; write {key}=required")
    draft.settings["verify"] = word != "none"
    _tell("redis-py", draft)


def _verify_peer(key: str, value: str, draft: Draft) -> None:
    """Read Lettuce's ``verifyPeer``: NONE, CA (the chain alone) or FULL."""
    word = value.strip().lower()
    if word not in ("none", "ca", "full"):
        raise BadTarget(f"{key} is none of FULL, CA and NONE; write verifyPeer=FULL")
    draft.settings.update(verify=word != "none", check_hostname=word == "full")
    _tell("Lettuce", draft)


def _skip_verify(key: str, value: str, draft: Draft) -> None:
    skips = read_truth(value, key)
    draft.settings.update(verify=not skips, check_hostname=not skips)
    _tell("go-redis", draft)


def _php_verify(key: str, value: str, draft: Draft) -> None:
    field = "verify" if key == "verify_peer" else "check_hostname"
    draft.settings[field] = read_truth(value, key)


def _check_hostname(key: str, value: str, draft: Draft) -> None:
    draft.settings["check_hostname"] = read_truth(value, key)
    _tell("redis-py", draft)


def _ca_file(key: str, value: str, draft: Draft) -> None:
    draft.settings["ca_file"] = value
    if key == "ssl_ca_certs":
        _tell("redis-py", draft)


_PYTHON_TLS = {"769": "1.0", "770": "1.1", "771": "1.2", "772": "1.3"}


def _min_tls(key: str, value: str, draft: Draft) -> None:
    """Read redis-py's ``ssl_min_version``, a number of the wire: 771 is TLS 1.2."""
    version = _PYTHON_TLS.get(value.strip())
    if version is None:
        raise BadTarget(f"{key} is no version of TLS; write {key}=771 for TLS 1.2")
    draft.settings["min_tls"] = version
    _tell("redis-py", draft)


def _sni(_: str, value: str, draft: Draft) -> None:
    draft.settings["sni"] = read_endpoint(value)[0]


def _protocol(_: str, value: str, draft: Draft) -> None:
    draft.settings["protocol"] = read_protocol(value)


def _keepalive(key: str, value: str, draft: Draft) -> None:
    """Read ioredis's ``keepAlive``, the milliseconds before TCP asks after the peer."""
    delay_ms = read_ms(value, key, 1.0)
    if delay_ms is None:  # what 0 means differs between its versions
        draft.others.append(f"{key}={value}")
    else:
        draft.settings["keepalive_s"] = delay_ms / 1000
    _tell("ioredis", draft)


def _seed(_: str, value: str, draft: Draft) -> None:
    """Read one more seed of a cluster, as go-redis takes them."""
    draft.other_hosts.append(place(*read_endpoint(value)))
    draft.cluster = True
    _tell("go-redis", draft)


def _sentinel(_: str, __: str, ___: Draft) -> None:
    raise BadTarget(NO_SENTINEL)


_READERS: Dict[str, Callable[[str, str, Draft], None]] = {
    "timeout": _timeout,
    "db": _database,
    "database": _database,
    "password": _password,
    "pass": _password,
    "pwd": _password,
    "auth": _password,
    "auth[]": _password,
    "auth[pass]": _password,
    "auth[1]": _password,
    "username": _user,
    "user": _user,
    "auth[user]": _user,
    "auth[0]": _user,
    "ssl_password": _ignored_secret,
    "ssl": _tls,
    "tls": _tls,
    "ssl_cert_reqs": _certificates,
    "verifypeer": _verify_peer,
    "skip_verify": _skip_verify,
    "verify_peer": _php_verify,
    "verify_peer_name": _php_verify,
    "ssl_check_hostname": _check_hostname,
    "ssl_ca_certs": _ca_file,
    "cafile": _ca_file,
    "ssl_min_version": _min_tls,
    "peer_name": _sni,
    "servername": _sni,
    "sni": _sni,
    "protocol": _protocol,
    "keepalive": _keepalive,
    "addr": _seed,
    "sentinelmasterid": _sentinel,
    "master_name": _sentinel,
}
