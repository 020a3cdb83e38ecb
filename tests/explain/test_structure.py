"""What is read beside fixed words: frames, names, counters, times, and who else is spoken of.

Each class of texts stands with a near miss, which looks alike and says something else.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refused.api import explain, read_text
from refused.diagnosis.text import NAMED
from refused.evidence.error_times import is_round
from refused.evidence.host_names import oddities, oddity
from refused.service.hosted import HOSTED, hosted_service

# Wanted is the cause that stands first; with a question mark, within three and no other one named;
# with an exclamation mark, one that must not stand first, or, with both, not be named; or no cause at all.
TEXTS: list[dict[str, str]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "structure.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("told", TEXTS, ids=[each["id"] for each in TEXTS])
def test_a_text_is_read_by_its_structure(told: dict[str, str]) -> None:
    """The right cause first, or not the wrong one, or none."""
    wanted, causes = told["wanted"], explain(told["text"]).causes
    ids = [each.id for each in causes]
    first = ids[0] if ids else ""
    named = first if causes and causes[0].probability > NAMED else ""
    cause = wanted.strip("!?")
    if wanted.startswith("!"):
        assert (named if wanted.endswith("?") else first) != cause, ids[:4]
    elif wanted.endswith("?"):
        assert cause in ids[:3], ids[:4]
        assert named in ("", cause)
    else:
        assert first == cause, ids[:4]


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("REDIS_HOST", "setting"),
        ("redisHost", "setting"),
        ("spring.redis.host", "setting"),
        ("ConnectionString:6379", "setting"),
        ("<your-host>", "template"),
        ("%REDIS_URL%", "template"),
        ("null", "nothing"),
        ("", "nothing"),
        ("rediss://cache:6380", "url"),
        ("https", "url"),
        ("default", "user"),
        ("redis", ""),
        ("my_redis", ""),
        ("WEB_01", ""),
        ("DESKTOP-1AB2", ""),
        ("redis.default.svc", ""),
        ("cache.example.net/<unresolved>", ""),
        ("fe80::1", ""),
    ],
)
def test_what_is_no_host(host: str, kind: str) -> None:
    """And what may well be one."""
    assert oddity(host) == kind


def test_a_password_after_an_empty_user_is_no_empty_host() -> None:
    """The host stands behind it."""
    assert oddities("connecting to redis://:s3cret@cache:6379") == ()
    assert oddities("connecting to redis://:6379") == ("nothing",)


@pytest.mark.parametrize(
    ("seconds", "is_one"),
    [(30.1, True), (300.9, True), (350.0, True), (600.4, True), (29.0, False), (217.4, False), (305.0, False)],
)  # fmt: skip
def test_what_may_be_a_limit_of_idle_time(seconds: float, is_one: bool) -> None:
    """The end is noticed a little later, and hardly ever before."""
    assert is_round(seconds) == is_one


@pytest.mark.parametrize("second", range(60))
def test_no_second_of_a_minute_looks_like_a_port(second: int) -> None:
    """A service's port is not read out of a time."""
    line = f"2024-02-01T10:{second:02}:{second:02}.5Z [app] Error: read ECONNRESET"
    assert read_text(line)


def test_a_hosted_service_is_known_by_its_names() -> None:
    """And says where its provider says so."""
    assert all(each[6].startswith("https://") for each in HOSTED)
    tls = [
        (hosted_service(host) or pytest.fail(host)).speaks_tls_alone
        for host in (
            "x.serverless.use1.cache.amazonaws.com",
            "replica.x.ab12cd.use1.cache.amazonaws.com.",
            "x.ab12cd.clustercfg.use1.cache.amazonaws.com",
            "fly-x.upstash.io",
        )
    ]
    assert tls == [True, True, None, None]
    assert hosted_service("cache.example.net") is None
