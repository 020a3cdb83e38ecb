"""Settings that exist are judged: what is bad is found on its line, and nothing is fine by silence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.cli.main import main
from refused.evidence.parse_target import BadTarget
from refused.lint import sources, values
from refused.lint.client_settings import judge
from refused.lint.options import client_in
from refused.remedies.clients import all_libraries
from refused.remedies.clients.wanted import NoRoom, Wanted

if TYPE_CHECKING:
    from pathlib import Path

KEY = "u7Hq2Zk0vYw8sXe5Rt1Lp9Nb4Mc6Jd3FgAzCaQ0aBc="
HOST = "contoso.redis.cache.windows.net"

# Shape: (file, library, text, {(setting's last word in lower case, line): severity}).
BAD: list[tuple[str, str, str, dict[tuple[str, int], str]]] = [
    (
        "Cache.cs",
        "StackExchange.Redis",
        f"""using StackExchange.Redis;
class A {{
  void F() {{
    // AllowAdmin = true in a comment is none
    using (var m = ConnectionMultiplexer.Connect(new ConfigurationOptions {{
      EndPoints = {{ {{ "{HOST}", 6379 }} }}, AbortOnConnectFail = true,
      ConnectTimeout = 500, Password = "{KEY}",
      SslProtocols = SslProtocols.Tls11, AllowAdmin = true,
      SyncTimeout = 60000 }})) {{ }}
  }}
}}""",
        {
            ("connectionmultiplexer", 5): "high",
            ("tls", 6): "high",
            ("abortonconnectfail", 6): "medium",
            ("connecttimeout", 7): "medium",
            ("password", 7): "high",
            ("sslprotocols", 8): "high",
            ("allowadmin", 8): "low",
            ("synctimeout", 9): "medium",
        },
    ),
    (
        "cache.py",
        "redis-py",
        f"""import redis
r = redis.Redis(
    host="{HOST}", port=6380, ssl=True,
    ssl_cert_reqs=None, ssl_check_hostname=False,
    socket_timeout=None, socket_connect_timeout=0.5,
    password="{KEY}", max_connections=2**31, db=0)
""",
        {
            ("ssl_cert_reqs", 4): "high",
            ("ssl_check_hostname", 4): "high",
            ("socket_timeout", 5): "high",
            ("socket_connect_timeout", 5): "medium",
            ("password", 6): "high",
        },
    ),
    (
        "Cache.java",
        "Lettuce",
        f"""import io.lettuce.core.RedisURI;
class C {{ Object u = RedisURI.builder().withHost("{HOST}").withPort(6380)
  .withSsl(true).withVerifyPeer(false)
  .withTimeout(Duration.ofMillis(200)).build(); }}""",
        {
            ("withverifypeer", 3): "high",
            ("withtimeout", 4): "medium",
            ("tcpusertimeout", 0): "high",
        },
    ),
    (
        "Pool.java",
        "Jedis",
        f"""import redis.clients.jedis.*;
class P {{ void f() {{
  pool.setMaxWait(Duration.ofMillis(-1));
  settings.socketTimeoutMillis(0);
  new HostAndPort("{HOST}", 6379);
}} }}""",
        {
            ("setmaxwait", 3): "medium",
            ("sockettimeoutmillis", 4): "high",
            ("tls", 5): "high",
            ("connectiontimeoutmillis", 0): "medium",
            ("setmaxtotal", 0): "low",
        },
    ),
    (
        "redisson.yaml",
        "Redisson",
        f"""singleServerConfig:
  address: "redis://{HOST}:6379"
  connectionMinimumIdleSize: 24
  connectionPoolSize: 64
  timeout: 3000
  sslVerificationMode: NONE
""",
        {
            ("tls", 2): "high",
            ("connectionminimumidlesize", 3): "medium",
            ("sslverificationmode", 6): "high",
            ("tcpusertimeout", 0): "medium",
        },
    ),
    (
        "application.yml",
        "Spring Boot",
        f"""spring:
  data:
    redis:
      host: {HOST}
      port: 6380
      password: hunter2
      lettuce:
        cluster:
          refresh:
            adaptive: false
""",
        {
            ("tls", 4): "high",
            ("spring.data.redis.password", 6): "high",
            ("spring.data.redis.lettuce.cluster.refresh.adaptive", 10): "medium",
            ("spring.data.redis.timeout", 0): "medium",
            ("spring.data.redis.connect-timeout", 0): "low",
            ("tcpusertimeoutoptions, in a bean", 0): "low",
        },
    ),
    (
        "application.properties",
        "Spring Boot",
        (f"spring.data.redis.host={HOST}\nspring.data.redis.port=6380\nspring.data.redis.ssl.enabled=true\n"
        "spring.data.redis.timeout=100ms\nspring.data.redis.lettuce.pool.max-active=5000\n"),
        {
            ("spring.data.redis.timeout", 4): "medium",
            ("spring.data.redis.lettuce.pool.max-active", 5): "medium",
            ("spring.data.redis.connect-timeout", 0): "low",
            ("tcpusertimeoutoptions, in a bean", 0): "low",
        },
    ),
    (
        "cache.js",
        "ioredis",
        f"""const Redis = require('ioredis');
const r = new Redis({{ host: '{HOST}', port: 6380, password: '{KEY}',
  tls: {{ rejectUnauthorized: false }},
  maxRetriesPerRequest: null,
  retryStrategy: () => null }});""",
        {
            ("password", 2): "high",
            ("rejectunauthorized", 3): "high",
            ("maxretriesperrequest", 4): "medium",
            ("retrystrategy", 5): "high",
            ("commandtimeout", 0): "high",
            ("on('error')", 0): "medium",
        },
    ),
    (
        "cache.ts",
        "node-redis",
        f"""import {{ createClient }} from 'redis';
const client = createClient({{ url: 'redis://:{KEY.replace("=", "%3D")}@{HOST}:6379',
  socket: {{ reconnectStrategy: false, connectTimeout: 60 * 1000 }} }});""",
        {
            ("tls", 2): "high",
            ("connection string", 2): "high",
            ("reconnectstrategy", 3): "high",
            ("connecttimeout", 3): "low",
            ("on('error')", 0): "high",
            ("pinginterval", 0): "medium",
        },
    ),
    (
        "cache.go",
        "go-redis",
        f"""package cache
import "github.com/redis/go-redis/v9"
var c = redis.NewClient(&redis.Options{{
	Addr:        "{HOST}:6380",
	ReadTimeout: 200 * time.Millisecond,
	MaxRetries:  -1,
	TLSConfig:   &tls.Config{{InsecureSkipVerify: true}},
}})""",
        {
            ("readtimeout", 5): "medium",
            ("maxretries", 6): "medium",
            ("insecureskipverify", 7): "high",
            ("connmaxidletime", 0): "high",
        },
    ),
    (
        "cache.php",
        "phpredis",
        f"""<?php
$r = new Redis(); # a comment
$r->connect('{HOST}', 6379);
$r->auth('{KEY}');
""",
        {
            ("tls", 3): "high",
            ("$r->auth", 4): "high",
            ("pconnect", 0): "medium",
            ("connect", 3): "high",
        },
    ),
    (
        "cache.php",
        "Predis",
        f"""<?php
$c = new Predis\\Client(['scheme' => 'tls', 'host' => '{HOST}', 'port' => 6380,
  'read_write_timeout' => 0, 'ssl' => ['verify_peer' => false]]);
""",
        {
            ("read_write_timeout", 3): "high",
            ("verify_peer", 3): "high",
            ("persistent", 0): "medium",
        },
    ),
    (
        "cache.rb",
        "redis-rb",
        f"""require "redis"
$r = Redis.new(host: "{HOST}", port: 6380, ssl: true,
  ssl_params: {{ verify_mode: OpenSSL::SSL::VERIFY_NONE }},
  reconnect_attempts: 0, timeout: 0.2)
""",
        {
            ("verify_mode", 3): "high",
            ("reconnect_attempts", 4): "medium",
            ("timeout", 4): "medium",
            ("connect_timeout", 0): "low",
        },
    ),
    (
        "celeryconfig.py",
        "Celery",
        f"""broker_url = "redis://{HOST}:6379/0"
redis_max_connections = 2000
""",
        {
            ("tls", 1): "high",
            ("redis_max_connections", 2): "medium",
            ("broker_transport_options socket_timeout", 0): "high",
        },
    ),
    (
        "settings.py",
        "Django",
        f"""CACHES = {{"default": {{"BACKEND": "django_redis.cache.RedisCache",
  "LOCATION": "rediss://{HOST}:6380/0",
  "OPTIONS": {{"SOCKET_TIMEOUT": 0.1, "CONNECTION_POOL_KWARGS": {{"ssl_cert_reqs": None}}}}}}}}
""",
        {("socket_timeout", 3): "medium", ("ssl_cert_reqs", 3): "high"},
    ),
    (
        ".env",
        "settings by name",
        f"REDIS_HOST={HOST}\nREDIS_PORT=6379\nREDIS_PASSWORD={KEY}\nREDIS_SSL=false\n",
        {("tls", 0): "high"},
    ),
    (
        "",
        "StackExchange.Redis",
        f"{HOST}:6379,password={KEY},ssl=False,abortConnect=True,connectTimeout=1000,syncTimeout=100",
        {
            ("tls", 0): "high",
            ("abortconnect", 0): "medium",
            ("connect timeout", 0): "medium",
            ("command timeout", 0): "medium",
        },
    ),
    ("", "connection string", "fabrikam.westeurope.redis.azure.net:6380", {("port", 0): "high"}),
    ("", "redis-py", f"rediss://{HOST}:6380?ssl_cert_reqs=none", {("certificate checks", 0): "high"}),
    ("", "connection string", "rediss://20.42.65.90:6380", {("host", 0): "high"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "library", "text", "wanted"), BAD)
def test_what_is_bad_is_found_where_it_stands(
    name: str, library: str, text: str, wanted: dict[tuple[str, int], str]
) -> None:
    """Each with its line and its severity; all of it, and nothing else."""
    verdict = judge(text, name=name)
    assert verdict.client == library
    found = {
        (
            each.setting.lower().removeprefix("$r->")
            if each.setting != "$r->auth"
            else each.setting,
            each.line,
        ): each.severity
        for each in verdict.findings
    }
    found = {
        (setting.rpartition(".")[2] if library != "Spring Boot" else setting, line): how
        for (setting, line), how in found.items()
    }
    assert found == wanted


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, _, text, _ in BAD])
def test_no_key_is_ever_shown(
    name: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither by text nor by JSON; from a file and from a string."""
    given_ = text
    if name:
        (tmp_path / name).write_text(text)
        given_ = str(tmp_path / name)
    for more in ((), ("--json",)):
        assert main(["client-config", "--check", given_, *more]) == 1
        out = capsys.readouterr()
        for secret in (KEY, KEY.replace("=", "%3D"), KEY[:-1], "hunter2"):
            assert secret not in out.out + out.err


@pytest.mark.parametrize("library", all_libraries(), ids=lambda each: each.NAME)
def test_what_we_advise_ourselves_is_found_to_be_good(library: object) -> None:
    """Whatever the login; and where TLS is left out, that is what is said."""
    base = Wanted(host=HOST, port=6380, tls=True, service="acr", auth="key", sku="C1", limit=1000)
    for auth in ("key", "entra", "none"):
        for cluster in (False, True):
            made = base.replace(auth=auth, cluster=cluster, shards=3 if cluster else 1)
            try:
                files = library.config(made).files  # type: ignore[attr-defined]
            except NoRoom:
                continue
            for file in files:
                verdict = judge(file.text, name=file.name)
                assert verdict.client == library.NAME  # type: ignore[attr-defined]
                assert verdict.judged > 1
                assert [each for each in verdict.findings if each.severity != "low"] == []


def test_django_redis_is_djangos_and_no_client_of_go() -> None:
    """Its name ends like that of another library, in requirements, comments and in what we print."""
    text = f"""# pip install django-redis
CACHES = {{"default": {{"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "rediss://{HOST}:6380/0",
  "OPTIONS": {{"CONNECTION_POOL_KWARGS": {{"ssl_cert_reqs": None}}}}}}}}
"""
    verdict = judge(text, name="settings.py")

    assert verdict.client == "Django"
    assert ("ssl_cert_reqs", 3) in {(each.setting, each.line) for each in verdict.findings}


@pytest.mark.parametrize(
    "text",
    ["print('hello')\nx = 1\n", "package main\nfunc main() {}\n", "a: 1\nb: 2\n", '{"a": 1}\n\n'],
)
def test_where_no_client_is_found_nothing_is_called_fine(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said, and the exit code says it, too."""
    file = tmp_path / "some.txt"
    file.write_text(text)
    assert main(["client-config", "--check", str(file)]) == 3
    assert "Nothing was judged" in capsys.readouterr().out


def test_where_all_comes_from_elsewhere_it_is_said() -> None:
    """A time-out from a variable is not judged, and not passed over."""
    text = "import redis\nr = redis.Redis(socket_timeout=TIMEOUT, host=HOST)\n"
    verdict = judge(text, name="cache.py")
    assert any("socket_timeout comes from elsewhere" in each for each in verdict.unread)


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """And a string that is none gets one line."""
    assert main(["client-config", "--check", "nowhere.yml"]) == 2
    assert "no such file" in capsys.readouterr().err
    with pytest.raises(BadTarget):
        judge("three little words")


@pytest.mark.parametrize(
    ("text", "unit_s", "time_s"),
    [
        ("5 * time.Second", 1e-9, 5.0),
        ("time.Minute", 1e-9, 60.0),
        ("Duration.ofMillis ( 200 )", 0.001, 0.2),
        ("TimeSpan.FromSeconds(5)", 0.001, 5.0),
        ("60 * 1000", 0.001, 60.0),
        ("5_000", 0.001, 5.0),
        ("'PT5S'", 0.001, 5.0),
        ("250ms", 1.0, 0.25),
        ("5.0", 1.0, 5.0),
        ("TIMEOUT", 1.0, None),
        ("timedelta(seconds=5)", 1.0, 5.0),
    ],
)
def test_times_are_read_in_every_language(text: str, unit_s: float, time_s: float | None) -> None:
    """Or it is said that they cannot be."""
    found = values.seconds(text, unit_s)
    assert found == (None if time_s is None else pytest.approx(time_s))


def test_a_pool_is_held_against_the_tier() -> None:
    """Where the room of a process is known."""
    text = "import redis\nr = redis.Redis(max_connections=100)\n"
    assert [each.severity for each in judge(text, name="a.py", room=20).findings] == ["high"]
    assert judge(text, name="a.py", room=100).findings == ()


def test_comments_and_strings_are_told_apart() -> None:
    """In each language its own way."""
    text = 'a = 1 // b = 2\nc = "// d = 3" /* e = 4\n*/ f = 5\n'
    assert [(each.name, each.line) for each in sources.from_code(text, "//")] == [
        ("a", 1),
        ("c", 2),
        ("f", 3),
    ]


@given(text=st.text(max_size=300), kind=st.sampled_from(sorted(sources.SUFFIXES)))
def test_no_text_breaks_the_reader(text: str, kind: str) -> None:
    """Nor the judge, whatever library it names."""
    for library in (
        "",
        "import redis\n",
        "using StackExchange.Redis;\n",
        "new Redis(\n",
        "spring.redis.host=a\n",
    ):
        verdict = judge(f"{library}{text}\n", name=f"file{kind}")
        json.dumps(verdict.to_json())


@given(text=st.text(alphabet="redisjtlsabcpw:/=,.;'\"(){}[] \n0123456789$", max_size=200))
def test_nothing_like_code_breaks_it_either(text: str) -> None:
    """With the letters that settings are made of."""
    judge(f"const r = require('ioredis');\n{text}\n", name="a.js")
    assert client_in(f"require('ioredis') {text}") in (
        "ioredis",
        *(each.NAME for each in all_libraries()),
    )
