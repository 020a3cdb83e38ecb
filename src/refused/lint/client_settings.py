"""Judge a client's settings: a connection string, source code, or a configuration file.

What is written is judged; what comes from elsewhere (a variable, the environment) is said to be
unseen. A text in which no client is found is never called fine.
"""

from __future__ import annotations

import re

from refused.evidence.parse_target import BadTarget, parse_target
from refused.evidence.record import Record, nested
from refused.evidence.redaction import remember
from refused.evidence.target_parts import is_placeholder
from refused.lint import options as known
from refused.lint import sources, values
from refused.remedies.clients import figures
from refused.service.addresses import parse as is_address
from refused.service.clouds import service_of
from refused.service.facts import (
    ACR_CONFIGURE,
    ACR_CONNECTION,
    ACR_TLS,
    AMR_OVERVIEW,
    LOAD_BALANCER_IDLE,
)
from refused.service.limits import retransmission_timeout_s
from refused.service.ports import default_port, meaning_of, title_of, tls_expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from refused.evidence.observations import ClientSettings
    from refused.evidence.target import Parsed
    from refused.lint.sources import Item

_NONE_FOUND = "no Redis client that I know is configured in it"
ORDER = ("high", "medium", "low")
_LONG_COMMAND_S, _SHORT_S, _LONG_DIAL_S = 30.0, 1.0, 30.0
_IDLE_S, _BIG_POOL = 240, 500
_DOCS = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-development"
_DOTNET = "https://stackexchange.github.io/StackExchange.Redis/Basics"


@nested
class Finding(Record):
    """One setting that ought to be another.

    Attributes:
        severity: ``high``: it fails, hangs or is open to others; ``medium``: it hurts on a bad day;
            ``low``: it could be better.
        line: Where it stands; 0 where it stands nowhere.
        value: As written, secrets removed; ``""`` where it was not set.
    """

    severity: str
    line: int
    setting: str
    value: str
    why: str
    better: str
    source: str


class Verdict(Record):
    """What is to be said of a text.

    Attributes:
        client: ``""`` where no client was found in it.
        judged: How many settings were judged.
        unread: What could not be judged, and why.
    """

    name: str
    client: str
    judged: int
    findings: tuple[Finding, ...]
    unread: tuple[str, ...]


def judge(text: str, *, name: str = "", room: int | None = None) -> Verdict:
    """Judge a text.

    Args:
        name: The file's, whose suffix says how to read it; ``""`` for a string.
        room: How many connections each process may open; ``None`` where nobody said.

    Raises:
        BadTarget: It is one line, and no connection string.
    """
    kind = sources.kind_of(name, text)
    if kind == "string":
        try:
            parsed = parse_target(text)
        except BadTarget as wrong:
            if not name:
                raise
            return _verdict(name, "", 0, [], [f"{_NONE_FOUND} ({wrong})"])
        found = list(_of_string(parsed, 0))
        library = parsed.settings.client if parsed.settings is not None else ""
        return _verdict(name, library or "connection string", 4, found, [])
    library = known.client_in(text)
    if not library:
        return _plain_settings(text, name)
    return _of_text(text, name, kind, library, room)


def _verdict(
    name: str, library: str, judged: int, findings: list[Finding], unread: list[str]
) -> Verdict:
    # One and the same thing is said once, however many ways there are to see it.
    unique = dict.fromkeys(findings)
    ordered = sorted(unique, key=lambda each: (ORDER.index(each.severity), each.line))
    return Verdict(
        name=name,
        client=library,
        judged=judged,
        findings=tuple(ordered),
        unread=tuple(dict.fromkeys(unread)),
    )


# --- connection strings ---------------------------------------------------------------------------


def _of_string(parsed: Parsed, line: int) -> Iterator[Finding]:
    target, settings = parsed.target, parsed.settings
    yield from _place(target.host, target.port, tls=target.tls, db=target.db or 0, line=line)
    if settings is None:
        return
    if settings.client == known.MARKS[0][0]:
        others = dict(each.lower().partition("=")[::2] for each in settings.others)
        if others.get("abortconnect") == "true":
            yield from _abort("abortConnect", "True", line)
        elif "abortconnect" not in others and not service_of(target.host).is_azure:
            yield from _abort("abortConnect", "", line)
    yield from _said(settings, line)


def _said(settings: ClientSettings, line: int) -> Iterator[Finding]:
    """Judge what a connection string says of its client."""
    for setting, value_ms, judge_ in (
        ("connect timeout", settings.connect_timeout_ms, _connect),
        ("command timeout", settings.command_timeout_ms, _command),
    ):
        if value_ms is not None:
            yield from judge_(setting, f"{value_ms:g} ms", value_ms / 1000, line)
    if settings.verify is False:
        yield _unverified("certificate checks", "off", line)
    if settings.check_hostname is False:
        yield _unnamed("host name check", "off", line)
    for version in (settings.max_tls, settings.min_tls):
        if version in ("1.0", "1.1"):
            yield _old_tls("TLS version", version, line)
    if settings.keepalive_s is not None:
        yield from _keepalive(
            "keep-alive", f"{settings.keepalive_s:g} s", settings.keepalive_s, line
        )
    if settings.pool_size is not None:
        yield from _pool("pool", str(settings.pool_size), settings.pool_size, line)


def _place(host: str, port: int, *, tls: bool, db: int, line: int) -> Iterator[Finding]:
    """Judge where a client goes."""
    hosting = service_of(host)
    service = "redis" if hosting.looks_misspelt else hosting.service
    if hosting.looks_misspelt and hosting.suggestion:
        yield Finding(
            severity="high", line=line, setting="host", value=host, why="it looks misspelt",
            better=hosting.suggestion, source=ACR_CONNECTION,
        )  # fmt: skip
    if is_address(host) is not None and tls:
        yield Finding(
            severity="high", line=line, setting="host", value=host,
            why="an address is no name that a certificate is for, and the service may change it", better="the host name",
            source=ACR_CONNECTION,
        )  # fmt: skip
    if service == "redis":
        return
    usual = default_port(service, True)  # noqa: FBT003
    expected = tls_expected(port, service)
    if not tls:
        yield Finding(
            severity="high", line=line, setting="TLS", value="off",
            why="the key and the data go over the network in clear"
            + (f", and port {port} speaks TLS alone" if expected else ""),
            better=f"TLS, at port {usual}", source=ACR_TLS,
        )  # fmt: skip
    if "no port of" in meaning_of(port, service) or "no known port" in meaning_of(port, service):
        yield Finding(
            severity="high", line=line, setting="port", value=str(port),
            why=meaning_of(port, service), better=str(usual), source=ACR_CONNECTION,
        )  # fmt: skip
    elif tls and expected is False:
        yield Finding(
            severity="high", line=line, setting="port", value=str(port), why="that port speaks no TLS", better=str(usual),
            source=ACR_TLS,
        )  # fmt: skip
    if db and service in ("amr", "acre"):
        yield Finding(
            severity="high", line=line, setting="database", value=str(db),
            why=f"{title_of(service)} has database 0 alone", better="0", source=AMR_OVERVIEW,
        )  # fmt: skip


# --- source code and configuration files ----------------------------------------------------------


def _items(text: str, kind: str) -> list[Item]:
    if kind in sources.CODE:
        return list(sources.from_code(text, sources.CODE[kind]))
    if kind == ".json":
        return list(sources.from_json(text))
    if kind in sources.NESTED:
        return list(sources.from_nested(text))
    return list(sources.from_lines(text))


def _of_text(text: str, name: str, kind: str, library: str, room: int | None) -> Verdict:
    findings: list[Finding] = []
    unread: list[str] = []
    seen: set[str] = set()
    judged = 0
    for item in _items(text, kind):
        meaning = known.field_of(library, item.name)
        if meaning is None:
            continue
        field, unit_s = meaning
        seen.add(field)
        is_code = kind in sources.CODE or kind == ".json"
        said = _key(item, is_code=is_code) if field == "key" else _judge_item(field, unit_s, item)
        if said is None:
            unread.append(f"line {item.line}: {item.name} comes from elsewhere")
            continue
        judged += 1
        findings += said
        if field == "pool" and room is not None:
            findings += _too_large(item, room)
    for parsed, line in _embedded(text, kind):
        judged += 1
        seen.add("url")
        findings += _of_string(parsed, line)
        if parsed.credentials.password and kind != ".env":
            findings.append(_open_key("connection string", line))
    findings += _shapes(text, kind, library)
    findings += _places(text, _items(text, kind), library)
    if judged or seen:
        findings += [
            Finding(
                severity=each.severity, line=0, setting=each.setting, value="",
                why=f"not set here: {each.why}", better=each.better, source=each.source,
            )
            for each in known.absent(library, {*seen, *_shown(text, kind, library)})
        ]  # fmt: skip
    if not judged:
        unread.append("no setting in it is written out, so that there is nothing to judge")
    return _verdict(name, library, judged, findings, unread)


_URL = re.compile(
    r"(?:rediss?|valkeys?)://\S+|\S+\.(?:redis\.cache\.windows\.net|redis\.azure\.net)[:,]\S+",
    re.IGNORECASE,
)


def _embedded(text: str, kind: str) -> Iterator[tuple[Parsed, int]]:
    """Yield the connection strings that stand in a text, with their lines."""
    if kind in sources.CODE or kind == ".json":
        found = [(word, line) for word, line in sources.strings(text, sources.CODE.get(kind, "//"))]
    else:
        found = [(item.value, item.line) for item in _items(text, kind)]
    for word, line in found:
        if not _URL.search(word) and "abortConnect" not in word:
            continue
        if any(sign in word for sign in ("${", "#{", "{{", "%s")) or re.search(r"\{\w+\}", word):
            continue  # put together at run time
        try:
            yield parse_target(word), line
        except BadTarget:
            continue


def _judge_item(field: str, unit_s: float, item: Item) -> list[Finding] | None:
    """Judge one setting; ``None`` where its value cannot be told."""
    judge_ = _TIMES.get(field)
    if judge_ is not None:
        if values.is_nothing(item.value):
            return list(judge_(item.name, item.value, None, item.line))
        time_s = values.seconds(item.value, unit_s or 1.0)
        return None if time_s is None else list(judge_(item.name, item.value, time_s, item.line))
    judge_value = _VALUES.get(field)
    return [] if judge_value is None else judge_value(item)


# What shows that TLS is on, where no option says so; and a host of Azure's with its port.
_TLS_MARKS = re.compile(
    r"SSLConnection|ssl_context|rediss://|tls://|tls\.(?:Config|Dialer)|useSsl\(|TlsConfig|SslOptions|ssl:\s*$",
    re.MULTILINE,
)
_TWO_WORDS = re.compile(
    r"[\"']((?:tls://)?[\w.-]+\.(?:redis\.cache\.windows\.net|redis\.azure\.net|redisenterprise\.cache\.azure\.net))"
    r"[\"']\s*,\s*(\d{2,5})\b"
)


def _places(text: str, items: list[Item], library: str) -> Iterator[Finding]:
    """Judge host and port that stand apart, where both are written out."""
    host, port, db, line = "", 0, 0, 0
    tls: bool | None = None
    pairs: list[tuple[str, int, int]] = [
        (found[1], int(found[2]), text.count("\n", 0, found.start()) + 1)
        for found in _TWO_WORDS.finditer(text)
    ]
    for item in items:
        meaning = known.field_of(library, item.name)
        if meaning is None:
            continue
        field, value = meaning[0], item.value
        if field == "host" and (item.is_string or re.fullmatch(r"[\w-]+(?:\.[\w-]+)+", value)):
            host, line = value, item.line
        elif field == "port" and value.isdigit() and len(value) < 6:
            port = int(value)
        elif field == "address" and item.is_string and value.rpartition(":")[2].isdigit():
            pairs.append((value.rpartition(":")[0], int(value.rpartition(":")[2]), item.line))
        elif field == "tls":
            tls = tls or values.truth(value) is not False
        elif field == "scheme" and item.is_string:
            tls = value in ("tls", "rediss", "ssl")
        elif field == "db" and value.isdigit() and len(value) < 6:
            db = int(value)
    if host and port:
        pairs.append((host, port, line))
    is_on = bool(tls) or (tls is None and _TLS_MARKS.search(text) is not None)
    for name, number, at in dict.fromkeys(pairs):
        place = name.removeprefix("tls://").lower()
        if not re.fullmatch(r"[\w.\-:]+", place) or service_of(place).service == "redis":
            continue
        yield from _place(place, number, tls=is_on or name.startswith("tls://"), db=db, line=at)


def _shown(text: str, kind: str, library: str) -> set[str]:
    """Return fields that are set by other means than an option, or that this kind of file has not."""
    if library == "phpredis" and re.search(r"pconnect|new \\?RedisCluster", text):
        return {"pconnects"}
    if library == "Spring Boot" and kind in sources.CODE:
        return {"command_s", "connect_s"}
    if library in ("ioredis", "node-redis") and kind == ".json":
        return {"listens"}
    return set()


_MADE_FOR_ONE_USE = re.compile(
    r"using\s*(?:\(\s*)?(?:var|I?ConnectionMultiplexer)\s+\w+\s*=\s*(?:await\s+)?ConnectionMultiplexer\.Connect"
)


_NO_TIMEOUT = re.compile(r"->p?connect\(\s*['\"][^'\"]+['\"]\s*(?:,\s*\d+\s*)?\)")


def _shapes(text: str, kind: str, library: str) -> list[Finding]:
    """Judge what is no setting and yet a well-known mistake."""
    found: list[Finding] = []
    if library == "StackExchange.Redis" and kind == ".cs":
        found += [
            Finding(
                severity="high", line=text.count("\n", 0, each.start()) + 1, setting="ConnectionMultiplexer",
                value="made for one use", why="a multiplexer for each use is a TLS handshake for each, and leaks under load",
                better="one static, shared multiplexer", source=_DOTNET,
            )
            for each in _MADE_FOR_ONE_USE.finditer(text)
        ]  # fmt: skip
    if library == "phpredis":
        found += [
            Finding(
                severity="high", line=text.count("\n", 0, each.start()) + 1, setting="connect", value="",
                why="no time-out is given: it waits without end, or for default_socket_timeout (60 s)",
                better="a third argument of 5.0, and a sixth for reading", source=known.PHP,
            )
            for each in _NO_TIMEOUT.finditer(text)
        ]  # fmt: skip
    if library == "ioredis" and re.search(r"new (?:Redis|IORedis)\s*\(\s*\[", text):
        found.append(
            Finding(
                severity="high", line=0, setting="new Redis([…])", value="",
                why="a list is none of its arguments: it connects to 127.0.0.1:6379, and ECONNREFUSED follows",
                better="new Redis.Cluster([…], …)", source="https://github.com/redis/ioredis/issues/1149",
            )
        )  # fmt: skip
    return found


def _plain_settings(text: str, name: str) -> Verdict:
    """Judge settings by name (an ``.env`` file) that no library has claimed."""
    try:
        parsed = parse_target(text)
    except BadTarget as wrong:
        return _verdict(name, "", 0, [], [f"{_NONE_FOUND} ({wrong})"])
    library = parsed.settings.client if parsed.settings is not None else ""
    return _verdict(name, library or "settings by name", 2, list(_of_string(parsed, 0)), [])


# --- one setting ----------------------------------------------------------------------------------


def _connect(setting: str, value: str, time_s: float | None, line: int) -> Iterator[Finding]:
    if time_s is None or time_s <= 0:
        yield Finding(
            severity="high", line=line, setting=setting, value=value,
            why="a dial that nobody answers waits for the kernel: two minutes", better=f"{figures.CONNECT_S} s",
            source=ACR_CONNECTION,
        )  # fmt: skip
    elif time_s < figures.CONNECT_S:
        yield Finding(
            severity="medium" if time_s < 2.5 else "low", line=line, setting=setting, value=value,
            why=f"{time_s:g} s to connect; Microsoft advises {figures.CONNECT_S} s at least: a cache under load answers late",
            better=f"{figures.CONNECT_S} s", source=ACR_CONNECTION,
        )  # fmt: skip
    elif time_s > _LONG_DIAL_S:
        yield Finding(
            severity="low", line=line, setting=setting, value=value, why=f"{time_s:g} s to connect, where 15 s are the most advised",
            better="5 to 15 s", source=ACR_CONNECTION,
        )  # fmt: skip


def _command(setting: str, value: str, time_s: float | None, line: int) -> Iterator[Finding]:
    stall = f"{retransmission_timeout_s(15) / 60:.0f} minutes"
    if time_s is None or time_s <= 0:
        yield Finding(
            severity="high", line=line, setting=setting, value=value,
            why=f"a command waits without end: a peer that is gone holds it for {stall} or longer", better=f"{figures.COMMAND_S} s",
            source=ACR_CONNECTION,
        )  # fmt: skip
    elif time_s < _SHORT_S:
        yield Finding(
            severity="medium", line=line, setting=setting, value=value,
            why=f"{time_s:g} s for an answer: a planned failover of a second fails commands", better="1 to 10 s", source=ACR_CONNECTION,
        )  # fmt: skip
    elif time_s >= _LONG_COMMAND_S:
        yield Finding(
            severity="medium", line=line, setting=setting, value=value,
            why=f"{time_s:g} s for an answer: callers pile up behind a cache that is away", better=f"{figures.COMMAND_S} s, 10 s at most",
            source=ACR_CONNECTION,
        )  # fmt: skip


def _keepalive(setting: str, value: str, time_s: float | None, line: int) -> Iterator[Finding]:
    if time_s is None or time_s <= 0 or time_s >= _IDLE_S:
        yield Finding(
            severity="medium", line=line, setting=setting, value=value,
            why=f"the shortest idle limit on the way is {_IDLE_S} s: a quiet connection is cut off and nobody notices",
            better=f"{figures.KEEP_IDLE_S} to {figures.PING_S} s", source=LOAD_BALANCER_IDLE,
        )  # fmt: skip


def _idle(setting: str, value: str, time_s: float | None, line: int) -> Iterator[Finding]:
    if time_s is None or time_s <= 0 or time_s >= 600:
        yield Finding(
            severity="high", line=line, setting=setting, value=value,
            why="the service closes a connection after 10 quiet minutes, and whoever uses it next gets EOF", better="5 minutes",
            source=ACR_CONNECTION,
        )  # fmt: skip


def _pool_wait(setting: str, value: str, time_s: float | None, line: int) -> Iterator[Finding]:
    if time_s is None or time_s < 0:
        yield Finding(
            severity="medium", line=line, setting=setting, value=value, why="who finds no connection free waits for ever",
            better=f"{figures.COMMAND_S} s", source="https://commons.apache.org/proper/commons-pool/",
        )  # fmt: skip


_TIMES: dict[str, Callable[[str, str, float | None, int], Iterator[Finding]]] = {
    "connect_s": _connect,
    "command_s": _command,
    "keepalive_s": _keepalive,
    "ping_s": _keepalive,
    "idle_s": _idle,
    "pool_wait_s": _pool_wait,
}


def _pool(setting: str, value: str, size: float, line: int) -> Iterator[Finding]:
    if size < 0 or size > _BIG_POOL:
        yield Finding(
            severity="medium", line=line, setting=setting, value=value,
            why="times processes and pods that is beyond what small tiers take (C0 256, C1 1,000); more than 50 help no process",
            better="refused client-config CLIENT TARGET --sku … computes it", source=_DOCS,
        )  # fmt: skip


def _unverified(setting: str, value: str, line: int) -> Finding:
    return Finding(
        severity="high", line=line, setting=setting, value=value,
        why="the certificate is not verified: whoever stands on the way gets the key", better="verify; trust a private CA by its file",
        source=ACR_TLS,
    )  # fmt: skip


def _unnamed(setting: str, value: str, line: int) -> Finding:
    return Finding(
        severity="high", line=line, setting=setting, value=value,
        why="any certificate of a known authority is taken, whoever's it is",
        better="compare the name; map a cluster's nodes to the host name", source=ACR_TLS,
    )  # fmt: skip


def _old_tls(setting: str, value: str, line: int) -> Finding:
    return Finding(
        severity="high", line=line, setting=setting, value=value, why="the services take TLS 1.2 and newer alone", better="TLS 1.2",
        source=ACR_TLS,
    )  # fmt: skip


def _abort(setting: str, value: str, line: int) -> Iterator[Finding]:
    yield Finding(
        severity="medium", line=line, setting=setting, value=value,
        why="an application that starts during an outage gives up, and has to be started again", better="False",
        source="https://stackexchange.github.io/StackExchange.Redis/Configuration",
    )  # fmt: skip


def _key(item: Item, *, is_code: bool) -> list[Finding]:
    """Judge a password: a literal is a finding, an expression is as it should be."""
    text = item.value
    is_literal = item.is_string or (not is_code and bool(text) and not values.is_nothing(text))
    if (
        not is_literal
        or not text
        or text.startswith(("$", "%", "<", "{{", "#{", "!"))
        or is_placeholder(text)
    ):
        return []
    remember(text)
    return [_open_key(item.name, item.line)]


def _open_key(setting: str, line: int) -> Finding:
    return Finding(
        severity="high", line=line, setting=setting, value="***",
        why="a key stands in the text, for everybody who may read it", better="the environment, a vault, or Entra ID",
        source=_DOCS,
    )  # fmt: skip


def _too_large(item: Item, room: int) -> list[Finding]:
    """Hold a pool against what the tier leaves for one process."""
    size = values.number(item.value)
    if size is None or 0 <= size <= room:
        return []
    return [
        Finding(
            severity="high", line=item.line, setting=item.name, value=item.value,
            why=f"the tier leaves {room} connections to each process: at its limit the service refuses everybody",
            better=str(room), source=ACR_CONFIGURE,
        )
    ]  # fmt: skip


def _wants_true(
    make: Callable[[str, str, int], Finding],
) -> Callable[[Item], list[Finding] | None]:
    def judge_(item: Item) -> list[Finding] | None:
        found = values.truth(item.value)
        if found is None:
            return None
        return [] if found else [make(item.name, item.value, item.line)]

    return judge_


def _verify(item: Item) -> list[Finding] | None:
    word = item.value.lower().rpartition(".")[2].rpartition("::")[2].strip("'\" ")
    if word in ("none", "false", "0", "cert_none", "verify_none", "null", "ca_only"):
        make = _unnamed if word == "ca_only" else _unverified
        return [make(item.name, item.value, item.line)]
    known_words = (
        "true",
        "1",
        "required",
        "cert_required",
        "optional",
        "full",
        "ca",
        "strict",
        "verify_peer",
    )
    return [] if word in known_words else None


def _trusts_all(item: Item) -> list[Finding] | None:
    text = re.sub(r"\s", "", item.value.lower())
    if text in ("false", "0", "null", "nil"):
        return []
    always = text in ("true", "1") or re.search(
        r"=>(?:\{return)?true|->true|\(\)=>undefined|\(\)=>\{\}|noop", text
    )
    return [_unverified(item.name, item.value[:60], item.line)] if always else None


def _min_tls(item: Item) -> list[Finding] | None:
    word = re.sub(r"[^a-z0-9]", "", item.value.lower())
    if re.search(
        r"tls(?:v|version)?(?:tlsv)?1?(?:0|1)?$|ssl3|tls10|tls11|tlsv1$|tlsv11|tls1$|tls11version|tls1version",
        word,
    ) and not re.search(r"1[23]", word):
        return [_old_tls(item.name, item.value, item.line)]
    return [] if re.search(r"1[23]|771|772|none", word) else None


def _admin(item: Item) -> list[Finding] | None:
    if values.truth(item.value) is not True:
        return []
    return [
        Finding(
            severity="low", line=item.line, setting=item.name, value=item.value,
            why="it allows FLUSHALL and the like from the application", better="false",
            source="https://stackexchange.github.io/StackExchange.Redis/Configuration",
        )
    ]  # fmt: skip


def _abort_item(item: Item) -> list[Finding] | None:
    found = values.truth(item.value)
    if found is None:
        return None
    return list(_abort(item.name, item.value, item.line)) if found else []


def _off(why: str, better: str, severity: str = "medium") -> Callable[[Item], list[Finding] | None]:
    def judge_(item: Item) -> list[Finding] | None:
        if values.truth(item.value) is not False:
            return [] if item.value else None
        return [
            Finding(
                severity=severity, line=item.line, setting=item.name, value=item.value, why=why, better=better,
                source=ACR_CONNECTION,
            )
        ]  # fmt: skip

    return judge_


def _retries(item: Item) -> list[Finding] | None:
    amount = values.number(item.value)
    if values.is_nothing(item.value):
        amount = 0
    if amount is None or amount > 0:
        return []  # a policy or a list of waits is more than nothing
    return [
        Finding(
            severity="medium", line=item.line, setting=item.name, value=item.value,
            why="nothing is tried again: each planned failover is an error for somebody", better=f"{figures.TRIES}, with back-off and jitter",
            source=ACR_CONNECTION,
        )
    ]  # fmt: skip


def _retries_or_ever(item: Item) -> list[Finding] | None:
    if not values.is_nothing(item.value):
        return [] if values.number(item.value) is not None else None
    return [
        Finding(
            severity="medium", line=item.line, setting=item.name, value=item.value,
            why="commands wait for the connection without end; right for BullMQ's workers alone", better=str(figures.TRIES),
            source="https://github.com/redis/ioredis/blob/HEAD/README.md",
        )
    ]  # fmt: skip


def _reconnect(item: Item) -> list[Finding] | None:
    text = re.sub(r"\s", "", item.value.lower())
    if text in ("false", "null") or re.search(r"=>(?:null|false|undefined)$", text):
        return [
            Finding(
                severity="high", line=item.line, setting=item.name, value=item.value,
                why="a lost connection is never made again: the process has to be started anew", better="back-off with jitter, for ever",
                source=ACR_CONNECTION,
            )
        ]  # fmt: skip
    return []


def _pool_item(item: Item) -> list[Finding] | None:
    size = values.number(item.value)
    return None if size is None else list(_pool(item.name, item.value, size, item.line))


def _pool_least(item: Item) -> list[Finding] | None:
    size = values.number(item.value)
    if size is None:
        return None
    if size <= 10:
        return []
    return [
        Finding(
            severity="medium", line=item.line, setting=item.name, value=item.value,
            why="so many connections of every process at every start are a storm", better="2",
            source=known.BASELINE,
        )
    ]  # fmt: skip


_VALUES: dict[str, Callable[[Item], list[Finding] | None]] = {
    "verify": _verify,
    "check_hostname": _wants_true(_unnamed),
    "trusts_all": _trusts_all,
    "min_tls": _min_tls,
    "admin": _admin,
    "abort": _abort_item,
    "keepalive": _off(
        "a quiet connection is cut off on the way, and nobody notices", "true, after 30 s"
    ),
    "persistent": _off("a new TLS connection for each request", "true"),
    "refresh": _off("a failover of the cluster is never noticed", "true"),
    "retries": _retries,
    "retries_or_ever": _retries_or_ever,
    "reconnect": _reconnect,
    "pool": _pool_item,
    "pool_least": _pool_least,
}
