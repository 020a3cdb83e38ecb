"""A target's text with some of its settings changed, in the form in which the user gave it.

What is not understood stays as it is, secrets included: the result is for the user's own program and
for a second diagnosis, never for an output.
"""

from __future__ import annotations

from refused.evidence.parse_target import parse_target
from refused.evidence.redaction import MASK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from refused.remedies.change import Setting

# Shape: our name of a setting -> StackExchange.Redis's.
_STACKEXCHANGE = {
    "tls": "ssl",
    "db": "defaultDatabase",
    "user": "user",
    "password": "password",
    "protocol": "protocol",
    "max_tls": "sslProtocols",
    "keepalive_s": "keepAlive",
    "connect_timeout_ms": "connectTimeout",
    "command_timeout_ms": "syncTimeout",
    "sni": "sslHost",
}


# Schemes that say TLS by one letter more than the plain one has.
_SECURE = frozenset({"rediss", "valkeys"})


class CannotCorrect(ValueError):
    """The target's form has no place for a setting; the message is one line for people."""

    for_people = True


def corrected(
    text: str, settings: Iterable[Setting], environ: Mapping[str, str] | None = None
) -> str:
    """Return *text* with *settings* as they are after a change.

    Raises:
        BadTarget: *text* is no target.
        CannotCorrect: Its form cannot hold one of the settings.
    """
    wanted = {setting.name: setting.after for setting in settings}
    if (wanted.get("password") or "").startswith(MASK):
        raise CannotCorrect("a plan never holds the key itself; give it in REDISCLI_AUTH")
    target = parse_target(text, environ=environ or {}).target
    if target.form == "stackexchange":
        return _stackexchange(text, wanted)
    if "://" in text:
        return _url(text, wanted, target.port)
    return _bare(target.host, target.port, tls=target.tls, wanted=wanted)


def _stackexchange(text: str, wanted: Mapping[str, str | None]) -> str:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    at = next(index for index, part in enumerate(parts) if "=" not in part)
    parts[at] = _place(parts[at], wanted)
    for name, value in wanted.items():
        if name in ("host", "port"):
            continue
        option = _STACKEXCHANGE.get(name)
        if option is None:
            raise CannotCorrect(f"a StackExchange.Redis string has no place for {name}")
        kept = [part for part in parts if part.partition("=")[0].strip().lower() != option.lower()]
        parts = kept if value is None else [*kept, f"{option}={_word(name, value)}"]
    return ",".join(parts)


def _word(name: str, value: str) -> str:
    if name == "max_tls":
        return "tls" + value.replace(".", "")
    return value


def _place(text: str, wanted: Mapping[str, str | None]) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        host, port = text, ""
    host, port = wanted.get("host") or host, wanted.get("port") or port
    return f"{host}:{port}" if port else host


def _url(text: str, wanted: Mapping[str, str | None], port: int) -> str:
    from urllib.parse import quote, urlsplit, urlunsplit

    parts = urlsplit(text)
    scheme, path, login = parts.scheme, parts.path, ""
    if "@" in parts.netloc:
        login = parts.netloc.rpartition("@")[0] + "@"
    host = parts.netloc.rpartition("@")[2]
    host, colon, given = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    host = host if colon else given or host
    for name, value in wanted.items():
        if name == "tls":
            plain = scheme[:-1] if scheme in _SECURE else scheme
            scheme = f"{plain}s" if value == "true" else plain
        elif name == "db":
            path = "" if value in (None, "0") else f"/{value}"
        elif name == "user":
            login = f"{value or ''}:{login.partition(':')[2]}" if ":" in login else f"{value}@"
        elif name == "password":
            login = f"{login.rstrip('@').partition(':')[0]}:{quote(value or '', safe='')}@"
        elif name not in ("host", "port"):
            raise CannotCorrect(f"a URL of that client has no place for {name}")
    host = wanted.get("host") or host
    return urlunsplit(
        (scheme, f"{login}{host}:{wanted.get('port') or port}", path, parts.query, "")
    )


def _bare(host: str, port: int, *, tls: bool, wanted: Mapping[str, str | None]) -> str:
    """A bare name and port cannot say TLS or a database: what has to becomes a URL."""
    place = f"{wanted.get('host') or host}:{wanted.get('port') or port}"
    rest = {name: value for name, value in wanted.items() if name not in ("host", "port")}
    if not rest:
        return place
    if set(rest) - {"tls", "db"}:
        raise CannotCorrect(f"a bare host name has no place for {', '.join(sorted(rest))}")
    secure = rest.get("tls", "true" if tls else "false") == "true"
    db = f"/{rest['db']}" if rest.get("db") else ""
    return f"redis{'s' if secure else ''}://{place}{db}"
