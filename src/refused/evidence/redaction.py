"""Secrets have a type, and whatever leaves the program is searched for them once more.

Two nets, one behind the other: what this process knows to be secret is masked in every encoding in
which it may come back, and what merely has the look of a secret is masked by its shape.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterator, List, Match, Pattern, Tuple, Union

    Mask = Union[str, Callable[[Match[str]], str]]
    Hides = Callable[[str, Tuple[int, int]], bool]

MASK = "***"


class Secret:
    """A password, key or token that prints as ``***`` wherever it ends up by mistake.

    It cannot be pickled, formatted, compared by order or turned into JSON. :meth:`reveal` is the
    one way to the text, for the one place that puts it on the wire.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text
        remember(text)

    def reveal(self) -> str:
        """Return the text itself; only for the code that sends it to the server."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret is never pickled")


# --- what is known -------------------------------------------------------------------------------

# Shorter texts would blank out half the report ("1" is a password, too, and a poor one).
_SHORTEST = 4
# Every form of every secret. Base64 is kept apart, because a hit there is one of a longer run. All
# are dicts for their one-step update and copy: threads of probes remember and redact side by side.
_known: Dict[str, None] = {}
_known_base64: Dict[str, None] = {}
# How long the forms are that begin with these letters, so that many are looked for in one pass.
_lengths: Dict[str, Dict[int, None]] = {}
# Passwords that are words of every report.
_ordinary: Dict[str, None] = {}
_BASE64_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="


def remember(text: str) -> None:
    """Note a secret of this process, in every encoding in which it may come back at us."""
    plain = text.strip()
    if len(plain) < _SHORTEST or not plain.strip("*"):
        return
    forms = dict.fromkeys(form for form in _forms(plain) if len(form) >= _SHORTEST)
    if plain.isalpha() and f" {plain.lower()} " in _WORDS:
        del forms[plain]
        _ordinary[plain] = None
    cores = dict.fromkeys(_base64_cores(_bytes(plain)))
    for form in (*forms, *cores):
        _lengths.setdefault(form[:_SHORTEST], {})[len(form)] = None
    _known.update(forms)
    _known_base64.update(cores)


def redact(text: str) -> str:
    """Mask known secrets, and whatever has the look of one, in free text.

    A password that is an ordinary word ("redis") is masked where it stands on its own, and left in
    names and paths: a masked host name hides the fault, and tells everybody the password.

    >>> redact("rediss://:hunter2@cache:6380 says AUTH failed")
    'rediss://:***@cache:6380 says AUTH failed'
    """
    return _redact(text, _stands_alone)


def redact_ours(text: str) -> str:
    """Mask the same in a text of our own, in which what others said is masked by now.

    Our sentences are public: one with "the ***" in it says that the password is "password". There an
    ordinary word is masked only where it stands as a value does.
    """
    return _redact(text, _stands_as_value)


def _redact(text: str, hides: Hides) -> str:
    while True:
        masked = _mask_shapes(_mask_known(text, hides))
        if masked == text:
            return text
        text = masked


def redact_data(data: object) -> object:
    """Redact every text inside JSON-ready objects of ours; a key that is a plain field name is left."""
    return _redact_data(data, redact_ours)


def _redact_data(data: object, redact_text: Callable[[str], str]) -> object:
    if isinstance(data, str):
        return redact_text(data)
    if isinstance(data, (list, tuple)):
        return [_redact_data(item, redact_text) for item in data]
    if isinstance(data, dict):
        return {
            key if str(key).isidentifier() else redact_text(str(key)): _redact_data(
                value, redact if "pass" in str(key).lower() else redact_text
            )
            for key, value in data.items()
        }
    return data


def _mask_known(text: str, hides: Hides) -> str:
    """Mask every stretch of *text* that a form of a known secret covers, overlaps included."""
    # One search for each form takes about 1 µs and 0.3 ns a letter; one pass for all, 0.3 µs a letter.
    forms, letters = len(_known) + len(_known_base64), len(text)
    is_many = forms * (3000 + letters) > 1000 * letters
    spans = _spans_of_all(text) if is_many else _spans_of_each(text)
    for word in tuple(_ordinary):
        spans += (span for span in _spans(text, word) if hides(text, span))
    if not spans:
        return text
    parts, shown_to = [], 0
    for start, end in sorted(spans):
        if start >= shown_to:
            parts += [text[shown_to:start], MASK]
        shown_to = max(shown_to, end)
    return "".join(parts) + text[shown_to:]


def _spans_of_each(text: str) -> List[Tuple[int, int]]:
    """Search *text* for one form after the other."""
    spans: List[Tuple[int, int]] = []
    for form in tuple(_known):
        spans += _spans(text, form)
    for core in tuple(_known_base64):
        spans += (_widened(text, span) for span in _spans(text, core))
    return spans


def _spans(text: str, form: str) -> Iterator[Tuple[int, int]]:
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        # Past the hit: in a run such as "aaaa…" every letter would begin one.
        at = text.find(form, at + len(form))


def _spans_of_all(text: str) -> List[Tuple[int, int]]:
    """Find what :func:`_spans_of_each` does in one pass over *text*, however many forms there are."""
    spans: List[Tuple[int, int]] = []
    past: Dict[Tuple[str, bool], int] = {}
    lengths_of, letters = _lengths.get, len(text)
    for at in range(letters - _SHORTEST + 1):
        lengths = lengths_of(text[at : at + _SHORTEST])
        if lengths is None:
            continue
        for length in tuple(lengths):
            form, span = text[at : at + length], (at, at + length)
            if span[1] > letters:
                continue
            if form in _known and at >= past.get((form, False), 0):
                past[form, False] = span[1]
                spans.append(span)
            if form in _known_base64 and at >= past.get((form, True), 0):
                past[form, True] = span[1]
                spans.append(_widened(text, span))
    return spans


def _widened(text: str, span: Tuple[int, int]) -> Tuple[int, int]:
    """Widen a hit to the whole run of base64: its ends hold bits of the secret as well."""
    start, end = span
    reach = 4096
    head, tail = text[max(0, start - reach) : start], text[end : end + reach]
    start -= len(head) - len(head.rstrip(_BASE64_LETTERS))
    end += len(tail) - len(tail.lstrip(_BASE64_LETTERS))
    return start, end


# --- ordinary words ------------------------------------------------------------------------------

# Passwords of which host names, our own sentences and the servers' are made. Who has one of them has
# hardly a secret; it is kept out of every place that would say that it is the password.
_WORDS = (
    " access admin administrator auth azure backup cache changeme client cluster connect connection"
    " database default demo development docker example guest host internal kubernetes local localhost"
    " login master microsoft network node pass passwd password primary private prod production public"
    " redis rediss replica root secret secure server service shared stage staging standard system test"
    " testing token user username valkey welcome windows "
)
# Servers' sentences that say what is wrong in such a word.
_SENTENCES = (
    "invalid password", "no password is set", "any password configured", "the default user",
    "can't connect", "cluster support", "auth <password>", "client sent auth",
)  # fmt: skip


def _stands_alone(text: str, span: Tuple[int, int]) -> bool:
    """Whether a word is no part of a longer one, of a name, or of a server's known sentence."""
    if _stands_as_value(text, span):
        return True
    start, end = span
    before, behind = text[max(0, start - 4) : start], text[end : end + 2]
    is_escape = before[-2:] in ("\\n", "\\r", "\\t") or before[:2] == "\\x"
    if not is_escape and (before[-1:].isalnum() or before[-1:] in _JOINTS_BEFORE):
        return False
    if behind[:1].isalnum() or behind[:1] in _JOINTS_BEHIND:
        return False
    if behind[:1] in (".", ":") and behind[1:].isalnum():
        return False  # the first part of a host name, or a host with its port
    if behind[:1] == "=" or behind == ":/":
        return False  # the name of a setting, or the scheme of a URL
    return not any(
        each in text[max(0, end - len(each)) : start + len(each)].lower() for each in _SENTENCES
    )


# With these a word is part of a name or a path; a full stop behind it may also end a sentence.
_JOINTS_BEFORE = frozenset("./_-")
_JOINTS_BEHIND = frozenset("/_-")


def _stands_as_value(text: str, span: Tuple[int, int]) -> bool:
    """Whether a word stands where a password would: ``=word``, ``:word@``, ``-aword``, ``AUTH word``."""
    start, end = span
    if text[end : end + 1].isalnum():
        return False
    before = text[max(0, start - 6) : start]
    return (
        before.endswith(("=", '="', "='"))
        or text[end : end + 1] == "@"
        or before.rstrip(" \"'").endswith(("-a", "AUTH"))
    )


# --- encodings -----------------------------------------------------------------------------------
# Written out rather than imported: json, html, urllib.parse and shlex together cost more time than
# the rest of a short run, and a password at hand is the ordinary case.

_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_SUB_DELIMITERS = "!$&'()*+,;="
# What encoders leave as it is: all of RFC 3986's choices, JavaScript's, and hands that escape only
# what stood in their way. The letters of a base64 key are escaped in any combination.
_LEFT_ALONE = (
    "", "/", "+", "=", "/+", "/=", "+=", "/+=", "!*'()", "!'()*+=", _SUB_DELIMITERS,
    _SUB_DELIMITERS + ":", _SUB_DELIMITERS + "/:@?", ":",
)  # fmt: skip


def _forms(text: str) -> Iterator[str]:
    """Give *text* as the encoders of this world would write it, quotation marks left out."""
    yield text
    yield text.rstrip("=")
    for kept in _LEFT_ALONE:
        escaped = _percent(text, kept)
        yield from (escaped, _lower_escapes(escaped), escaped.replace("%20", "+"))
    ascii_json, json = _json(text), _json(text, is_ascii=False)
    yield from (ascii_json, json, json.replace("/", "\\/"), ascii_json.replace("/", "\\/"))
    yield from (repr(text)[1:-1], repr(_bytes(text))[2:-1], ascii(text)[1:-1])
    # repr() chooses its quotation marks by the text; a longer text around it may choose others.
    backslashed = text.replace("\\", "\\\\")
    yield from (backslashed, backslashed.replace('"', '\\"'), backslashed.replace("'", "\\'"))
    html = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for quote, apostrophe in (("&quot;", "&#x27;"), ("&#34;", "&#39;"), ("&quot;", "&apos;")):
        yield html.replace('"', quote).replace("'", apostrophe)
    yield from (html, html.replace('"', "&quot;"))
    for joint in ("'\"'\"'", "'\\''", "''"):  # POSIX shells, and doubling as in YAML and SQL
        yield text.replace("'", joint)
    yield text.replace('"', '""')
    yield "".join(letter if letter in _UNRESERVED else "\\" + letter for letter in text)
    yield from (_bytes(text).hex(), _bytes(text).hex().upper())


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _percent(text: str, kept: str) -> str:
    escaped = text.replace("%", "%25")
    for letter in set(text).difference(_UNRESERVED, kept, "%"):
        escaped = escaped.replace(letter, "".join(f"%{byte:02X}" for byte in _bytes(letter)))
    return escaped


def _lower_escapes(escaped: str) -> str:
    first, *rest = escaped.split("%")
    return first + "".join(f"%{part[:2].lower()}{part[2:]}" for part in rest)


_JSON_SHORT = {
    '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f",
}  # fmt: skip


def _json(text: str, *, is_ascii: bool = True) -> str:
    escaped = text.replace("\\", "\\\\")
    for letter in set(text) - {"\\"}:
        escaped = escaped.replace(letter, _json_letter(letter, is_ascii=is_ascii))
    return escaped


def _json_letter(letter: str, *, is_ascii: bool) -> str:
    short, code = _JSON_SHORT.get(letter), ord(letter)
    if short is not None:
        return short
    if code >= 0x20 and (code <= 0x7F or not is_ascii):
        return letter
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 | code >> 10:04x}\\u{0xDC00 | code & 0x3FF:04x}"
    return f"\\u{code:04x}"


def _base64_cores(data: bytes) -> Iterator[str]:
    """Give what base64 makes of *data* wherever it stands in a longer text, in both alphabets.

    Three bytes become four letters, so there are three ways to fall on the grid. The letters at
    either end mix in neighbours, and are left out.
    """
    from binascii import b2a_base64

    for shift in range(3):
        whole = b2a_base64(bytes(shift) + data, newline=False).decode()
        core = whole[(0, 2, 3)[shift] : (shift + len(data)) * 8 // 6]
        if len(core) >= _SHORTEST:
            yield from (core, core.replace("+", "-").replace("/", "_"))


# --- what only has the look ----------------------------------------------------------------------

# What follows AUTH in prose. A command has a key there.
_AFTER_AUTH = (
    " a after an and answered are as at by called can command commands could denied error failed"
    " fails for from has header in is method must needs no not of on option or over rejected"
    " refused reply request required returned says sent step succeeded the time to took user using"
    " via was were will with without worked "
)
_TRIMMED = ".,:;!?()[]{}'\"`"


def _mask_shapes(text: str) -> str:
    lowered = text.lower()
    for needs, source, mask in _SHAPES:
        # Most texts are too short for a key or hold none of the needed words, and need no pattern.
        if len(text) < _SHORTEST_KEY and source is _KEY_RUN:
            continue
        if any(need in lowered for need in needs):
            text = _compile(source).sub(mask, text)
    if any(_is_set(lowered, word) for word in _NAME_WORDS):
        for source in _SETTINGS:
            text = _compile(source).sub(_masked_value, text)
    return text


def _is_set(lowered: str, word: str) -> bool:
    """Whether *word* stands shortly before an equals sign or a colon, as in a setting."""
    at = lowered.find(word)
    while at >= 0:
        behind = lowered[at + len(word) : at + len(word) + 12]
        if "=" in behind or ":" in behind:
            return True
        at = lowered.find(word, at + len(word))
    return False


def _compile(source: str) -> Pattern[str]:
    pattern = _compiled.get(source)
    if pattern is None:
        import re

        pattern = _compiled[source] = re.compile(source)
    return pattern


_compiled: Dict[str, Pattern[str]] = {}


def _mask_run(found: Match[str]) -> str:
    """Mask a run of base64 that is an Azure key: 32 bytes, or any length with Azure's mark."""
    run = found.group()
    key = run.rstrip("=")
    is_plain = len(key) == 43 and run.endswith("=")
    return MASK if is_plain or "AzCa" in key or "JQQJ99" in key else run


def _mask_auth(found: Match[str]) -> str:
    """Mask the arguments of an ``AUTH`` command, and leave the word as prose has it."""
    words = found.group(2).split()
    bare = [word.strip(_TRIMMED) for word in words]
    if f" {bare[0].lower()} " in _AFTER_AUTH or words[0].startswith("<"):
        return found.group()
    is_whole_line = found.group(3) is not None
    if is_whole_line or any(_is_keylike(word) for word in bare):
        return found.group(1) + " ".join(MASK for _ in words) + (found.group(3) or "")
    return found.group()


def _is_keylike(word: str) -> bool:
    """Whether *word* is no word of a sentence: it has digits, or letters of both sizes, inside."""
    plain = word.replace("-", "")
    return len(word) >= _SHORTEST and not (
        plain.isalpha() and (plain.islower() or plain.isupper() or plain.istitle())
    )


def _masked_value(found: Match[str]) -> str:
    """Mask a value and keep the quotation marks around it."""
    value = found.group(2)
    quote = value[0] if value[0] in "\"'" else ""
    return f"{found.group(1)}{quote}{MASK}{quote}"


# A value ends where the next setting begins: keys hold & and ; as well.
_VALUE = r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|(?:(?!&[\w.\[\]-]+=|;[\w.-]+=)[^\s,"'<>])+)"""
_SETS = r"[\"']?\s{0,3}(?:=|:(?!/))\s{0,3}"
_NAMES = (
    "pass(?:word|wd|phrase)|pwd|requirepass|masterauth|redis(?:cli)?_?auth|auth_?(?:token|key)|"
    "(?:access|account|primary|secondary|shared_?access|api|redis)[_-]?key|"
    "(?:client|app)?[_-]?secret|(?:access|refresh|id|bearer)[_-]?token"
)

_NAME_WORDS = ("pass", "pwd", "auth", "key", "secret", "token", "sig")
_SETTINGS = (
    # What bears a telling name. The name may have a prefix: REDIS_PASSWORD.
    rf"(?i)((?<![A-Za-z])(?:{_NAMES})(?:_?\d)?{_SETS})" + _VALUE,
    # These names mean other things as well, unless they stand as settings do.
    r"(?i)((?<![A-Za-z])(?:pass|token|sig)(?:=|[\"']\s{0,3}:\s{0,3}))" + _VALUE,
    r"(?i)((?<![\w-])auth=)(?!(?:none|key|entra|ok|true|false|yes|no|failed|required)\b)" + _VALUE,
)

_SHORTEST_KEY = 40
_KEY_RUN = (
    r"(?<![\w+/=-])(?<!sha256=)(?<!sha256:)(?<!SHA256:)"
    r"[A-Za-z0-9+/]{40,120}(?![A-Za-z0-9+/])={0,2}"
)

# Shape: (words of which the text must hold one, in lower case; the pattern; what to put there).
# Each takes time linear in the text: a run begins where the letter before is not of it, and nothing
# repeats inside a repetition.
_SHAPES: Tuple[Tuple[Tuple[str, ...], str, Mask], ...] = (
    # The private key of a client's certificate.
    (
        ("-----begin",),
        r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)(?:(?!-----)[\s\S])+",
        r"\1" + MASK,
    ),
    # JSON Web Tokens: base64url parts, the first two being JSON objects.
    (("eyj",), r"\beyJ[\w-]{5,}\.eyJ[\w-]{5,}(?:\.[\w-]*)?", MASK),
    # Azure's access keys, as they are and with letters escaped. A certificate's pin is as long.
    (("=", "azca", "jqqj99"), _KEY_RUN, _mask_run),
    (("%3d",), r"(?<![\w%])(?:[A-Za-z0-9+/]|%2[BbFf]){43}%3[Dd]", MASK),
    # Client secrets of Entra applications.
    (("q~",), r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,37}(?![\w~.-])", MASK),
    # HTTP.
    (
        ("authorization",),
        r"(?i)(\bauthorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?[a-z]{3,12}\s{1,3})[^\s\"',]+",
        r"\1" + MASK,
    ),
    (("bearer",), r"(?i)(\bbearer\s{1,3})(?=\S{0,40}[\d._])[\w.~+/=-]{16,}", r"\1" + MASK),
    # Command lines and configuration files.
    (("-a", "--pass"), r"((?<!\S)(?:-a|--pass(?:word)?)(?:\s{1,3}|=))" + _VALUE, _masked_value),
    (
        ("requirepass", "masterauth"),
        r"(?i)(\b(?:requirepass|masterauth)\s{1,8})" + _VALUE,
        _masked_value,
    ),
    # AUTH as MONITOR shows it, as servers without it quote it, and as people type it.
    (
        ('"auth"',),
        r"(?i)(\"auth\"(?=\s))(?:\s{1,3}\"(?:[^\"\\\n]|\\.)*\"){1,2}",
        r'\1 "' + MASK + '"',
    ),
    (
        ("unknown command",),
        r"(?i)(unknown command ['\"`]?(?:auth|hello)['\"`]?,? with args beginning with: ?)[^\n]+",
        r"\1" + MASK,
    ),
    (("auth",), r"(?m)(\bAUTH[ \t]{1,3})(\S+(?:[ \t]{1,3}\S+)?)(?:([ \t]{0,3}$))?", _mask_auth),
    # User-info of a URL, up to the last @ before the URL ends: keys are often left unescaped.
    (("@",), r"(://[^\s/@:\"'<>]{0,256}:)(?:(?!://)[^\s\"'<>])+@", r"\1" + MASK + "@"),
    (("@",), r"(://)[^\s/@:\"'<>?#]{1,2048}@", r"\1" + MASK + "@"),
)
