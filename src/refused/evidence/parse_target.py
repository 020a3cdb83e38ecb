"""Read what the user wants to reach, in any of the forms in which people have it at hand.

Every mistake gets one clear line: what is wrong, and what would be right. The line never repeats
the target, which may hold a password.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.observations import ClientSettings
from refused.evidence.redaction import MASK, Secret, redact
from refused.evidence.target import Credentials, Parsed, Target
from refused.service.addresses import parse
from refused.service.clouds import service_of
from refused.service.ports import default_port, tls_expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Tuple

LONGEST = 16_384
PLAIN_SCHEMES = frozenset({"redis", "valkey", "tcp"})
TLS_SCHEMES = frozenset({"rediss", "valkeys", "tls", "redis+tls", "redis+ssl", "ssl"})
_EXAMPLE = "give host:port, or rediss://:KEY@host:6380"


class BadTarget(ValueError):
    """A target cannot be understood; the message is one line for people, without a secret."""

    for_people = True


def kind_of(text: str) -> str:
    """Say what a target names: ``bundle``, ``lab``, ``resource`` or ``endpoint``."""
    word = text.strip()
    if word.startswith("@"):
        return "bundle"
    if word.lower().startswith("lab:"):
        return "lab"
    if word.lower().startswith("/subscriptions/"):
        return "resource"
    return "endpoint"


def parse_target(
    text: str,
    *,
    user: str | None = None,
    auth: str | None = None,
    cluster: bool | None = None,
    environ: Mapping[str, str] | None = None,
) -> Parsed:
    """Take a target apart.

    Args:
        user: The user name of ``--user``; the target's own wins.
        auth: ``key``, ``entra`` or ``none`` of ``--auth``.
        cluster: Whether the client is cluster-aware, where the user said so.
        environ: Where ``REDISCLI_AUTH`` is looked up.

    Raises:
        BadTarget: It is no target.
    """
    word = _cleaned(text)
    draft = _Draft()
    if _is_properties(word):
        _read_properties(word, draft)
    elif word.startswith(("redis-cli ", "valkey-cli ")):
        _read_command(word, draft)
    elif "://" in word.split(",")[0].split(" ")[0]:
        _read_url(word, draft)
    elif "," in word or _has_option(word):
        _read_stackexchange(word, draft)
    elif "@" in word:
        _read_servicestack(word, draft)
    else:
        draft.host, draft.port = _endpoint(word)
    return _finished(draft, user, auth, cluster, environ or {})


class _Draft:
    """What has been read so far."""

    def __init__(self) -> None:
        self.form = "host"
        self.library = ""
        self.host = ""
        self.port: int | None = None
        self.tls: bool | None = None
        self.db: int | None = None
        self.user: str | None = None
        self.password: str | None = None
        self.cluster: bool | None = None
        self.settings: Dict[str, Any] = {}
        self.others: List[str] = []
        self.other_hosts: List[str] = []


# --- cleaning and checking -----------------------------------------------------------------------


def _cleaned(text: str) -> str:
    if len(text) > LONGEST:
        raise BadTarget(
            f"the target is {len(text):,} characters long, which no target is; {_EXAMPLE}"
        )
    word = text.strip()
    if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'":
        word = word[1:-1].strip()
    if not word:
        raise BadTarget(f"the target is empty; {_EXAMPLE}")
    for letter in word:
        if ord(letter) < 32 and letter not in "\n\r\t":
            raise BadTarget("the target holds a control character; copy it again, as one line")
        if 0xD800 <= ord(letter) <= 0xDFFF:
            raise BadTarget("the target is not valid Unicode; copy it again, as one line")
    return word


def _port(text: str, what: str = "port") -> int:
    if not text:
        raise BadTarget(
            f"the {what} is empty; leave the colon out, or write a number from 1 to 65535 behind it"
        )
    if not (text.isascii() and text.isdigit()) or len(text) > 6:
        if any(letter in text for letter in ".:"):
            raise BadTarget(f"two addresses seem to be pasted together; {_EXAMPLE}")
        raise BadTarget(f"the {what} is not a number; write one from 1 to 65535, such as 6380")
    number = int(text)
    if not 0 < number < 65536:
        raise BadTarget(
            f"{what} {number} does not exist; ports go from 1 to 65535 (Azure: 6380 or 10000, others: 6379)"
        )
    return number


_PLACEHOLDER_SIGNS = ("<", ">", "{", "}", "$", "%", "YOUR", "your-", "your_", "xxx")


def _host(text: str) -> str:
    """Check a host name or literal and bring it to the form that is asked for in DNS."""
    host = text.strip()
    if not host:
        raise BadTarget(f"the host is missing; {_EXAMPLE}")
    if any(sign in host for sign in _PLACEHOLDER_SIGNS):
        raise BadTarget("the host still holds a placeholder; put the real host name in its place")
    if "/" in host or "\\" in host:
        raise BadTarget(f"a host holds no slash; {_EXAMPLE}")
    if any(letter.isspace() for letter in host):
        raise BadTarget(f"a host holds no white space; {_EXAMPLE}")
    if ":" in host:
        return _literal6(host)
    host = host.rstrip(".") if not host.endswith("..") else host
    try:
        host = host.encode("ascii").decode().lower()
    except UnicodeError:
        try:
            host = host.encode("idna").decode().lower()
        except UnicodeError:
            raise BadTarget(
                "the host is no name that DNS could hold; check it letter by letter"
            ) from None
    labels = host.split(".")
    if len(host) > 253 or any(not label or len(label) > 63 for label in labels):
        raise BadTarget(
            "the host has an empty or overlong part; a name is parts of 1 to 63 letters with dots between"
        )
    for letter in host:
        if not (letter.isalnum() or letter in ".-_"):
            raise BadTarget(
                "the host holds a letter that no host name has; only letters, digits, dots and hyphens"
            )
    if host.replace(".", "").isdigit() and (
        len(labels) != 4 or any(int(label) > 255 for label in labels)
    ):
        raise BadTarget(
            "the address is no IPv4 address; four numbers from 0 to 255 with dots between"
        )
    if _is_doubled(labels):
        raise BadTarget("the host name stands there twice; give it once")
    return host


def _is_doubled(labels: List[str]) -> bool:
    """Whether a name of three labels or more was pasted twice, with or without a dot between."""
    whole = ".".join(labels)
    half = len(labels) // 2
    if len(labels) >= 6 and len(labels) % 2 == 0 and labels[:half] == labels[half:]:
        return True
    size = len(whole) // 2
    return (
        len(whole) % 2 == 0 and size >= 5 and whole[:size] == whole[size:] and "." in whole[:size]
    )


def _literal6(text: str) -> str:
    if ":" not in text or parse(text.split("%")[0]) is None:
        raise BadTarget(f"that is neither host:port nor an IPv6 address; {_EXAMPLE}")
    return text.lower()


def _endpoint(text: str) -> Tuple[str, int | None]:
    """Split ``host``, ``host:port``, ``[v6]:port`` or a bare IPv6 literal."""
    word = text.strip()
    if word.startswith("["):
        inside, closed, rest = word[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise BadTarget("an IPv6 address with a port is written [address]:port")
        return _literal6(inside), _port(rest[1:]) if rest else None
    if word.count(":") > 1:
        try:
            return _literal6(word), None
        except BadTarget:
            if "." in word:
                raise BadTarget(f"two addresses seem to be pasted together; {_EXAMPLE}") from None
            raise
    host, colon, port = word.partition(":")
    if not host and colon:
        raise BadTarget(f"the host is missing before the colon; {_EXAMPLE}")
    number = _port(port.strip()) if colon else None
    return _host(host), number


def _truth(text: str, option: str) -> bool:
    word = text.strip().lower()
    if word in ("true", "1", "yes", "on", "t", "required", "cert_required"):
        return True
    if word in ("false", "0", "no", "off", "f", "none", "cert_none"):
        return False
    raise BadTarget(f"{option} is neither true nor false; write {option}=true or {option}=false")


def _db(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 6:
        raise BadTarget(
            "the database is not a number; write one from 0, as in rediss://host:6380/0"
        )
    return int(text)


def _unescape(text: str) -> str:
    from urllib.parse import unquote

    at = text.find("%")
    while at >= 0:
        if (
            not all(letter in "0123456789abcdefABCDEF" for letter in text[at + 1 : at + 3])
            or len(text) < at + 3
        ):
            raise BadTarget("a % in a URL begins an escape; write a real percent sign as %25")
        at = text.find("%", at + 1)
    return unquote(text)


# --- the forms -------------------------------------------------------------------------------------


def _read_url(word: str, draft: _Draft) -> None:
    """``redis://[user]:[password]@host:port/db?options`` and its relatives."""
    if any(letter.isspace() for letter in word):
        raise BadTarget("a URL holds no white space; write a space in a key as %20")
    draft.form = "url"
    scheme, _, rest = word.partition("://")
    scheme = scheme.lower()
    if scheme in ("redis-sentinel", "sentinel", "redis-socket", "unix", "redis+unix"):
        raise BadTarget(
            f"{scheme}:// is not supported; give the host and port of the server itself"
        )
    if scheme not in PLAIN_SCHEMES | TLS_SCHEMES:
        shown = scheme if scheme.isalnum() and len(scheme) < 12 else "that scheme"
        raise BadTarget(
            f"{shown}:// is not Redis; the schemes are redis:// (plain) and rediss:// (TLS)"
        )
    draft.tls = scheme in TLS_SCHEMES
    _escapes(rest)
    authority, _, query = rest.partition("?")
    authority, _, path = authority.partition("/")
    info, at, place = authority.rpartition("@")
    if at:
        name, colon, password = info.partition(":")
        draft.user = _unescape(name) or None
        draft.password = _unescape(password) if colon else None
    if "," in place:
        place, *more = place.split(",")
        draft.other_hosts += more
    draft.host, draft.port = _endpoint(place)
    if path.strip("/"):
        draft.db = _db(path.strip("/"))
    for name, value in _pairs(query):
        _url_option(name, _unescape(value), draft)


def _escapes(rest: str) -> None:
    """Find the letters of a key that would have had to be escaped."""
    head = rest.split("?", maxsplit=1)[0]
    if head.count("@") > 1:
        raise BadTarget("the key holds an @ that is not escaped; write it as %40 in a URL")
    if "#" in rest:
        raise BadTarget("the key holds a # that is not escaped; write it as %23 in a URL")
    if "@" in rest:
        info = rest.rpartition("@")[0]
        for letter, escape in (("/", "%2F"), ("?", "%3F")):
            if letter in info:
                raise BadTarget(
                    f"the key holds a {letter} that is not escaped; write it as {escape} in a URL"
                )


def _pairs(query: str) -> List[Tuple[str, str]]:
    found = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            found.append((_unescape(name), value))
    return found


def _seconds_ms(text: str, unit_ms: float, option: str) -> float:
    """Read a time of an option whose bare number is in *unit_ms* milliseconds."""
    units = {"ms": 1.0, "us": 0.001, "ns": 1e-6, "s": 1000.0, "m": 60000.0, "h": 3600000.0}
    word = text.strip().lower()
    unit = next((each for each in units if word.endswith(each)), "")
    try:
        value = float(word[: len(word) - len(unit)]) * (units[unit] if unit else unit_ms)
    except ValueError:
        raise BadTarget(f"{option} is no time; write a number") from None
    if not 0 <= value < 1e12:
        raise BadTarget(f"{option} is no time that a client could wait; write a number from 0")
    return value


def _number(text: str, option: str) -> int:
    word = text.strip()
    if not word.lstrip("-").isdigit() or len(word) > 12:
        raise BadTarget(f"{option} is not a number; write one")
    return int(word)


# redis-py, go-redis, Lettuce, ioredis and Celery name the same things differently in their URLs.
_URL_TIMES = {
    "socket_connect_timeout": ("connect_timeout_ms", 1000.0),
    "socket_timeout": ("command_timeout_ms", 1000.0),
    "connecttimeout": ("connect_timeout_ms", 1.0),
    "commandtimeout": ("command_timeout_ms", 1.0),
    "dial_timeout": ("connect_timeout_ms", 1000.0),
    "read_timeout": ("command_timeout_ms", 1000.0),
    "timeout": ("command_timeout_ms", 1000.0),
}


def _url_option(name: str, value: str, draft: _Draft) -> None:
    key = name.lower()
    if key in _URL_TIMES:
        field, unit_ms = _URL_TIMES[key]
        draft.settings[field] = _seconds_ms(value, unit_ms, name)
    elif key in ("db", "database"):
        draft.db = _db(value)
    elif key in ("password", "auth"):
        draft.password = value
    elif key in ("username", "user"):
        draft.user = value or None
    elif key in ("ssl", "tls"):
        wanted = _truth(value, name)
        if draft.tls and not wanted:
            raise BadTarget(f"{name}=false contradicts the scheme rediss://; keep one of them")
        draft.tls = draft.tls or wanted
    elif key in ("ssl_cert_reqs", "verifypeer", "ssl_cert"):
        draft.settings["verify"] = value.strip().lower() not in (
            "none",
            "cert_none",
            "false",
            "optional",
            "no",
        )
    elif key == "ssl_check_hostname":
        draft.settings["check_hostname"] = _truth(value, name)
    elif key in ("ssl_ca_certs", "cacert"):
        draft.settings["ca_file"] = value
    elif key in ("max_connections", "pool_size"):
        draft.settings["pool_size"] = _number(value, name)
    elif key == "protocol":
        draft.settings["protocol"] = _number(value, name)
    elif key in ("health_check_interval", "keepalive"):
        draft.settings["keepalive_s"] = _seconds_ms(value, 1000.0, name) / 1000
    else:
        draft.others.append(f"{name}={redact(value)}")


def _read_command(word: str, draft: _Draft) -> None:
    """A ``redis-cli`` command line."""
    from shlex import split

    try:
        words = split(word)[1:]
    except ValueError:
        raise BadTarget("the command line has a quote that is never closed") from None
    draft.form, draft.library, draft.tls = "redis-cli", "redis-cli", False
    takes = {"-h": "host", "-p": "port", "-a": "password", "--pass": "password", "-n": "db", "--user": "user",
             "--sni": "sni", "--cacert": "ca_file", "-u": "url"}  # fmt: skip
    host, port = "127.0.0.1", "6379"
    while words:
        flag = words.pop(0)
        if flag in takes:
            if not words:
                raise BadTarget(f"{flag} needs a value behind it")
            value = words.pop(0)
            name = takes[flag]
            if name == "url":
                _read_url(value, draft)
                host, port = draft.host, str(draft.port or 6379)
            elif name == "host":
                host = value
            elif name == "port":
                port = value
            elif name == "db":
                draft.db = _db(value)
            elif name in ("sni", "ca_file"):
                draft.settings[name] = value
            else:
                setattr(draft, name, value)
        elif flag == "--tls":
            draft.tls = True
        elif flag == "-c":
            draft.cluster = True
        elif flag == "--insecure":
            draft.settings["verify"] = False
        elif flag == "-3":
            draft.settings["protocol"] = 3
        elif not flag.startswith("-"):
            break
    draft.form = "redis-cli"
    draft.host, draft.port = _host(host), _port(port)


def _is_properties(word: str) -> bool:
    """Whether these are settings by name: Spring properties, or lines of an environment file."""
    first = word.lstrip().split("\n")[0]
    if "," in first.split("=")[0] or (":" in first.split("=")[0] and ": " not in first):
        return False  # an endpoint stands before the first option: a connection string
    head = first.split("=")[0].split(":")[0].strip().lower()
    head = head[len("export ") :] if head.startswith("export ") else head
    return head.startswith(
        ("spring.", "redis_", "redis.", "azure_redis", "cache_redis", "celery_")
    ) and ("=" in word or ": " in word)


_PROPERTIES = {"host": "host", "hostname": "host", "port": "port", "password": "password", "username": "user", "user": "user",
               "database": "db", "db": "db", "ssl": "tls", "tls": "tls", "enabled": "tls", "key": "password",
               "timeout": "timeout", "url": "url", "url_": "url"}  # fmt: skip


def _read_properties(word: str, draft: _Draft) -> None:
    from shlex import split

    try:
        items = split(word.replace(": ", "=").replace(";", " "), comments=True)
    except ValueError:
        raise BadTarget("the settings have a quote that is never closed") from None
    draft.form = "properties"
    draft.library = "Spring Data Redis" if word.lower().startswith("spring") else ""
    draft.tls = False
    seen = False
    for item in items:
        name, equals, value = item.partition("=")
        if not equals:
            continue
        last = name.lower().replace("-", "_").split(".")[-1].split("_")[-1]
        field = _PROPERTIES.get(last)
        if field == "url" or (value.startswith(("redis://", "rediss://"))):
            _read_url(value, draft)
            draft.form = "properties"
            seen = True
        elif field == "host":
            host, port = _endpoint(value)
            draft.host, draft.port = host, port or draft.port
            seen = True
        elif field == "port":
            draft.port = _port(value)
        elif field == "db":
            draft.db = _db(value)
        elif field == "tls":
            draft.tls = _truth(value, name)
        elif field == "timeout":
            draft.settings["command_timeout_ms"] = _seconds_ms(value, 1.0, name)
        elif field in ("password", "user"):
            setattr(draft, field, value)
        else:
            draft.others.append(redact(item))
    if not seen:
        raise BadTarget(
            "the settings name no host; add one, as in spring.data.redis.host=HOST or REDIS_HOST=HOST"
        )
    draft.port = draft.port or 6379


def _has_option(word: str) -> bool:
    """Whether this is one StackExchange.Redis option on its own, which names no host."""
    head = word.partition("=")
    return bool(head[1]) and head[0].strip().lower() in _STACKEXCHANGE_OPTIONS


_STACKEXCHANGE_OPTIONS = frozenset(
    [
        "abortconnect",
        "allowadmin",
        "channelprefix",
        "checkcertificaterevocation",
        "configchannel",
        "configcheckseconds",
        "connectretry",
        "connecttimeout",
        "defaultdatabase",
        "heartbeatinterval",
        "keepalive",
        "name",
        "password",
        "protocol",
        "proxy",
        "resolvedns",
        "servicename",
        "ssl",
        "sslhost",
        "sslprotocols",
        "synctimeout",
        "asynctimeout",
        "tiebreaker",
        "tunnel",
        "user",
        "version",
        "setlib",
        "highintegrity",
    ]
)


def _read_stackexchange(word: str, draft: _Draft) -> None:
    """``host:6380,password=…,ssl=True,abortConnect=False,…`` by StackExchange.Redis's own rules.

    Source: https://stackexchange.github.io/StackExchange.Redis/Configuration
    """
    draft.form, draft.library = "stackexchange", "StackExchange.Redis"
    places: List[str] = []
    for part in word.replace("\n", "").replace("\r", "").split(","):
        item = part.strip()
        if not item:
            continue
        name, equals, value = item.partition("=")
        if not equals:
            if item.startswith("$"):
                draft.others.append(redact(item))
            else:
                places.append(item)
            continue
        _stackexchange_option(name.strip(), value.strip(), draft)
    if not places:
        raise BadTarget(
            "the connection string names no host; it begins with one, as in HOST:6380,password=KEY,ssl=True"
        )
    draft.host, draft.port = _endpoint(places[0])
    draft.other_hosts += places[1:]
    for other in places[1:]:
        _endpoint(other)
    hosting = service_of(draft.host)
    if draft.tls is None:
        # The library turns TLS on by itself for Managed Redis, and for the old service at 6380.
        draft.tls = hosting.service == "amr" or (hosting.service == "acr" and draft.port == 6380)
    if draft.port is None:
        # What the library would dial, which on Managed Redis is the wrong port.
        draft.settings["assumed_port"] = 6380 if draft.tls else 6379


def _stackexchange_option(name: str, value: str, draft: _Draft) -> None:
    key = name.lower()
    times = {"connecttimeout": "connect_timeout_ms", "synctimeout": "command_timeout_ms"}
    if key == "password":
        draft.password = value
    elif key == "user":
        draft.user = value or None
    elif key == "ssl":
        draft.tls = _truth(value, name)
    elif key == "sslhost":
        draft.settings["sni"] = value.lower()
    elif key == "sslprotocols":
        spoken = [each for each in _tls_versions(value)]
        if spoken:
            draft.settings["max_tls"], draft.settings["min_tls"] = max(spoken), min(spoken)
    elif key in times:
        draft.settings[times[key]] = _seconds_ms(value, 1.0, name)
    elif key == "defaultdatabase":
        draft.db = _db(value)
    elif key == "keepalive":
        draft.settings["keepalive_s"] = float(max(0, _number(value, name)))
    elif key == "connectretry":
        draft.settings["retries"] = _number(value, name)
    elif key == "protocol":
        draft.settings["protocol"] = 3 if value.lower() in ("resp3", "3") else 2
    elif key in (
        "abortconnect",
        "allowadmin",
        "resolvedns",
        "checkcertificaterevocation",
        "highintegrity",
        "setlib",
    ):
        draft.others.append(f"{name}={_truth(value, name)}")
    else:
        draft.others.append(redact(f"{name}={value}"))


def _tls_versions(text: str) -> List[str]:
    words = {"tls": "1.0", "tls10": "1.0", "tls11": "1.1", "tls12": "1.2", "tls13": "1.3",
             "192": "1.0", "768": "1.1", "3072": "1.2", "12288": "1.3"}  # fmt: skip
    found = []
    for word in text.replace("|", " ").replace(";", " ").split():
        if word.lower() in words:
            found.append(words[word.lower()])
        elif word.lower() not in ("none", "0", "ssl3", "ssl2", "default"):
            raise BadTarget("sslProtocols names no TLS version; write Tls12 or Tls12|Tls13")
    return found


def _read_servicestack(word: str, draft: _Draft) -> None:
    """``password@host:port?ssl=true&db=1``, as ServiceStack.Redis writes it."""
    _escapes(word)
    info, _, rest = word.rpartition("@")
    place, _, query = rest.partition("?")
    draft.form, draft.library, draft.tls = "servicestack", "ServiceStack.Redis", False
    name, colon, password = info.partition(":")
    draft.user, draft.password = (
        (name or None, _unescape(password)) if colon else (None, _unescape(info))
    )
    draft.host, draft.port = _endpoint(place)
    for key, value in _pairs(query):
        _url_option(key, _unescape(value), draft)


# --- putting it together ---------------------------------------------------------------------------


def _finished(
    draft: _Draft,
    user: str | None,
    auth: str | None,
    cluster: bool | None,
    environ: Mapping[str, str],
) -> Parsed:
    hosting = service_of(draft.host)
    service = "redis" if hosting.looks_misspelt else hosting.service
    assumed = draft.settings.pop("assumed_port", None)
    tls = draft.tls
    if tls is None:
        expected = tls_expected(draft.port, service) if draft.port else None
        tls = (
            expected
            if expected is not None
            else (service != "redis" or draft.port in (6380, 10000))
        )
    port = draft.port or assumed or default_port(service, tls) or 6379
    password = draft.password if draft.password is not None else environ.get("REDISCLI_AUTH")
    if draft.password is not None and any(
        sign in draft.password for sign in ("<", ">", "YOUR_", "your-key")
    ):
        raise BadTarget("the key still holds a placeholder; put the real key in its place")
    if auth == "none":
        password = None
    how = auth or (
        "entra" if password and _looks_like_token(password) else "key" if password else "none"
    )
    who = draft.user or user
    secret = (
        Secret(password)
        if password is not None and (password or draft.password is not None)
        else None
    )
    shown = _shown(draft, port, tls, who, secret is not None)
    has_settings = bool(draft.library or draft.settings or draft.others or draft.other_hosts)
    settings = None
    if has_settings:
        settings = ClientSettings(
            vantage="user", at=0.0, took_ms=0.0, source="target string", library=draft.library,
            others=tuple(draft.others), other_hosts=tuple(draft.other_hosts), cluster_aware=draft.cluster,
            **draft.settings,
        )  # fmt: skip
    aware = cluster if cluster is not None else draft.cluster
    if aware is None and draft.form != "stackexchange":
        aware = False
    target = Target(
        text=redact(shown), form=draft.form, host=draft.host, port=port, tls=tls, port_given=draft.port is not None,
        service=service, db=draft.db, user=who, auth=how, cluster_aware=aware,
    )  # fmt: skip
    return Parsed(target, settings, Credentials(who, secret))


def _looks_like_token(text: str) -> bool:
    return text.startswith("eyJ") and text.count(".") == 2


def _shown(draft: _Draft, port: int, tls: bool, user: str | None, has_secret: bool) -> str:
    """Return the target as it may be shown and typed again, with the key masked."""
    host = f"[{draft.host}]" if ":" in draft.host else draft.host
    place = f"{host}:{port}" if draft.port is not None or draft.form != "stackexchange" else host
    if draft.form == "host":
        return place
    if draft.form == "stackexchange":
        login = f",user={user}" if user else ""
        login += f",password={MASK}" if has_secret else ""
        return f"{place}{login},ssl={tls}"
    login = f"{user or ''}:{MASK}@" if has_secret else f"{user}@" if user else ""
    db = f"/{draft.db}" if draft.db is not None else ""
    return f"{'rediss' if tls else 'redis'}://{login}{place}{db}"
