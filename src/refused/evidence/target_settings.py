"""Targets as they stand in settings: a ``redis-cli`` command, ``.env`` lines, properties, YAML.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.redaction import MASK
from refused.evidence.target_parts import (
    BadTarget,
    Draft,
    is_placeholder,
    place,
    read_count,
    read_db,
    read_endpoint,
    read_ms,
    read_port,
    read_truth,
    tls_by_default,
)
from refused.evidence.target_stackexchange import is_option, read_stackexchange
from refused.evidence.target_urls import (
    NO_SENTINEL,
    NO_SOCKET_FILE,
    SCHEMES,
    read_servicestack,
    read_url,
    scheme_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Tuple

    Setting = Tuple[str, str]

# --- redis-cli -----------------------------------------------------------------------------------

_PROGRAMS = ("redis-cli", "valkey-cli", "redis-cli.exe", "valkey-cli.exe")
# Options with a value behind them. The first line has those that bear on the path.
_WITH_VALUE = (
    "-h", "-p", "-a", "--pass", "-n", "--user", "-u", "--sni", "--cacert", "-t", "-s",
    "-r", "-i", "-d", "-D", "-X", "--cacertdir", "--cert", "--key", "--tls-ciphers",
    "--tls-ciphersuites", "--rdb", "--functions-rdb", "--pipe-timeout", "--memkeys-samples",
    "--intrinsic-latency", "--pattern", "--quoted-pattern", "--eval", "--show-pushes", "--lru-test",
    "--count", "--cursor", "--top", "--keystats-samples",
)  # fmt: skip


def is_command(word: str) -> bool:
    """Whether a text is a command line of ``redis-cli``, whatever runs it."""
    return any(program in word for program in _PROGRAMS[:2]) and _program_at(word.split()) >= 0


def _program_at(words: List[str]) -> int:
    for at, word in enumerate(words):
        if word.replace("\\", "/").rpartition("/")[2] in _PROGRAMS:
            return at
    return -1


def read_command(word: str, draft: Draft) -> None:
    """Read a command line as ``redis-cli`` does: up to the first word that is no option.

    It speaks plain text unless told otherwise, and checks a certificate's chain but not its name.

    Raises:
        BadTarget: A value is missing or makes no sense.
    """
    words = _shell_words(word)
    at = _program_at(words)
    draft.form, draft.client = "redis-cli", "redis-cli"
    draft.host, draft.default_port, draft.tls, draft.cluster = "127.0.0.1", 6379, False, False
    for before in words[:at]:
        name, equals, value = before.partition("=")
        if equals and name == "REDISCLI_AUTH":
            draft.password = value
    draft.show(words[at].replace("\\", "/").rpartition("/")[2])
    rest = iter(words[at + 1 :])
    named = 0
    for flag in rest:
        if not flag.startswith("-") or flag == "--":
            break
        if flag in _WITH_VALUE:
            value = next(rest, "")
            if not value:
                raise BadTarget(f"{flag} wants a value behind it")
            named += flag in ("-h", "-u")
            _read_valued(flag, value, draft)
        elif flag in _FLAGS:
            _FLAGS[flag](draft)
            draft.show(f" {flag}")
    if named > 1:
        raise BadTarget("the command names more than one host; keep one of them")
    if draft.tls:
        draft.settings.setdefault("check_hostname", False)


def _split(word: str) -> List[str] | None:
    from shlex import split

    try:
        return split(word)
    except ValueError:
        return None


def _shell_words(word: str) -> List[str]:
    words = _split(word)
    if words is None:
        raise BadTarget("the command line has a quotation mark that is never closed")
    return words


def _read_valued(flag: str, value: str, draft: Draft) -> None:
    if flag in ("-a", "--pass"):
        draft.password = value
        draft.show(f" {flag} {MASK}")
        return
    if flag == "-u":
        _read_uri(value, draft)
        return
    if flag == "-s":
        raise BadTarget(NO_SOCKET_FILE)
    if flag == "-h":
        draft.host, port = read_endpoint(value)
        if port is not None:
            raise BadTarget("redis-cli takes the port apart from the host: -h HOST -p PORT")
        value = draft.host
    elif flag == "-p":
        draft.port = read_port(value)
    elif flag == "-n":
        draft.db = read_db(value)
    elif flag == "--user":
        draft.user = value
    elif flag == "--sni":
        draft.settings["sni"] = read_endpoint(value)[0]
    elif flag == "--cacert":
        draft.settings["ca_file"] = value
    elif flag == "-t":
        draft.settings["connect_timeout_ms"] = read_ms(value, flag, 1000.0)
    else:
        return
    draft.show(f" {flag} {_quoted(value)}", is_free=True)


def _quoted(value: str) -> str:
    from shlex import quote

    return quote(value)


def _read_uri(value: str, draft: Draft) -> None:
    if scheme_of(value) not in ("redis", "rediss", "valkey", "valkeys"):
        raise BadTarget("redis-cli -u wants redis://… or rediss://…")
    uri = Draft()
    read_url(value, uri)
    draft.host, draft.port, draft.tls = uri.host, uri.port, draft.tls or uri.tls
    draft.db = uri.db if uri.db is not None else draft.db
    draft.user, draft.password = uri.user or draft.user, uri.password or draft.password
    draft.show(" -u ")
    draft.shown += uri.shown


def _insecure(draft: Draft) -> None:
    draft.settings.update(verify=False, check_hostname=False)


def _tls(draft: Draft) -> None:
    draft.tls = True


def _cluster(draft: Draft) -> None:
    draft.cluster = True


def _resp2(draft: Draft) -> None:
    draft.settings["protocol"] = 2


def _resp3(draft: Draft) -> None:
    draft.settings["protocol"] = 3


_FLAGS = {
    "--tls": _tls,
    "--insecure": _insecure,
    "-c": _cluster,
    "-2": _resp2,
    "-3": _resp3,
}

# --- settings by name ----------------------------------------------------------------------------

# The last word of a name, or the last two, and what they mean.
_FIELDS: Dict[str, str] = {
    "url": "url", "uri": "url", "dsn": "url", "location": "url", "connectionstring": "url",
    "connection_string": "url", "configuration": "url", "connection": "url",
    "host": "host", "hostname": "host", "host_name": "host", "server": "host", "endpoint": "host",
    "address": "host", "addr": "host",
    "nodes": "nodes",
    "port": "port", "ssl_port": "tls_port", "tls_port": "tls_port",
    "password": "password", "passwd": "password", "pass": "password", "pwd": "password",
    "auth": "password", "rediscli_auth": "password", "access_key": "password",
    "primary_key": "password", "secondary_key": "password", "auth_token": "password",
    "accesskey": "password", "redis_key": "password", "redis_cache_key": "password",
    "user": "user", "username": "user", "user_name": "user",
    "db": "db", "database": "db", "db_index": "db",
    "ssl": "tls", "tls": "tls", "ssl_enabled": "tls", "tls_enabled": "tls", "use_ssl": "tls",
    "use_tls": "tls", "enable_ssl": "tls", "enable_tls": "tls",
    "ssl_bundle": "tls_bundle", "scheme": "scheme",
    "connect_timeout": "connect_timeout", "timeout": "timeout",
    "max_active": "pool_size", "max_connections": "pool_size", "pool_size": "pool_size",
    "sentinel_master": "sentinel", "sentinel_nodes": "sentinel", "master_name": "sentinel",
}  # fmt: skip
# One of these has to stand in a name of several words: DB_HOST is somebody else's.
_OURS = ("redis", "valkey", "rediscli", "cache", "broker", "celery", "connectionstrings")


def _words_of(name: str) -> List[str]:
    """Cut ``spring.data.redis.host``, ``REDIS_HOST`` or ``redisHostName`` into words."""
    spaced = []
    for before, letter in zip(" " + name, name):
        if letter.isupper() and before.islower():
            spaced.append(" ")
        spaced.append(letter if letter.isalnum() else " ")
    words = "".join(spaced).lower().split()
    for ours in ("redis", "cache"):  # REDISHOST, REDISCACHEKEY
        for at, word in enumerate(words):
            if word.startswith(ours) and word not in (ours, "rediscli"):
                words[at : at + 1] = [ours, word[len(ours) :]]
                break
    return words


def _field_of(name: str) -> str | None:
    """Say what a setting is by its name; ``None`` for one that is not ours."""
    words = _words_of(name)
    if not words:
        return None
    text = "_".join(words)
    if (
        len(words) > 2
        and not any(each in words for each in _OURS)
        and "connection_strings" not in text
    ):
        return None
    tails = ("_".join(words[-size:]) for size in (3, 2, 1))
    field = next((_FIELDS[tail] for tail in tails if tail in _FIELDS), None)
    if field is None and ("connection_strings" in text or "connectionstrings" in words):
        return "url"  # ASP.NET: ConnectionStrings:Redis
    is_ours = len(words) == 1 or any(each in words for each in _OURS) or text in _FIELDS
    return field if is_ours else None


def is_settings(word: str) -> bool:
    """Whether a text is settings by name: lines, or words on one line, of which one is Redis's."""
    if "\n" not in word:
        name = _plain_name(word.partition("=")[0])
        is_json = word.startswith("{") and '"' in word
        if not is_json and (name is None or _is_stackexchange(word)):
            return False
    return any(_field_of(name) for name, _ in _settings(word))


def _is_stackexchange(word: str) -> bool:
    return is_option(word) and not any(
        _field_of(name) in ("host", "url", "port") for name, _ in _settings(word)
    )


def _settings(word: str) -> Iterator[Setting]:
    if word.startswith("{"):
        parsed = _from_json(word)
        if parsed is not None:
            yield from parsed
            return
    if "\n" in word:
        yield from _from_lines(word)
        return
    words = _one_line(word)
    name, _, value = words[0].partition("=") if words else ("", "", "")
    if len(words) == 1 and "," in value and len(_words_of(name)) == 1 and _field_of(name) == "host":
        words = word.split(",")  # host=…,port=…
    for each in words:
        name, equals, value = each.partition("=")
        plain = _plain_name(name)
        if equals and plain is not None:
            yield plain, value


def _from_json(word: str) -> List[Setting] | None:
    from json import loads

    try:
        data = loads(word)
    except (ValueError, RecursionError):
        return None
    found: List[Setting] = []
    waiting: List[Tuple[str, object]] = [("", data)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{name}.{key}" if name else key, each) for key, each in value.items()][
                ::-1
            ]
        elif isinstance(value, bool):
            found.append((name, "true" if value else "false"))
        elif isinstance(value, (str, int)):
            found.append((name, str(value)))
    return found


_MARKS = ("#", ";", "//", "---", "```")


def _from_lines(word: str) -> Iterator[Setting]:
    """Read lines of ``NAME=VALUE`` or ``name: value``, nested by indentation, section or brace."""
    nested: List[Tuple[int, str]] = []
    section = ""
    for line in word.splitlines():
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        if text.startswith("- "):
            text, indent = text[2:].strip(), indent + 2
        if not text or text.startswith(_MARKS):
            continue
        if text.startswith("[") and text.endswith("]"):
            section = text[1:-1]
            continue
        name, mark, value = _cut(text)
        plain = _plain_name(name)
        if plain is None or not mark:
            continue
        while nested and nested[-1][0] >= indent:
            nested.pop()
        if mark == ":" and value in ("", "{"):
            nested.append((indent, plain))
            continue
        above = [section, *(each for _, each in nested)]
        yield ".".join(each for each in (*above, plain) if each), _unquoted(value)


def _cut(text: str) -> Tuple[str, str, str]:
    """Cut a line at its first equals sign, or at a colon with white space behind it."""
    colon = text.find(": ")
    colon = len(text) - 1 if colon < 0 and text.endswith(":") else colon
    equals = text.find("=")
    at = min((each for each in (colon, equals) if each >= 0), default=-1)
    if at < 0:
        return text, "", ""
    return text[:at], text[at], text[at + 1 :].strip()


def _unquoted(value: str) -> str:
    quote = value[:1]
    if quote and quote in "\"'":
        value = value.rstrip(",")
        inside, closed, rest = value[1:].partition(quote)
        if closed and (not rest or rest.lstrip().startswith("#")):
            return inside
        return value[1:-1] if value.endswith(quote) else value
    return value.partition(" #")[0].rstrip()


_PREFIXES = ("export ", "set ", "ENV ", "$env:", "env ", "setx ")


def _plain_name(name: str) -> str | None:
    """Return a setting's name without what shells put around it; ``None`` where it is no name."""
    word = name.strip()
    for prefix in _PREFIXES:
        if word.startswith(prefix):
            word = word[len(prefix) :].strip()
    word = word.strip("\"'")
    bare = word
    for letter in "._-:":
        bare = bare.replace(letter, "a")
    return word if bare.isalnum() and bare.isascii() and len(word) <= 120 else None


def _one_line(word: str) -> List[str]:
    """Split at white space outside quotation marks, and take the marks away."""
    words: List[str] = []
    current: List[str] = []
    quote = ""
    for letter in word + " ":
        if quote:
            quote = "" if letter == quote else quote
            if quote:
                current.append(letter)
        elif letter in "\"'" and (not current or current[-1] == "="):
            quote = letter
        elif letter.isspace():
            words += ["".join(current)] if current else []
            current = []
        else:
            current.append(letter)
    return words


def read_settings(word: str, draft: Draft) -> None:
    """Read settings by their names. A URL or connection string among them goes before the parts.

    Raises:
        BadTarget: They name no host, or two; or a value makes no sense.
    """
    found: Dict[str, str] = {}
    is_spring = False
    for name, value in _settings(word):
        field = _field_of(name)
        if field is None or value == "":
            continue
        is_spring = is_spring or "spring" in _words_of(name)
        if field == "host" and found.get("host", value) != value:
            raise BadTarget("the settings name two hosts; keep one of them")
        if field == "url" and not _is_whole(value):
            continue
        found.setdefault(field, value)
    if "sentinel" in found:
        raise BadTarget(NO_SENTINEL)
    _read_whole(found, draft)
    draft.form = "properties"
    if is_spring:
        draft.client = draft.client or "Spring Data Redis"
        draft.default_port = draft.default_port or 6379
    _read_parts(found, draft)
    if draft.tls is None:
        # Spring speaks plain text unless told otherwise; of others' programs we do not know.
        draft.tls = not is_spring and tls_by_default(draft.host, draft.port)
    draft.shown = []
    login = f"{draft.user or ''}:{MASK}@" if draft.password else ""
    draft.show("rediss://" if draft.tls else "redis://")
    draft.show(login, is_free=True)
    draft.show(draft.place())
    if draft.db is not None:
        draft.show(f"/{draft.db}")


def _is_whole(value: str) -> bool:
    """Whether a value of a telling name is a target of its own, and Redis's."""
    scheme = scheme_of(value)
    if scheme is not None:
        return scheme in SCHEMES or "sentinel" in scheme or is_placeholder(value)
    return not value.startswith("/") and (":" in value or "," in value or "." in value)


def _read_whole(found: Dict[str, str], draft: Draft) -> None:
    """Read the URL or connection string, else the nodes, else the host."""
    whole = found.get("url") or found.get("host") or ""
    if scheme_of(whole) is not None:
        read_url(whole, draft)
    elif "," in whole:
        read_stackexchange(whole, draft)
    elif "@" in whole:
        read_servicestack(whole, draft)
    elif whole:
        draft.host, draft.port = read_endpoint(whole)
    elif "nodes" in found:
        nodes = [read_endpoint(each) for each in found["nodes"].strip("[]").split(",")]
        draft.host, draft.port = nodes[0]
        draft.other_hosts = [place(*each) for each in nodes[1:]]
        draft.cluster = True
    else:
        raise BadTarget(
            "the settings name no host; add one, as REDIS_HOST=HOST or spring.data.redis.host=HOST"
        )


def _read_parts(found: Dict[str, str], draft: Draft) -> None:
    """Add what the URL, where there is one, does not say."""
    port = found.get("port") or found.get("tls_port")
    if port is not None and draft.port is None:
        draft.port = read_port(port.strip())
    if "db" in found and draft.db is None:
        draft.db = read_db(found["db"])
    draft.password = found.get("password") if draft.password is None else draft.password
    draft.user = draft.user or found.get("user")
    if draft.tls is None:
        draft.tls = _tls_of(found)
    if "timeout" in found:
        draft.settings.setdefault("command_timeout_ms", read_ms(found["timeout"], "timeout", 1.0))
    if "connect_timeout" in found:
        connect_ms = read_ms(found["connect_timeout"], "connect-timeout", 1.0)
        draft.settings.setdefault("connect_timeout_ms", connect_ms)
    if "pool_size" in found:
        draft.settings.setdefault("pool_size", read_count(found["pool_size"], "the pool's size"))


def _tls_of(found: Dict[str, str]) -> bool | None:
    if "tls" in found:
        return read_truth(found["tls"], "ssl")
    scheme = found.get("scheme", "").strip().lower()
    if scheme:
        if scheme not in SCHEMES:
            raise BadTarget("the scheme is not Redis's; write tls or tcp")
        return SCHEMES[scheme][0]
    is_named = "tls_bundle" in found or ("tls_port" in found and "port" not in found)
    return True if is_named else None
