"""What all forms of a target share: hosts, ports, numbers, and what people get wrong in them.

No message repeats what it is about: a password may stand anywhere in a target that cannot be read.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.redaction import MASK
from refused.service.addresses import parse as parse_address
from refused.service.clouds import service_of
from refused.service.ports import default_tls, tls_expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple

EXAMPLE = "give host:port, or rediss://:KEY@host:6380"
LONGEST_NAME = 253
_LONGEST_LABEL = 63  # RFC 1035, 2.3.4
HIGHEST_PORT = 65535
_TLS_PORTS = (6380, 10000)  # Azure's, whatever name leads there


class BadTarget(ValueError):
    """A target cannot be understood; the message is one line for people, without a secret."""

    for_people = True


class Draft:
    """What has been read of a target so far.

    Attributes:
        default_port: What the client's library dials where no port is written; ``None`` where the
            library is not known.
        password: ``None`` where none was named, ``""`` where it was left empty.
        settings: Fields of :class:`~refused.evidence.observations.ClientSettings`.
        shown: The target as it may be shown, in parts; those marked True are the user's own words.
    """

    __slots__ = (
        "client",
        "cluster",
        "db",
        "default_port",
        "form",
        "host",
        "other_hosts",
        "others",
        "password",
        "port",
        "scheme",
        "settings",
        "shown",
        "tls",
        "user",
    )

    def __init__(self) -> None:
        self.form = "host"
        self.scheme = ""
        self.client = ""
        self.host = ""
        self.port: int | None = None
        self.default_port: int | None = None
        self.tls: bool | None = None
        self.db: int | None = None
        self.user: str | None = None
        self.password: str | None = None
        self.cluster: bool | None = None
        self.settings: Dict[str, Any] = {}
        self.others: List[str] = []
        self.other_hosts: List[str] = []
        self.shown: List[Tuple[str, bool]] = []

    def show(self, text: str, *, is_free: bool = False) -> None:
        """Add to what may be shown."""
        self.shown.append((text, is_free))

    def place(self) -> str:
        """Return the endpoint as the user wrote it."""
        return place(self.host, self.port)


def place(host: str, port: int | None) -> str:
    """Write an endpoint: ``host``, ``host:port`` or ``[v6]:port``."""
    if ":" in host:
        host = f"[{host}]"
    return host if port is None else f"{host}:{port}"


# --- placeholders --------------------------------------------------------------------------------

_BRACKETS = (("<", ">"), ("{", "}"), ("${", "}"), ("$(", ")"), ("%", "%"))
_NAME_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
# What manuals write where a name belongs; in capitals only, for a host may be called "host".
_OF_YOURS = (
    "access", "cache", "endpoint", "host", "hostname", "key", "name", "pass", "password", "redis",
    "resource", "secret", "server", "token",
)  # fmt: skip
_STAND_INS = ("HOST", "HOSTNAME", "NAME", "CACHENAME", "CACHE_NAME", "CACHE-NAME", "REDIS_HOST")


def is_placeholder(value: str) -> bool:
    """Whether a whole value still waits to be filled in, as ``<key>``, ``$KEY`` or ``YOUR_KEY``.

    >>> [is_placeholder(text) for text in ("<your-key>", "%KEY%", "a<b", "$ecret", "{{ key }}")]
    [True, True, False, False, True]
    """
    word = value.strip()
    for opening, closing in _BRACKETS:
        inside = word[len(opening) : -len(closing)]
        if word.startswith(opening) and word.endswith(closing) and inside.strip():
            return opening != "%" or (inside.isidentifier() and inside.isascii())
    if word.startswith("$") and len(word) > 3 and not word[1:].strip(_NAME_LETTERS):
        return True
    lowered = word.lower()
    for joint in "-_":
        lowered = lowered.replace(joint, " ")
    words = lowered.split()
    if len(words) > 1 and words[0] == "your" and any(each in _OF_YOURS for each in words):
        return True
    if lowered.startswith("your") and lowered[len("your") :] in _OF_YOURS:
        return True
    return lowered in ("…", "...") or (len(word) > 2 and not lowered.strip("x"))


def is_mask(value: str) -> bool:
    """Whether a key is one that somebody masked, as our own output does."""
    return len(value) >= len(MASK) and not value.strip("*")


# --- hosts and ports -----------------------------------------------------------------------------


def read_endpoint(text: str) -> Tuple[str, int | None]:
    """Split ``host``, ``host:port``, ``[v6]:port`` or a bare IPv6 literal.

    Raises:
        BadTarget: It is none of them.
    """
    word = text.strip()
    if any(letter.isspace() for letter in word):
        raise BadTarget(_spaced(word))
    if word.startswith("["):
        inside, closed, rest = word[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise BadTarget("an IPv6 address with a port is written [address]:port")
        return _literal6(inside), read_port(rest[1:]) if rest else None
    if word.count(":") > 1:
        if parse_address(word) is not None:
            return _literal6(word), None
        if word.strip("0123456789abcdefABCDEF:."):
            raise BadTarget(f"two addresses seem to be pasted together; {EXAMPLE}")
        raise BadTarget(f"that is neither host:port nor an IPv6 address; {EXAMPLE}")
    host, colon, port = word.partition(":")
    if not host:
        raise BadTarget(f"the host is missing; {EXAMPLE}")
    host = read_host(host)
    return host, read_port(port) if colon else None


def _spaced(word: str) -> str:
    words = word.split()
    if any("<" in each or "{" in each for each in words):
        return _UNFILLED_HOST
    if len(words) == 2 and words[1].isdigit():
        return "a colon goes between host and port, as in host:6380"
    return "a target holds no white space; give one target, in quotation marks where it has some"


def read_port(text: str) -> int:
    """Read a port.

    Raises:
        BadTarget: It is no number from 1 to 65535.
    """
    if not text:
        raise BadTarget(
            "the port is empty; leave the colon out, or write a number from 1 to 65535 behind it"
        )
    if not is_number(text):
        if is_placeholder(text) or text.lower() == "port":
            raise BadTarget("the port is still a placeholder; put the number in its place")
        if "." in text:
            raise BadTarget(f"two addresses seem to be pasted together; {EXAMPLE}")
        raise BadTarget("the port is not a number; write one from 1 to 65535, such as 6380")
    number = int(text[:12])
    if not 1 <= number <= HIGHEST_PORT:
        raise BadTarget(
            "there is no such port; ports go from 1 to 65535 (Azure has 6380 or 10000, others 6379)"
        )
    return number


_UNFILLED_HOST = "the host still holds a placeholder; put the real host name in its place"


def read_host(text: str) -> str:
    """Check a host name or IPv4 literal, and write it as it is asked for in DNS.

    International names become their ASCII form (A-labels), as IDNA 2003 has it.

    Raises:
        BadTarget: DNS could not hold it, or it is no name yet.
    """
    _no_stand_in(text)
    if "/" in text or "\\" in text:
        raise BadTarget(
            "a host holds no slash; a database goes into a URL, as in redis://host:6379/0"
        )
    host = (_ascii(text) if not text.isascii() else text).lower()
    host = host[:-1] if host.endswith(".") else host
    labels = host.split(".")
    if len(host) > LONGEST_NAME or any(not 1 <= len(label) <= _LONGEST_LABEL for label in labels):
        raise BadTarget(
            "the host has an empty or overlong part; parts have 1 to 63 letters, with dots between"
        )
    if host.strip("abcdefghijklmnopqrstuvwxyz0123456789-_."):
        raise BadTarget(
            "the host holds a letter that no name has; names are letters, digits, hyphens and dots"
        )
    if any(label[0] == "-" or label[-1] == "-" for label in labels):
        raise BadTarget("a part of the host begins or ends with a hyphen, which no name does")
    if not host.strip("0123456789."):
        if parse_address(host) is not None:
            return host
        raise BadTarget(
            "that is no IPv4 address; one is four numbers from 0 to 255, such as 10.0.0.4"
        )
    if _is_doubled(host, labels):
        raise BadTarget("the host name stands there twice; give it once")
    return host


def _no_stand_in(text: str) -> None:
    if any(sign in text for sign in "<>{}$%"):
        raise BadTarget(_UNFILLED_HOST)
    if text.partition(".")[0] in _STAND_INS or is_placeholder(text.partition(".")[0]):
        raise BadTarget(_UNFILLED_HOST)


def _ascii(host: str) -> str:
    # The codec is slow on long names.
    coded = _a_labels(host) if len(host) <= LONGEST_NAME else None
    if coded is None:
        raise BadTarget("the host is no name that DNS could hold; check it letter by letter")
    return coded


def _a_labels(host: str) -> str | None:
    # Apart, so that no BadTarget has this error, which holds the text, for its context.
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return None


def _is_doubled(host: str, labels: List[str]) -> bool:
    """Whether a name with a dot in it was pasted twice, with or without a dot between."""
    half, middle = len(host) // 2, len(labels) // 2
    if len(host) % 2 == 0 and host[:half] == host[half:]:
        return "." in host[:half] and len(labels) > 4
    return middle > 1 and len(labels) % 2 == 0 and labels[:middle] == labels[middle:]


def _literal6(text: str) -> str:
    _, _, zone = text.partition("%")
    if ":" not in text or parse_address(text) is None or len(text) > LONGEST_NAME:
        raise BadTarget("between the brackets there is no IPv6 address, such as [2001:db8::1]:6379")
    if zone.strip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"):
        raise BadTarget("the zone of the IPv6 address is no name of an interface")
    return text.lower()


def tls_by_default(host: str, port: int | None) -> bool:
    """Say whether to expect TLS where nobody said; a misspelt name counts as what was meant."""
    service = service_of(host).service
    if port is not None:
        expected = tls_expected(port, service)
        if expected is not None:
            return expected
        if port in _TLS_PORTS:
            return True
    return default_tls(service) is True


# --- values --------------------------------------------------------------------------------------


def is_number(text: str) -> bool:
    """Whether a text is ASCII digits alone."""
    return text.isascii() and text.isdigit()


def read_db(text: str) -> int:
    """Read the number of a database.

    Raises:
        BadTarget: It is no number from 0.
    """
    word = text.strip()
    if not is_number(word) or len(word) > 9:
        raise BadTarget(
            "the database is not a number; write one from 0, as in rediss://host:6380/0"
        )
    return int(word)


def read_truth(text: str, option: str) -> bool:
    """Read what is true or false; *option* is named in the message.

    Raises:
        BadTarget: It is neither.
    """
    word = text.strip().lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off"):
        return False
    raise BadTarget(f"{option} is neither true nor false; write {option}=true or {option}=false")


def read_count(text: str, option: str) -> int:
    """Read a whole number, which may be negative.

    Raises:
        BadTarget: It is none.
    """
    word = text.strip()
    digits = word[1:] if word.startswith("-") else word
    if not is_number(digits) or len(digits) > 12:
        raise BadTarget(f"{option} is not a whole number; write one")
    return int(word)


_UNITS_MS = (
    ("ms", 1.0), ("us", 1e-3), ("µs", 1e-3), ("ns", 1e-6),
    ("s", 1e3), ("m", 6e4), ("h", 3.6e6), ("d", 8.64e7),
)  # fmt: skip
_LONGEST_MS = 1e12


def read_ms(text: str, option: str, unit_ms: float) -> float | None:
    """Read a time, in milliseconds; ``None`` where it is 0 or less, which clients take for "none".

    A bare number counts *unit_ms* each; else units as in ``5s``, ``1m30s`` or ISO's ``PT5S``.

    Raises:
        BadTarget: It is no time.
    """
    word = text.strip().lower()
    if word.startswith("pt"):
        word = word[2:]
    sign = -1.0 if word.startswith("-") else 1.0
    rest, total = word[1:] if sign < 0 else word, 0.0
    if not rest or len(rest) > 40:
        raise BadTarget(f"{option} is no time; write a number")
    while rest:
        digits = len(rest) - len(rest.lstrip("0123456789."))
        amount = rest[:digits]
        if amount.count(".") > 1 or not amount.strip("."):
            raise BadTarget(f"{option} is no time; write a number")
        rest = rest[digits:]
        unit = next((each for each in _UNITS_MS if rest.startswith(each[0])), ("", unit_ms))
        if not unit[0] and rest:
            raise BadTarget(f"{option} is no time; write a number")
        rest = rest[len(unit[0]) :]
        total += float(amount) * unit[1]
    if total > _LONGEST_MS:
        raise BadTarget(f"{option} is longer than any client could wait")
    return total if sign > 0 and total > 0 else None


def read_protocol(text: str) -> int:
    """Read a version of the protocol: ``3`` or ``resp3``.

    Raises:
        BadTarget: It is neither 2 nor 3.
    """
    word = text.strip().lower()
    if word not in ("2", "3", "resp2", "resp3"):
        raise BadTarget("the protocol is neither 2 nor 3; write protocol=2 or protocol=3")
    return int(word[-1])


def is_harmless(value: str) -> bool:
    """Whether a value is a switch, or shorter than any secret; for options we do not know."""
    word = value.strip().lower()
    return len(word) < 4 or word in ("true", "false", "none", "null")
