"""Secrets: never printed, masked in every encoding, and told by their looks where nobody knows them."""

from __future__ import annotations

import base64
import copy
import html
import json
import pickle
import shlex
import string
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from refused.evidence import redaction
from refused.evidence.redaction import MASK, Secret, redact, redact_data, remember
from tests.evidence.kinds import forget

if TYPE_CHECKING:
    from collections.abc import Callable

AZURE_KEY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
MARKED_KEY = "Qz7XkPvW3mYt9LbNcRsDfGhJ2aE5uHi8oAzCaBxTq1Y4wVz6KpM="
TOKEN = "eyJ0eXAiOiJKV1Qi.eyJvaWQiOiIwMDAwIn0.c2lnbmF0dXJl-_x"


def is_ordinary(text: str) -> bool:
    """Whether a password is a word of every report, which is masked by a rule of its own."""
    return text.strip().lower() in redaction._WORDS.split()


MARKS = "/+=@#?&%:;, '\"\\<>{}[]()!$*~`|^-_."
secrets = st.text(
    alphabet=st.sampled_from(string.ascii_letters + string.digits + MARKS)
    | st.characters(codec="utf-8", min_codepoint=0xA1),
    min_size=4,
    max_size=50,
).filter(lambda text: len(text.strip()) >= 4 and text.strip("* ") and not is_ordinary(text))


# --- the type ------------------------------------------------------------------------------------


def test_a_secret_prints_as_three_stars() -> None:
    """Whatever a careless line does with it."""
    secret = Secret("hunter2")

    assert {
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>3}",
        format(secret, "s"),
        "{}".format(secret),  # noqa: UP032 - the older way has a path of its own
    } == {MASK}
    assert "hunter2" not in repr([secret]) + repr({"key": secret})


def test_a_secret_gives_its_text_in_one_way_only() -> None:
    """It goes on the wire, and neither into a pickle, nor JSON, nor an attribute listing."""
    secret = Secret("hunter2")

    assert secret.reveal() == "hunter2"
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            copying(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        vars(secret)


def test_secrets_compare_by_what_they_hold() -> None:
    """Equal keys are one key; an empty one is no key."""
    assert Secret("hunter2") == Secret("hunter2")
    assert hash(Secret("hunter2")) == hash(Secret("hunter2"))
    assert Secret("hunter2") != Secret("hunter3")
    assert Secret("hunter2") != "hunter2"
    assert Secret("x")
    assert not Secret("")


def test_making_a_secret_is_remembering_it() -> None:
    """Nobody has to think of it."""
    Secret("correct horse")

    assert redact("said: correct horse!") == "said: ***!"


# --- known secrets -------------------------------------------------------------------------------

ENCODERS: dict[str, Callable[[str], str]] = {
    "itself": lambda text: text,
    "percent": lambda text: quote(text, safe=""),
    "percent, as a path": quote,
    "percent, in lower case": lambda text: _lower(quote(text, safe="")),
    "percent, as a form": quote_plus,
    "percent, as JavaScript": lambda text: quote(text, safe="!'()*"),
    "percent, what had to be": lambda text: quote(text, safe="+=!$&'()*,;:"),
    "json": lambda text: json.dumps(text)[1:-1],
    "json as it is": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json of PHP": lambda text: json.dumps(text).replace("/", "\\/")[1:-1],
    "repr": lambda text: repr(text)[1:-1],
    "repr in a list with an apostrophe": lambda text: repr("'" + text)[2:-1],
    "repr of bytes": lambda text: repr(text.encode())[2:-1],
    "ascii": lambda text: ascii(text)[1:-1],
    "html": html.escape,
    "html without quotes": lambda text: html.escape(text, quote=False),
    "html of templates": lambda text: (
        html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    ),
    "shell": shlex.quote,
    "shell by hand": lambda text: text.replace("'", "'\\''"),
    "doubled apostrophes": lambda text: text.replace("'", "''"),
    "doubled quotes": lambda text: text.replace('"', '""'),
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 of a login": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "base64 of a line": lambda text: base64.b64encode(f"{text}\n".encode()).decode(),
    "base64 of a sentence": lambda text: base64.b64encode(f"ab {text} cd".encode()).decode(),
}


def _lower(escaped: str) -> str:
    first, *rest = escaped.split("%")
    return first + "".join("%" + part[:2].lower() + part[2:] for part in rest)


@pytest.mark.parametrize("name", sorted(ENCODERS))
@given(
    secret=secrets,
    before=st.text(alphabet=string.ascii_letters + " :=/\"'\n", max_size=12),
    after=st.text(alphabet=string.ascii_letters + " ,&@/\"'\n", max_size=12),
)
@settings(max_examples=max(25, settings().max_examples // 3))
@example(secret=AZURE_KEY, before="https://user:", after="@host/")
@example(secret='it\'s "here" & <there>\\n/=', before="", after="")
@example(secret="пароль-密碼-🔑", before="", after="")
@example(secret="пароль/密碼/🔑", before="", after="")
def test_a_known_secret_is_masked_however_it_comes_back(
    name: str, secret: str, before: str, after: str
) -> None:
    """Servers, proxies, logs and shells all have their own way to write it."""
    forget()
    remember(secret)
    written = ENCODERS[name](secret.strip())
    assume(len(written.strip()) >= 4)

    shown = redact(before + written + after)

    assert MASK in shown
    assert written.strip("'") not in shown
    assert secret.strip() not in shown


@given(secret=secrets, others=st.lists(secrets, max_size=3), data=st.data())
def test_no_secret_is_left_where_several_overlap(
    secret: str, others: list[str], data: st.DataObject
) -> None:
    """One secret that begins inside another leaves no tail of itself."""
    forget()
    known = [secret.strip(), *(other.strip() for other in others)]
    cut = data.draw(st.integers(1, len(known[0]) - 1))
    known.append(known[0][cut:] + "-tail")
    for each in known:
        remember(each)

    shown = redact(f"a {known[0]}-tail b {''.join(known)} c")

    assert not [each for each in known if each in shown]
    assert "-tail" not in shown


def test_a_secret_inside_another_does_not_end_the_mask_early() -> None:
    """The longer of two that begin together, or around each other, is masked whole."""
    for each in ("correct horse battery", "correct", "horse"):
        remember(each)

    assert redact("a correct horse battery b") == "a *** b"


def test_a_short_text_is_no_secret_worth_a_report() -> None:
    """A password of "1" would blank out every port."""
    for text in ("", "1", "abc", " a ", "*****"):
        remember(text)

    assert redact("port 1 of abc: a ***** b") == "port 1 of abc: a ***** b"


def test_base64_is_masked_as_a_whole() -> None:
    """The letters at its ends hold bits of the secret as well."""
    remember("hunter2")
    login = base64.b64encode(b"default:hunter2:more").decode()

    assert redact(f"header {login}, end") == "header ***, end"


def test_white_space_around_a_secret_does_not_hide_it() -> None:
    """A key that was pasted with its line break comes back without."""
    remember("hunter2\n")

    assert redact("tried hunter2.") == "tried ***."


# --- many at once --------------------------------------------------------------------------------


def one_by_one(text: str) -> str:
    """Mask known secrets as it was first written: a search for each form. The oracle."""
    spans: list[tuple[int, int]] = []
    for form in redaction._known:
        spans += redaction._spans(text, form)
    for core in redaction._known_base64:
        spans += (redaction._widened(text, span) for span in redaction._spans(text, core))
    parts, shown_to = [], 0
    for start, end in sorted(spans):
        if start >= shown_to:
            parts += [text[shown_to:start], MASK]
        shown_to = max(shown_to, end)
    return "".join(parts) + text[shown_to:]


# Few letters, so that forms overlap, repeat and begin inside each other.
tight = st.text(alphabet="ab1=%/", min_size=4, max_size=9)


@given(known=st.lists(tight | secrets, max_size=8), data=st.data())
@settings(max_examples=settings().max_examples * 2)
def test_many_are_masked_as_one_is(known: list[str], data: st.DataObject) -> None:
    """One pass over the text for all of them says what a search for each would."""
    forget()
    for each in known:
        remember(each)
    forms = sorted({*redaction._known, *redaction._known_base64})
    piece = tight | st.text(max_size=3) | (st.sampled_from(forms) if forms else tight)
    text = "".join(data.draw(st.lists(piece, max_size=12)))

    assert redaction._mask_known(text, lambda *_: True) == one_by_one(text)
    # Both ways are held to it, whichever the size of the text would choose.
    assert sorted(redaction._spans_of_all(text)) == sorted(redaction._spans_of_each(text))


def test_a_thousand_secrets_are_masked_in_any_text() -> None:
    """Whether the text is shorter or longer than all that is known."""
    known = [f"a-key-of-{number:04}!" for number in range(1000)]
    for each in known:
        remember(each)

    said = redact("x" * 50_000 + f" {known[7]} and {known[999]}; a-key-of-9999! ")
    short = redact(f"{known[7]} and {known[999]}; a-key-of-9999!")

    assert said[50_000:] == " *** and ***; a-key-of-9999! "
    assert short == "*** and ***; a-key-of-9999!"


# --- ordinary words ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "text", "shown"),
    [
        ("redis", "ERR I was sent AUTH redis", "ERR I was sent AUTH ***"),
        ("redis", "*2\\r\\n$4\\r\\nAUTH\\r\\n$5\\r\\nredis\\r\\n", "*2\\r\\n$4\\r\\nAUTH\\r\\n$5\\r\\n***\\r\\n"),
        ("redis", "$5\r\nredis\r\n", "$5\r\n***\r\n"),
        ("redis", "redis", "***"),
        ("redis", "said 'redis', (redis) and redis.", "said '***', (***) and ***."),
        ("redis", "pair default:redis refused", "pair default:*** refused"),
        ("redis", "redis://:redis@redis:6379", "redis://:***@redis:6379"),
        ("redis", "redis-cli -aredis -h redis.prod.svc", "redis-cli -a*** -h redis.prod.svc"),
        ("redis", "hex 7265646973, base64 cmVkaXM= end", "hex ***, base64 *** end"),
        ("password", "password=password", "password=***"),
        ("password", "ERR invalid password", "ERR invalid password"),
        ("password", "ERR invalid password: password", "ERR invalid password: ***"),
        ("Password", "the PASSWORD, the Password", "the PASSWORD, the ***"),
        ("default", "for the default user", "for the default user"),
        ("cache", "contoso.redis.cache.windows.net:6380", "contoso.redis.cache.windows.net:6380"),
        ("redis", "contoso.redis.cache.windows.net:6380", "contoso.redis.cache.windows.net:6380"),
        ("redis", "/providers/Microsoft.Cache/redis/shop", "/providers/Microsoft.Cache/redis/shop"),
        ("redis", "az-redis_cache rediscover", "az-redis_cache rediscover"),
    ],
)  # fmt: skip
def test_a_password_that_is_an_ordinary_word_is_masked_where_it_stands_alone(
    word: str, text: str, shown: str
) -> None:
    """As an echo of it would, and not as a part of names, paths and the servers' own sentences."""
    remember(word)

    assert redact(text) == shown


def test_our_own_sentences_do_not_give_an_ordinary_word_away() -> None:
    """Everybody knows them, and could fill the gap; where a value stands it is masked there, too."""
    for word in ("redis", "password"):
        remember(word)
    data = {"service": "redis", "said": "the password is refused; AUTH redis", "password": "redis"}

    assert redact_data(data) == {
        "service": "redis",
        "said": "the password is refused; AUTH ***",
        "password": "***",
    }
    assert redaction.redact_ours("redis-cli -a redis, redis://:redis@host, x='redis'") == (
        "redis-cli -a ***, redis://:***@host, x='***'"
    )


@given(
    text=st.lists(
        st.sampled_from(["redis", " ", ".", "=", "AUTH ", "-a", "a", "@", "'", "\\n", ":"])
    ).map("".join)
)
def test_ordinary_words_are_masked_once_and_for_all(text: str) -> None:
    """Twice is once, in either manner, and the milder of the two masks nothing that the other leaves."""
    forget()
    remember("redis")

    once, ours = redact(text), redaction.redact_ours(text)

    assert redact(once) == once
    assert redaction.redact_ours(ours) == ours
    assert redact(ours) == once


# --- by the looks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key {AZURE_KEY} end", "key *** end"),
        (f"key {quote(AZURE_KEY, safe='')} end", "key *** end"),
        (f"key {MARKED_KEY} end", "key *** end"),
        (f"token {TOKEN} end", "token *** end"),
        ("host:6380,password=hunter2,ssl=True", "host:6380,password=***,ssl=True"),
        (f"host:6380,password={AZURE_KEY},ssl=True", "host:6380,password=***,ssl=True"),
        ("PASSWORD = hunter2", "PASSWORD = ***"),
        ("REDIS_PASSWORD=hunter2 REDIS_HOST=h", "REDIS_PASSWORD=*** REDIS_HOST=h"),
        ("REDISCLI_AUTH='a b' redis-cli", "REDISCLI_AUTH='***' redis-cli"),
        ("?password=hunter2&db=1", "?password=***&db=1"),
        ("?password=hun&ter2&db=1", "?password=***&db=1"),
        ('{"password": "a\\"b", "port": 1}', '{"password": "***", "port": 1}'),
        ("password: hunter2", "password: ***"),
        ("Uid=sa;Pwd=hunter2;Db=1", "Uid=sa;Pwd=***;Db=1"),
        ("accessKey=abc;x=1", "accessKey=***;x=1"),
        ("primary_key: abc", "primary_key: ***"),
        ("SharedAccessKey=abc=", "SharedAccessKey=***"),
        ("?sv=1&sig=a%2Fb%3D&se=2", "?sv=1&sig=***&se=2"),
        ("client_secret=abc", "client_secret=***"),
        ("id abc8Q~0123456789012345678901234567890123 end", "id *** end"),
        ("auth=hunter2", "auth=***"),
        ("tls://h?auth=hunter2", "tls://h?auth=***"),
        ("requirepass hunter2", "requirepass ***"),
        ("masterauth hunter2", "masterauth ***"),
        ("redis-cli -h h -a hunter2 -p 1", "redis-cli -h h -a *** -p 1"),
        ("redis-cli -a 'x y' ping", "redis-cli -a '***' ping"),
        ("redis-cli --pass hunter2", "redis-cli --pass ***"),
        ("AUTH hunter2", "AUTH ***"),
        ("127.0.0.1:6379> AUTH secret", "127.0.0.1:6379> AUTH ***"),
        ("AUTH default pass", "AUTH *** ***"),
        ("HELLO 3 AUTH default Hunter2 SETNAME x", "HELLO 3 AUTH *** *** SETNAME x"),
        ('0 [0 1.1.1.1:1] "AUTH" "default" "hunter 2"', '0 [0 1.1.1.1:1] "AUTH" "***"'),
        (
            "ERR unknown command 'AUTH', with args beginning with: 'hunter2' ",
            "ERR unknown command 'AUTH', with args beginning with: ***",
        ),
        ("Authorization: Bearer abc", "Authorization: Bearer ***"),
        ('"Authorization": "Basic dTpw"', '"Authorization": "Basic ***"'),
        ("sent bearer abcdef0123456789abcd", "sent bearer ***"),
        ("rediss://:hunter2@host:6380/0", "rediss://:***@host:6380/0"),
        ("rediss://bob:hunter2@host", "rediss://bob:***@host"),
        ("rediss://:hun/ter@2@host:6380", "rediss://:***@host:6380"),
        ("redis://hunter2@host", "redis://***@host"),
        ("http://bob:pw@proxy:3128, then", "http://bob:***@proxy:3128, then"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----",
        ),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, shown: str) -> None:
    """Nobody told us of it, and the rest stays readable."""
    assert redact(text) == shown


ORDINARY = [
    "AUTH failed: WRONGPASS invalid username-password pair or user is disabled.",
    "AUTH failed",
    "AUTH to 10.0.0.4:6380 took 3 ms",
    "AUTH is answered",
    "NOAUTH Authentication required.",
    "ERR AUTH <password> called without any password configured for the default user.",
    "otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client",
    "auth=none user=bob db=0 tls=true",
    "--auth entra",
    "cache.redis.cache.windows.net:6380 → 20.42.65.90, 2603:1030:c02:2::6",
    "redis://[2001:db8::1]:6379/0",
    "redis://host:6379/0?socket_timeout=5",
    "CN=*.redis.cache.windows.net,O=Microsoft Corporation,L=Redmond,ST=WA,C=US",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15:A3:BF:4F:1B:2B:0B:82:2C:D1:5D:6C:15",
    "pin-sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/prod",
    "Basic, Standard and Premium",
    "the token: expired an hour ago",
    "2026-11-26T00:47:58Z used_memory:1048576 maxmemory_policy:noeviction",
    "Error 111 connecting to h:6380. Connection refused.",
    "compass=3 bypass=1 keyspace: 5 monkey=2",
    "key rotation, access keys and passwords are explained below",
    "az redis list-keys --name contoso --resource-group prod",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """A report that hides everything tells nothing."""
    assert redact(text) == text


labels = st.from_regex(r"[a-z][a-z0-9]{0,14}", fullmatch=True)


@given(
    host=st.lists(labels, min_size=1, max_size=5).map(".".join),
    port=st.integers(1, 65535),
    address=st.ip_addresses(),
    digest=st.binary(min_size=32, max_size=32),
)
def test_names_addresses_and_fingerprints_stay_readable(
    host: str, port: int, address: object, digest: bytes
) -> None:
    """They are what a diagnosis is about."""
    text = (
        f"{host}:{port} is {address}, certificate CN={host},O=x of sha256 {digest.hex()}; "
        f"redis://{host}:{port}/0 was refused"
    )

    assert redact(text) == text


# --- whatever the text ---------------------------------------------------------------------------

pieces = st.sampled_from(
    [
        "password=", '"password": "', "pwd: ", "AUTH ", '"AUTH" "', "-a ", "://", "@", ":", "sig=",
        "Bearer ", "Authorization: ", "requirepass ", "***", "*", AZURE_KEY, TOKEN, "AzCa", "eyJ", ".",
        "Q~", "%3D", "'", '"', "\\", "&", "&a=", ";", ",", " ", "\n", "hunter2", "unknown command 'auth'",
        ", with args beginning with: ", "-----BEGIN PRIVATE KEY-----", "-----",
    ]
)  # fmt: skip


@given(
    text=st.lists(pieces | st.text(max_size=4), max_size=14).map("".join),
    known=st.lists(secrets | st.text(alphabet="*a", min_size=4, max_size=6), max_size=2),
)
def test_redacting_twice_is_redacting_once(text: str, known: list[str]) -> None:
    """Reports, bundles and errors may pass through it again and again."""
    forget()
    for each in known:
        remember(each)

    once = redact(text)

    assert redact(once) == once


@given(text=st.text(st.characters(), max_size=200))
def test_no_text_is_too_strange(text: str) -> None:
    """Lone surrogates, control characters: something comes back, and nothing is raised."""
    forget()
    remember("hunter2")
    remember(text)

    assert isinstance(redact(text + "hunter2"), str)
    assert "hunter2" not in redact(f"{text}\nhunter2")


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "aB3+",
        "&a",
        "://",
        "://a:",
        "AUTH ",
        "pwd=",
        'pwd="',
        "eyJ",
        "-a ",
        "=.",
        "%2F",
        "hunter2",
    ],
)
def test_the_time_grows_with_the_text_and_no_faster(unit: str) -> None:
    """Eight times the text takes about eight times as long, not sixty-four."""
    remember("hunter2")

    def spent_s(size: int) -> float:
        text = "password=" + unit * (size // len(unit))
        started = time.process_time()
        redact(text)
        return time.process_time() - started

    spent_s(1000)
    small = min(spent_s(20_000) for _ in range(3))
    large = min(spent_s(160_000) for _ in range(2))

    assert large < 30 * small + 0.05


def test_data_is_redacted_at_every_depth_and_keeps_its_shape() -> None:
    """A report's schema may not depend on what the password is."""
    remember("schema")

    shown = redact_data({"schema": "a schema", "list": ["schema", 1, None, {"deep": ("schema",)}]})

    assert shown == {"schema": "a ***", "list": ["***", 1, None, {"deep": ["***"]}]}


def test_a_key_that_is_free_text_is_redacted_as_well() -> None:
    """Counts by client name or address have names for keys."""
    remember("hunter2!")

    assert redact_data({"client hunter2!": 1}) == {"client ***": 1}
