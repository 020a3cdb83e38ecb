"""Targets: every form in which people have one at hand, and one clear line for every mistake."""

from __future__ import annotations

import json
import shlex
import string
import time
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from redis.connection import parse_url

from refused.evidence.parse_target import (
    LONGEST,
    BadTarget,
    Resource,
    kind_of,
    parse_resource,
    parse_target,
)
from refused.evidence.redaction import MASK

if TYPE_CHECKING:
    from refused.evidence.target import Parsed

KEY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
ESCAPED = quote(KEY, safe="")
TOKEN = "eyJ0eXAiOiJKV1Qi.eyJvaWQiOiIwMDAwIn0.c2lnbmF0dXJl-_x"
ACR = "contoso.redis.cache.windows.net"
AMR = "fabrikam.westeurope.redis.azure.net"
ACRE = "adatum.westeurope.redisenterprise.cache.azure.net"


def seen(parsed: Parsed) -> dict[str, Any]:
    """Return target and settings as one flat dict, with the key in the open."""
    key = parsed.credentials.password
    settings = {} if parsed.settings is None else parsed.settings.to_json()
    return {
        **settings,
        **parsed.target.to_json(),
        "login": parsed.credentials.user,
        "key": None if key is None else key.reveal(),
    }


def hold(text: str, expected: dict[str, Any], **options: Any) -> None:
    """Hold what *text* is read as against what is *expected* of it."""
    found = seen(parse_target(text, **options))
    assert {name: found.get(name) for name in expected} == expected


def refusal(text: str, **options: Any) -> str:
    """Return the line with which *text* is refused."""
    with pytest.raises(BadTarget) as caught:
        parse_target(text, **options)
    line = str(caught.value)
    assert line
    assert line.isprintable()
    assert len(line) < 200
    return line


# --- endpoints -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "host", "port", "given"),
    [
        ("cache.example", "cache.example", 6379, False),
        ("cache.example:7000", "cache.example", 7000, True),
        ("  Cache.Example.:7000\n", "cache.example", 7000, True),
        ("localhost", "localhost", 6379, False),
        ("redis:6379", "redis", 6379, True),
        ("my_redis_1:6379", "my_redis_1", 6379, True),
        ("10.0.0.4", "10.0.0.4", 6379, False),
        ("10.0.0.4:65535", "10.0.0.4", 65535, True),
        ("10.1.10.1", "10.1.10.1", 6379, False),
        ("::1", "::1", 6379, False),
        ("2001:DB8::6379", "2001:db8::6379", 6379, False),
        ("[::1]", "::1", 6379, False),
        ("[2001:db8::1]:6380", "2001:db8::1", 6380, True),
        ("[fe80::1%eth0]:6379", "fe80::1%eth0", 6379, True),
        ("bücher.example:1", "xn--bcher-kva.example", 1, True),
        ("redis.redis", "redis.redis", 6379, False),
        ('"cache.example:7000"', "cache.example", 7000, True),
        ("\u201ccache.example:7000\u201d", "cache.example", 7000, True),
    ],
)
def test_an_endpoint_is_read(text: str, host: str, port: int, given: bool) -> None:
    """A host, with a port or without."""
    hold(text, {"form": "host", "host": host, "port": port, "port_given": given, "key": None})


@pytest.mark.parametrize(
    ("text", "service", "port", "tls"),
    [
        (ACR, "acr", 6380, True),
        (f"{ACR}:6379", "acr", 6379, False),
        (f"{ACR}:15001", "acr", 15001, True),
        (f"{ACR}:13001", "acr", 13001, False),
        (f"{ACR}:443", "acr", 443, True),
        (AMR, "amr", 10000, True),
        (f"{AMR}:8501", "amr", 8501, True),
        (ACRE, "acre", 10000, True),
        ("contoso.redis.cache.window.net", "redis", 6380, True),
        ("cache.example", "redis", 6379, False),
        ("cache.example:6380", "redis", 6380, True),
        ("10.0.0.4:10000", "redis", 10000, True),
        ("cache.example:7000", "redis", 7000, False),
    ],
)
def test_service_and_port_tell_whether_tls_is_to_be_expected(
    text: str, service: str, port: int, tls: bool
) -> None:
    """A bare address says nothing of TLS, but Azure's names and ports do."""
    hold(text, {"service": service, "port": port, "tls": tls, "auth": "none"})


def test_a_bare_name_may_be_a_cache_that_the_control_plane_knows() -> None:
    """A name without dots is kept as it is; with a port it is a host of the local network."""
    hold("contoso", {"form": "name", "host": "contoso", "service": "redis", "text": "contoso"})
    hold("contoso:6379", {"form": "host"})


# --- URLs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h", {"form": "url", "port": 6379, "tls": False, "port_given": False}),
        ("rediss://h:6380", {"tls": True, "port": 6380, "auth": "none", "key": None}),
        (f"rediss://{ACR}", {"port": 6380, "port_given": False, "service": "acr"}),
        (f"rediss://:{ESCAPED}@{ACR}:6380/3", {"key": KEY, "login": None, "db": 3, "auth": "key"}),
        (f"rediss://:{KEY.replace('/', '%2f')}@h", {"key": KEY}),
        ("redis://default:pw@h", {"key": "pw", "login": "default", "user": "default"}),
        ("redis://bo%40b:p%253Aw@h", {"key": "p%3Aw", "login": "bo@b"}),
        ("redis://:a:b@h", {"key": "a:b"}),
        ("redis://bob:@h", {"key": "", "login": "bob", "auth": "none"}),
        ("redis://key@h", {"key": "key", "login": None}),
        (f"rediss://oid:{TOKEN}@h", {"auth": "entra", "login": "oid"}),
        ("redis://[::1]:7000/1", {"host": "::1", "port": 7000, "db": 1}),
        ("redis://[fe80::1%25eth0]:7000", {"host": "fe80::1%eth0"}),
        ("REDISS://H.example:1", {"tls": True, "host": "h.example"}),
        ("valkey://h:1", {"tls": False}),
        ("valkeys://h:1", {"tls": True}),
        ("redis+tls://h:1", {"tls": True}),
        ("redis+ssl://h:1", {"tls": True}),
        ("rediss+cluster://h:1", {"tls": True, "cluster_aware": True}),
        ("redis://h:1/", {"db": None}),
        ("redis://h:1?db=5", {"db": 5}),
        ("redis://h:1/4?db=5", {"db": 5}),
        ("redis://h:1?ssl=true", {"tls": True}),
        ("redis://h?username=bob&password=p%26w", {"key": "p&w", "login": "bob"}),
        ("redis://:first@h?password=second", {"key": "first"}),
        ("redis://key@h1:7000,h2:7001", {"host": "h1", "other_hosts": ["h2:7001"], "cluster_aware": True}),
        ("rediss://:pw@h1:1;rediss://:pw@h2:2", {"host": "h1", "other_hosts": ["h2:2"]}),
        ("tcp://h1:1?weight=1, tcp://h2:2?weight=2", {"host": "h1", "other_hosts": ["h2:2"]}),
    ],
)  # fmt: skip
def test_a_url_is_read(url: str, expected: dict[str, Any]) -> None:
    """Scheme, login, place and database, each escape decoded once."""
    hold(url, expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            "socket_connect_timeout=2&socket_timeout=0.5&max_connections=7&protocol=3",
            {
                "client": "redis-py",
                "connect_timeout_ms": 2000.0,
                "command_timeout_ms": 500.0,
                "pool_size": 7,
                "protocol": 3,
            },
        ),
        ("ssl_cert_reqs=none", {"client": "redis-py", "verify": False}),
        ("ssl_cert_reqs=CERT_REQUIRED", {"client": "redis-py", "verify": True}),
        ("ssl_cert_reqs=optional", {"verify": True}),
        ("ssl_check_hostname=False", {"check_hostname": False}),
        ("ssl_ca_certs=/etc/ca.pem&ssl_min_version=771", {"ca_file": "/etc/ca.pem", "min_tls": "1.2"}),
        ("health_check_interval=30", {"keepalive_s": None, "others": ["health_check_interval=30"]}),
        ("socket_timeout=1&timeout=20", {"command_timeout_ms": 1000.0, "others": ["timeout=20000ms"]}),
        ("timeout=5s&database=2&verifyPeer=CA", {"client": "Lettuce", "command_timeout_ms": 5000.0,
                                                 "db": 2, "verify": True, "check_hostname": False}),
        ("timeout=250", {"client": "", "command_timeout_ms": 250.0}),
        ("timeout=0", {"command_timeout_ms": None, "others": ["timeout=0"]}),
        ("verifyPeer=NONE", {"verify": False, "check_hostname": False}),
        ("clientName=shop", {"client": "Lettuce", "others": ["clientname=shop"]}),
        ("dial_timeout=3&read_timeout=500ms&pool_size=20&max_retries=2", {
            "client": "go-redis", "connect_timeout_ms": 3000.0, "command_timeout_ms": 500.0,
            "pool_size": 20, "retries": 2}),
        ("dial_timeout=1m30s", {"connect_timeout_ms": 90000.0}),
        ("read_timeout=-1", {"command_timeout_ms": None}),
        ("skip_verify=true", {"client": "go-redis", "verify": False, "check_hostname": False}),
        ("addr=h2:7001&addr=h3:7002", {"cluster_aware": True, "other_hosts": ["h2:7001", "h3:7002"]}),
        ("family=6&connectTimeout=2000&commandTimeout=100&keepAlive=30000&maxRetriesPerRequest=1", {
            "client": "ioredis", "connect_timeout_ms": 2000.0, "command_timeout_ms": 100.0,
            "keepalive_s": 30.0, "retries": 1, "others": ["family=6"]}),
        ("colour=red", {"client": "", "others": ["colour=red"]}),
        ("colour=blueish", {"others": ["colour=***"]}),
        ("pasword=hunter2", {
            "others": ["pasword=***"], "key": None, "text": "rediss://h:6380?pasword=***"}),
        ("ssl_password=hunter2", {"others": ["ssl_password=***"]}),
    ],
)  # fmt: skip
def test_options_of_a_url_are_the_settings_of_one_library(
    options: str, expected: dict[str, Any]
) -> None:
    """Each library has names and units of its own."""
    hold(f"rediss://h:6380?{options}", expected)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("tls://h:6380?auth=hun%2Bter2&timeout=2.5&database=3", {
            "tls": True, "client": "phpredis", "key": "hun+ter2", "connect_timeout_ms": 2500.0, "db": 3}),
        ("tcp://h?auth[]=bob&auth[]=pw", {"tls": False, "login": "bob", "key": "pw"}),
        ("tcp://h?auth[]=pw", {"login": None, "key": "pw"}),
        ("tcp://h?auth[user]=bob&auth[pass]=pw", {"login": "bob", "key": "pw"}),
        ("tls://h?password=pw&read_write_timeout=5&ssl[cafile]=/ca&ssl[verify_peer]=0", {
            "client": "Predis", "command_timeout_ms": 5000.0, "ca_file": "/ca", "verify": False}),
        ("tls://h?stream[peer_name]=other.example&stream[verify_peer_name]=0", {
            "sni": "other.example", "check_hostname": False}),
        ("rediss://h/#insecure", {"client": "redis-rs", "verify": False, "check_hostname": False}),
    ],
)  # fmt: skip
def test_urls_of_php_and_rust_are_read(url: str, expected: dict[str, Any]) -> None:
    """They put the key among the options, or say in the fragment that nothing is checked."""
    hold(url, expected)


def test_a_library_that_gave_itself_away_dials_its_own_default_port() -> None:
    """redis-py goes to 6379 with TLS, too, and so do we; of an unknown client we expect the best."""
    hold(f"rediss://{ACR}?ssl_cert_reqs=required", {"port": 6379, "port_given": False, "tls": True})
    hold(f"rediss://{ACR}", {"port": 6380, "port_given": False})


# --- StackExchange.Redis -------------------------------------------------------------------------


def test_the_portals_connection_string_is_read() -> None:
    """Primary connection string, as the Azure portal shows it."""
    hold(
        f"{ACR}:6380,password={KEY},ssl=True,abortConnect=False",
        {
            "form": "stackexchange", "client": "StackExchange.Redis", "host": ACR, "port": 6380,
            "port_given": True, "tls": True, "service": "acr", "key": KEY, "auth": "key",
            "cluster_aware": None, "others": ["abortConnect=False"],
            "text": f"{ACR}:6380,password=***,ssl=True,abortConnect=False",
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("PASSWORD=a==b", {"key": "a==b"}),
        ("password=", {"key": "", "auth": "none"}),
        (" password = pw , SSL = yes ", {"key": "pw", "tls": True}),
        ("user=bob,password=pw", {"login": "bob", "key": "pw"}),
        ("ssl=on", {"tls": True}),
        ("ssl=0", {"tls": False}),
        ("ssl=true,sslHost=Other.example", {"sni": "other.example"}),
        ("sslProtocols=Tls12|Tls11", {"min_tls": "1.1", "max_tls": "1.2"}),
        ("sslprotocols=tls", {"min_tls": "1.0", "max_tls": "1.0"}),
        ("sslProtocols=3072", {"min_tls": "1.2", "max_tls": "1.2"}),
        ("sslProtocols=15360", {"min_tls": "1.2", "max_tls": "1.3"}),
        ("sslProtocols=None", {"min_tls": None, "max_tls": None}),
        ("connectTimeout=15000", {"connect_timeout_ms": 15000.0}),
        ("syncTimeout=1000,asyncTimeout=2000", {"command_timeout_ms": 1000.0}),
        ("asyncTimeout=2000,syncTimeout=1000", {"command_timeout_ms": 1000.0}),
        ("asyncTimeout=2000", {"command_timeout_ms": 2000.0, "others": ["asyncTimeout=2000"]}),
        ("defaultDatabase=3", {"db": 3}),
        ("keepAlive=60", {"keepalive_s": 60.0}),
        ("keepAlive=-1", {"keepalive_s": None}),
        ("connectRetry=5", {"retries": 5}),
        ("protocol=resp3", {"protocol": 3}),
        ("protocol=2", {"protocol": 2}),
        ("name=shop,channelPrefix=a:,tieBreaker=,configChannel=x", {
            "others": ["name=shop", "channelPrefix=a:", "tieBreaker=", "configChannel=x"]}),
        ("allowadmin=true,resolvedns=True,configcheckseconds=60,version=6.0,proxy=Twemproxy", {
            "others": ["allowAdmin=true", "resolveDns=True", "configCheckSeconds=60", "version=6.0",
                       "proxy=Twemproxy"]}),
        ("checkCertificateRevocation=false", {"others": ["checkCertificateRevocation=false"]}),
        ("tunnel=http:proxy:8080", {"others": ["tunnel=http:proxy:8080"]}),
        ("tunnel=http://bob:hunter2@proxy:8080", {"others": ["tunnel=http://bob:***@proxy:8080"]}),
        ("$CONFIG=,$INFO=NFO", {"others": ["$CONFIG=", "$INFO=NFO"]}),
        ("poolsize=50,prefix=app,preheat=true", {
            "pool_size": 50, "others": ["poolsize=50", "prefix=app", "preheat=true"]}),
        ("colour=reddish", {"others": ["colour=***"]}),
        ("serviceName=", {"form": "stackexchange"}),
    ],
)  # fmt: skip
def test_every_option_of_stackexchange_redis_is_read(
    options: str, expected: dict[str, Any]
) -> None:
    """In any case, with white space around; what we have no field for is kept."""
    hold(f"cache.example:6379,{options}", expected)


@pytest.mark.parametrize(
    ("text", "port", "tls", "given"),
    [
        ("h,password=pw", 6379, False, False),
        ("h,ssl=true", 6380, True, False),
        ("h:6380,password=pw", 6380, False, True),
        ("10.0.0.4:6380,password=pw", 6380, False, True),
        (f"{ACR},password=pw", 6379, False, False),
        (f"{ACR}:6380,password=pw", 6380, True, True),
        (f"{ACR}:6380,ssl=false", 6380, False, True),
        (f"{AMR},password=pw", 6380, True, False),
        (f"{AMR}:10000,password=pw", 10000, True, True),
        (f"{AMR}:10000,ssl=False", 10000, False, True),
        ("x.redis.azure.net,password=pw", 6380, True, False),
        (f"{ACRE}:10000,password=pw", 10000, True, True),
        ("h:0,ssl=true", 6380, True, False),
    ],
)
def test_stackexchange_redis_is_followed_into_its_traps(
    text: str, port: int, tls: bool, given: bool
) -> None:
    """Without a port it dials 6379 or 6380, the latter even where Managed Redis has 10000."""
    hold(text, {"port": port, "tls": tls, "port_given": given, "cluster_aware": None})


def test_the_first_of_several_endpoints_is_the_target() -> None:
    """The others are kept, each once, wherever they stand."""
    hold(
        "a:1,b,ssl=true,[::1]:3,a:1",
        {"host": "a", "port": 1, "other_hosts": ["b", "[::1]:3"]},
    )
    hold("password=pw,a:1", {"host": "a", "key": "pw"})


# --- other programs' ways ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pw@h:7000?ssl=true&db=1", {"key": "pw", "port": 7000, "tls": True, "db": 1}),
        ("a/b+c=?x@h", {"key": "a/b+c=?x", "port": 6379, "tls": False}),
        ("a,b=c@h:7000", {"key": "a,b=c", "port": 7000}),
        ("p@w@h?ssl=true", {"key": "p@w", "port": 6380, "tls": True, "port_given": False}),
        ("client:p%w@h", {"key": "p%w", "login": None}),
        ("h:7000?db=1&connectTimeout=10&receiveTimeout=20", {
            "key": None, "db": 1, "connect_timeout_ms": 10.0, "command_timeout_ms": 20.0}),
        ("h?password=p%2Bw&username=bob", {"key": "p+w", "login": "bob"}),
    ],
)  # fmt: skip
def test_servicestack_is_read_by_its_own_rules(text: str, expected: dict[str, Any]) -> None:
    """Nothing is escaped before the last @, and ssl moves the port."""
    hold(text, {"form": "servicestack", "client": "ServiceStack.Redis", **expected})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis-cli", {"host": "127.0.0.1", "port": 6379, "tls": False, "port_given": False}),
        ("redis-cli -h h -p 6380 --tls -a 'x y' -n 2 --user bob --sni s.example PING", {
            "host": "h", "port": 6380, "tls": True, "key": "x y", "db": 2, "login": "bob",
            "sni": "s.example", "check_hostname": False, "verify": None}),
        ("redis-cli -h h -p 6380", {"tls": False, "port": 6380}),
        (f"redis-cli -h {ACR} --tls", {"port": 6379, "tls": True}),
        ("redis-cli -h h --tls --insecure", {"verify": False, "check_hostname": False}),
        ("redis-cli -h h --tls --cacert ca.pem", {"ca_file": "ca.pem"}),
        ("redis-cli -h h --pass pw -c -3", {"key": "pw", "cluster_aware": True, "protocol": 3}),
        ("redis-cli -h h", {"cluster_aware": False}),
        ("redis-cli -h h AUTH other -h x", {"host": "h", "key": None}),
        ("redis-cli -r 3 -h h get -a", {"host": "h"}),
        ("REDISCLI_AUTH=pw valkey-cli -h h", {"host": "h", "key": "pw"}),
        ("kubectl exec -it pod -- /usr/bin/redis-cli -u rediss://bob:p%2Bw@h:6380/1", {
            "host": "h", "port": 6380, "tls": True, "db": 1, "login": "bob", "key": "p+w"}),
    ],
)  # fmt: skip
def test_a_command_line_of_redis_cli_is_read_as_redis_cli_does(
    text: str, expected: dict[str, Any]
) -> None:
    """It stops at the first word that is no option, and checks no name in a certificate."""
    hold(text, {"form": "redis-cli", "client": "redis-cli", **expected})


SPRING = f"""
# cache of the shop
spring:
  application:
    name: shop
  data:
    redis:
      host: {ACR}
      port: 6380
      username: bob
      password: 'hunter2 #3'   # from the vault
      ssl:
        enabled: true
      timeout: 2s
      connect-timeout: 500
      lettuce:
        pool:
          max-active: 16
"""
DOTENV = """
export APP=shop
DATABASE_URL=postgres://bob:other@db:5432/shop
DB_HOST=db
export REDIS_HOST="cache.example"
REDIS_PORT=7000
REDIS_PASSWORD=hunter2==
REDIS_DB=2
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SPRING, {
            "host": ACR, "port": 6380, "tls": True, "login": "bob", "key": "hunter2 #3", "auth": "key",
            "client": "Spring Data Redis", "command_timeout_ms": 2000.0, "connect_timeout_ms": 500.0,
            "pool_size": 16}),
        (DOTENV, {"host": "cache.example", "port": 7000, "tls": False, "key": "hunter2==", "db": 2}),
        (DOTENV.replace("7000", "6380"), {"tls": True}),
        (DOTENV + "REDIS_SCHEME=tls\n", {"tls": True}),
        ("spring.data.redis.host=h spring.data.redis.port=6380", {"tls": False, "port": 6380}),
        ("spring.data.redis.host=h spring.data.redis.ssl.bundle=x", {"tls": True, "port": 6379}),
        ("spring.redis.host=h\nspring.redis.ssl=true\nspring.redis.timeout=PT5S\n", {
            "tls": True, "command_timeout_ms": 5000.0}),
        ("spring.data.redis.url=rediss://bob:p%2Bw@h:6380", {"login": "bob", "key": "p+w", "tls": True}),
        ("spring.data.redis.cluster.nodes=a:1,b:2", {
            "host": "a", "port": 1, "other_hosts": ["b:2"], "cluster_aware": True}),
        ("REDIS_URL=rediss://:p%2Bw@h:6380/0", {"host": "h", "key": "p+w", "db": 0, "tls": True}),
        ("REDIS_URL=rediss://h:6380 REDIS_PASSWORD=pw", {"key": "pw"}),
        ("CELERY_BROKER_URL='rediss://:pw@h:6380/1?ssl_cert_reqs=required'", {
            "db": 1, "verify": True, "client": "redis-py"}),
        ("REDISHOST=h REDISPORT=7000 REDISPASSWORD=pw REDISUSER=bob", {
            "host": "h", "port": 7000, "key": "pw", "login": "bob"}),
        (f"REDISCACHEHOSTNAME={ACR} REDISCACHEKEY=pw", {"host": ACR, "port": 6380, "key": "pw"}),
        ("AZURE_REDIS_CONNECTIONSTRING=h:6380,password=a==,ssl=True", {
            "key": "a==", "tls": True, "client": "StackExchange.Redis"}),
        ('"ConnectionStrings": {\n  "Sql": "Server=x;Password=y",\n  "Redis": "h:6380,password=a==,ssl=True"\n}', {
            "host": "h", "key": "a==", "tls": True}),
        ('{"Redis": {"Host": "h", "Port": 6380, "Password": "pw", "Ssl": true}}', {
            "host": "h", "port": 6380, "key": "pw", "tls": True}),
        ("host=h,port=6380,password=pw,ssl=true", {"host": "h", "port": 6380, "key": "pw", "tls": True}),
        ("$env:REDIS_HOST = 'h'\n$env:REDIS_PORT = 7000", {"host": "h", "port": 7000}),
        ("[redis]\nhost = h\nport = 7000\n; old\n[other]\nhost_ip = x\n", {"host": "h", "port": 7000}),
        ("environment:\n  - REDIS_URL=redis://h:7000\n", {"host": "h", "port": 7000}),
    ],
)  # fmt: skip
def test_settings_are_read_by_their_names(text: str, expected: dict[str, Any]) -> None:
    """Spring properties and YAML, .env lines, JSON; what is not Redis's is passed over."""
    hold(text, {"form": "properties", **expected})


# --- logging in ----------------------------------------------------------------------------------


def test_the_environment_gives_a_key_only_where_the_target_names_none() -> None:
    """REDISCLI_AUTH is for whoever does not want a key in the history of the shell."""
    environ = {"REDISCLI_AUTH": "from-environment"}

    hold("h:6380", {"key": "from-environment", "auth": "key"}, environ=environ)
    hold("rediss://bob:own@h", {"key": "own", "login": "bob"}, environ=environ)
    hold("h,password=own", {"key": "own"}, environ=environ)
    hold("h:6380", {"key": None, "auth": "none"}, environ={"REDISCLI_AUTH": ""})


def test_a_masked_key_is_taken_from_the_environment() -> None:
    """The report's own commands can be typed again."""
    environ = {"REDISCLI_AUTH": "real"}

    hold("rediss://:***@h:6380", {"key": "real"}, environ=environ)
    hold("h:6380,password=***,ssl=True", {"key": "real"}, environ=environ)
    assert "REDISCLI_AUTH" in refusal("rediss://:***@h:6380")


def test_how_to_log_in_may_be_chosen() -> None:
    """--auth and --user add to the target; its own user wins."""
    hold("h:1", {"auth": "entra", "login": "oid", "key": None}, auth="entra", user="oid")
    hold("redis://bob:pw@h", {"auth": "none", "key": None}, auth="none")
    hold("redis://bob:pw@h", {"auth": "key", "login": "bob"}, auth="key", user="alice")
    hold("h:1", {"auth": "entra", "key": TOKEN}, environ={"REDISCLI_AUTH": TOKEN})
    hold("h:1", {"login": None, "user": None}, user="")
    assert "key, entra or none" in refusal("h:1", auth="kerberos")


def test_the_user_may_say_that_the_client_follows_the_cluster() -> None:
    """The flag wins over what the string lets one guess; without either nobody said."""
    hold("h:1", {"cluster_aware": None})
    hold("h:1", {"cluster_aware": True}, cluster=True)
    hold("redis-cli -h h -c", {"cluster_aware": False}, cluster=False)


def test_a_plain_endpoint_tells_of_no_client() -> None:
    """Only what speaks of a client becomes settings, placed where the user speaks."""
    assert parse_target("h:1").settings is None
    assert parse_target("rediss://:pw@h:1/0").settings is None

    settings = parse_target("h:1,connectTimeout=5").settings

    assert settings is not None
    assert (settings.vantage, settings.source, settings.at, settings.took_ms) == (
        "user", "target string", 0.0, 0.0,
    )  # fmt: skip


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ('""', "empty"),
        ("host:", "the port is empty"),
        ("host:0", "no such port"),
        ("host:70000", "no such port"),
        ("host:99999999999999999999", "no such port"),
        ("host:-1", "not a number"),
        ("host:6380x", "not a number"),
        ("host:٣", "not a number"),
        (":6379", "the host is missing"),
        ("host 6380", "a colon"),
        ("host:6380 host:6380", "one target"),
        ("host:6380host:6380", "pasted together"),
        (f"a.{ACR}:6380b.{ACR}:6380", "pasted together"),
        ("redis://a:1redis://b:2", "pasted together"),
        (f"{ACR}{ACR}", "stands there twice"),
        (f"{ACR}.{ACR}", "stands there twice"),
        ("host/0", "no slash"),
        ("a..b", "empty or overlong part"),
        (".", "empty or overlong part"),
        (f"{'a' * 64}.b", "empty or overlong part"),
        (f"{'ab.' * 90}c", "empty or overlong part"),
        ("ho!st", "no name has"),
        ("-a.b", "hyphen"),
        ("a-.b", "hyphen"),
        ("1.2.3", "no IPv4 address"),
        ("1.2.3.400", "no IPv4 address"),
        ("[::1", "[address]:port"),
        ("[::1]6379", "[address]:port"),
        ("[zz]:1", "no IPv6 address"),
        ("1::2::3", "neither host:port nor"),
        ("ﬀ。..", "DNS"),
        ("h\x00", "control character"),
        ("h\x1b[2J", "control character"),
        ("h\x85x", "control character"),
        ("h\ud800", "Unicode"),
        ("ca\u200bche", "cannot be seen"),
        ("h:6379\nx", "several lines"),
        ("redis:/h:6379", "two slashes"),
        ("http://h:6379", "http:// is not Redis"),
        ("amqp://h", "amqp:// is not Redis"),
        ("reddis://h", "that scheme is not Redis"),
        ("redis://", "the host is missing"),
        ("redis:///0", "the host is missing"),
        ("redis://:6379", "the host is missing"),
        ("redis-sentinel://h:26379/mymaster", "Sentinel"),
        ("redis://h?sentinelMasterId=m", "Sentinel"),
        ("h,serviceName=mymaster", "Sentinel"),
        ("spring.data.redis.sentinel.master=m spring.data.redis.host=h", "Sentinel"),
        ("unix:///tmp/redis.sock", "Unix socket"),
        ("redis-cli -s /tmp/redis.sock", "Unix socket"),
        ("h:6380,!/tmp/redis.sock", "Unix socket"),
        ("rediss://:ab/cd=@h:6380", "write the / as %2F"),
        ("rediss://:ab@cd@h:6380", "the @ as %40"),
        ("rediss://:ab#cd@h:6380", "the # as %23"),
        ("rediss://:ab?cd@h:6380", "the ? as %3F"),
        ("rediss://:a/b?c@d@h", "the / as %2F and the ? as %3F and the @ as %40"),
        ("redis://h?client_name=a@b", "the ? as %3F"),
        ("redis://h#x", "#"),
        ("redis://:%zz@h", "begins no escape"),
        ("redis://:50%@h", "begins no escape"),
        ("redis://:%ff@h", "not UTF-8"),
        ("redis://:a b@h", "%20"),
        ("redis://b%0Aob:pw@h", "control character"),
        ("redis://h?client_name=%1b", "control character"),
        (f"rediss://{ESCAPED}:@h", "put a colon before the key"),
        ("redis://h/abc", "the database is not a number"),
        ("redis://h/-1", "the database is not a number"),
        ("redis://h/1/2", "the database is not a number"),
        ("redis://h?db=x", "the database is not a number"),
        ("h,defaultDatabase=-1", "the database is not a number"),
        ("redis://h?ssl=maybe", "neither true nor false"),
        ("h,ssl=maybe", "neither true nor false"),
        ("h,abortConnect=perhaps", "neither true nor false"),
        ("rediss://h?ssl=false", "contradicts"),
        ("redis://h?socket_timeout=soon", "socket_timeout is no time"),
        ("redis://h?socket_timeout=nan", "socket_timeout is no time"),
        ("redis://h?socket_timeout=1e5", "socket_timeout is no time"),
        ("redis://h?socket_timeout=99999999999999999", "longer than any client"),
        ("redis://h?max_connections=1.5", "not a whole number"),
        ("redis://h?protocol=4", "neither 2 nor 3"),
        ("redis://h?ssl_cert_reqs=sometimes", "required"),
        ("redis://h?ssl_min_version=12", "771"),
        ("redis://h?verifyPeer=HALF", "FULL"),
        ("tls://h?auth=ab&cd", "%26"),
        ("tls://h?auth=ab&cd=ef", "%26"),
        ("h:6380;password=x;ssl=true", "commas"),
        ("h:6380;x,password=x", "commas"),
        ("h,password=ab,cd", "comma"),
        ("h,password=ab,cd=ef", "comma"),
        ("password=ab,cd", "comma"),
        ("h,=x", "no name has"),
        ("h,a b!=x", "no readable name"),
        ("password=pw,ssl=True", "names no host"),
        ("h,sslProtocols=Tls9", "Tls12"),
        ("h,connectRetry=many", "not a whole number"),
        ("REDIS_PORT=6380", "name no host"),
        ("REDIS_HOST=a\nREDIS_HOST=b\n", "two hosts"),
        ("REDIS_HOST=a REDIS_SCHEME=http", "the scheme"),
        ("redis-cli -h", "-h wants a value"),
        ("redis-cli -h a -u redis://b", "more than one host"),
        ("redis-cli -h a:1", "-h HOST -p PORT"),
        ("redis-cli -u http://b", "redis-cli -u wants"),
        ("redis-cli -a 'x", "never closed"),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_clear_line(text: str, said: str) -> None:
    """What is wrong, and what would be right."""
    assert said in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "<your-cache>.redis.cache.windows.net:6380",
        "<host>",
        "{host}:6379",
        "$REDIS_HOST:6379",
        "${REDIS_HOST}",
        "%REDIS_HOST%:6379",
        "HOSTNAME:6380",
        "your-cache.redis.cache.windows.net",
        "YOUR_CACHE:6380",
        "xxx.redis.cache.windows.net:6380",
        "redis://${REDIS_HOST}:6379",
        "redis://{{ .Values.redis.host }}:6379",
        "redis://%REDIS_HOST%:6379",
        "redis://h:<port>",
        "redis://h:PORT",
        "rediss://:<key>@h:6380",
        "rediss://:YOUR_PASSWORD@h:6380",
        "rediss://:$REDIS_KEY@h:6380",
        "rediss://:%REDIS_KEY%@h:6380",
        "rediss://:{password}@h:6380",
        "h:6380,password=<primary key>,ssl=True",
        "h:6380,password=your-access-key,ssl=True",
        "redis-cli -h h -a $REDIS_PASSWORD",
        "REDIS_HOST=h REDIS_PASSWORD=<password>",
        "/subscriptions/<id>/resourceGroups/g/providers/Microsoft.Cache/redis/n",
    ],
)
def test_a_placeholder_is_called_one(text: str) -> None:
    """A manual's example was copied and not filled in."""
    if kind_of(text) == "resource":
        with pytest.raises(BadTarget, match="placeholder"):
            parse_resource(text)
    else:
        assert "placeholder" in refusal(text)


@pytest.mark.parametrize(
    "key", ["a<b>c", "$ecret", "{x", "50%25", "your", "changeme", "YOUR-", "<>", "your-1st"]
)
def test_a_key_with_odd_letters_is_no_placeholder(key: str) -> None:
    """Only what is one as a whole is taken for one."""
    hold(f"h:6380,password={key}", {"key": key})


# --- resources, bundles, scenarios ---------------------------------------------------------------

ID = "/subscriptions/0B1F6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/prod/providers/Microsoft.Cache"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("@bundle.json", "bundle"),
        (" @./a b.json", "bundle"),
        ("lab:firewall-ip-blocked", "lab"),
        ("LAB:healthy", "lab"),
        (f"{ID}/redis/contoso", "resource"),
        (f"{ID}/redis/contoso".upper(), "resource"),
        (f"https://portal.azure.com/#@x/resource{ID}/redis/contoso/overview", "resource"),
        ("contoso", "endpoint"),
        ("pw@host", "endpoint"),
        ("lab", "endpoint"),
        ("https://h", "endpoint"),
        ("", "endpoint"),
    ],
)
def test_the_kind_of_a_target_is_told_by_its_beginning(text: str, kind: str) -> None:
    """A bundle, a scenario and a resource are read elsewhere."""
    assert kind_of(text) == kind


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        (f"{ID}/redis/contoso", "Microsoft.Cache/redis", "contoso"),
        (f"{ID}/Redis/contoso/", "Microsoft.Cache/redis", "contoso"),
        (f"{ID[1:]}/redisEnterprise/fabrikam", "Microsoft.Cache/redisEnterprise", "fabrikam"),
        (f"{ID}/redisEnterprise/fabrikam/databases/default", "Microsoft.Cache/redisEnterprise", "fabrikam"),
        (f"https://portal.azure.com/#@x/resource{ID}/redis/contoso/overview", "Microsoft.Cache/redis", "contoso"),
        (f"https://management.azure.com{ID}/redis/contoso?api-version=1", "Microsoft.Cache/redis", "contoso"),
        (f'"{ID}/redis/contoso"', "Microsoft.Cache/redis", "contoso"),
    ],
)  # fmt: skip
def test_a_resource_id_is_taken_apart(text: str, kind: str, name: str) -> None:
    """As ARM, the portal and the management API write it."""
    assert parse_resource(text) == Resource(
        subscription="0b1f6471-1bf0-4dda-aec3-cb9272f09590", group="prod", type=kind, name=name
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/subscriptions/", "no resource id"),
        ("contoso", "no resource id"),
        (f"{ID}/redis", "ends in redis/NAME"),
        (f"{ID}/redis/", "none that a cache can have"),
        (f"{ID}/redis/con_toso", "none that a cache can have"),
        (f"{ID}/linkedServers/x", "ends in redis/NAME"),
        (f"{ID.replace('Microsoft.Cache', 'Microsoft.Sql')}/redis/x", "not Microsoft.Cache's"),
        (f"{ID.replace('0B1F', 'ZZZZ')}/redis/x", "no GUID"),
        (f"{ID.replace('prod', '')}/redis/x", "no resource group"),
        ("/subscriptions/" + "a/" * 100_000, "no resource id"),
    ],
)
def test_a_bad_resource_id_gets_one_clear_line(text: str, said: str) -> None:
    """What is missing in it."""
    with pytest.raises(BadTarget, match=said):
        parse_resource(text)


# --- properties ----------------------------------------------------------------------------------

# Of letters that occur in no message of ours and in no target below.
MARKS = "/@#?&%=+,;:'\"\\ <>{}$!*()[]|^~`.-_"
WORDS = ("QXZJ", "ZJQX", "JXQZZ", "XXQ")
secrets = st.tuples(
    st.lists(st.sampled_from(WORDS) | st.sampled_from(MARKS), max_size=6).map("".join),
    st.sampled_from(WORDS),
    st.lists(st.sampled_from(WORDS) | st.sampled_from(MARKS), max_size=6).map("".join),
).map(lambda parts: "".join(parts).strip())
TEMPLATES = (
    "rediss://:{}@cache.example:6380/0",
    "rediss://bob:{}@cache.example:6380?socket_timeout=5",
    "redis://{}@cache.example",
    "rediss://cache.example?password={}",
    "tls://cache.example:6380?auth={}&timeout=1",
    "cache.example:6380,password={},ssl=True,abortConnect=False",
    "cache.example,user=bob,password={}",
    "{}@cache.example:6380?ssl=true",
    "bob:{}@cache.example",
    "redis-cli -h cache.example -a {} --tls",
    "redis-cli -h cache.example --pass '{}' ping",
    "REDISCLI_AUTH={} redis-cli -h cache.example",
    "redis-cli -u rediss://bob:{}@cache.example",
    "REDIS_HOST=cache.example REDIS_PASSWORD={}",
    "REDIS_HOST=cache.example\nREDIS_PASSWORD='{}'\n",
    "spring:\n  data:\n    redis:\n      host: cache.example\n      password: {}\n",
    'REDIS_URL="rediss://:{}@cache.example:6380"',
    '{{"redis": {{"host": "cache.example", "password": "{}"}}}}',
    "AZURE_REDIS_CONNECTIONSTRING=cache.example:6380,password={},ssl=True",
    "cache.example:6380 {}",
    "cache.example:{}",
    "[::1]:{}",
    "redis://:{}",
)  # fmt: skip


def traces(secret: str) -> list[str]:
    """Return the parts of a secret by which one would know it again."""
    for mark in MARKS:
        secret = secret.replace(mark, "\n")
    return [part for part in secret.split("\n") if len(part) > 2]


def everything_shown(text: str, **options: Any) -> str:
    """Return all that a target, read or refused, leaves in reach of an output."""
    try:
        parsed = parse_target(text, **options)
    except BadTarget as wrong:
        told = "".join(traceback.format_exception(wrong))
        return told + repr(wrong) + repr(wrong.__context__) + repr(wrong.__cause__)
    whole = (parsed.target, parsed.settings, parsed.credentials)
    plain = json.dumps([each.to_json() for each in whole[:2] if each is not None])
    return f"{whole!r} {plain} {parsed.target} {parsed.settings} {parsed.credentials}"


@pytest.mark.parametrize("template", TEMPLATES)
@given(secret=secrets)
@example(secret="QXZJ/XZJQ=")
@example(secret="QXZJ,ZJQX")
@example(secret="QXZJ,ZJQX=JXQZ")
@example(secret="QXZJ&ZJQX=JXQZ")
@example(secret="QXZJ@ZJQX:JXQZ")
@settings(max_examples=max(25, settings().max_examples // 3))
def test_no_part_of_a_secret_is_shown_however_it_was_written(template: str, secret: str) -> None:
    """Escaped or not, in its place or not, readable or not."""
    if template.startswith("redis://{}"):
        secret = secret.replace(":", ".")  # what stands before a colon is the user, and no secret

    shown = everything_shown(template.format(secret))

    assert [part for part in traces(secret) if part in shown] == []


keys = st.text(
    st.sampled_from(string.ascii_letters + string.digits + MARKS)
    | st.characters(codec="utf-8", min_codepoint=0xA1, exclude_categories=("C", "Z")),
    min_size=1,
    max_size=30,
).filter(
    lambda text: (
        text == text.strip() and text[0] not in "<{$%" and text.strip("*") and "x" not in text
    )
)
users = st.none() | st.text(
    string.ascii_letters + string.digits + "@:/-_.%", min_size=1, max_size=12
).filter(lambda text: "\u00b5" not in text)
labels = st.from_regex(r"[a-w][a-w0-9]{0,10}", fullmatch=True)
hosts = (
    st.lists(labels, min_size=2, max_size=4, unique=True)
    .map(".".join)
    .filter(lambda host: not host.startswith("your"))
)
ports = st.none() | st.integers(1, 65535)


@given(
    scheme=st.sampled_from(["redis", "rediss"]),
    user=users,
    key=keys,
    host=hosts | st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(lambda ip: f"[{ip}]"),
    port=ports,
    db=st.none() | st.integers(0, 999),
)
def test_a_well_formed_url_is_read_as_redis_py_reads_it(
    *, scheme: str, user: str | None, key: str, host: str, port: int | None, db: int | None
) -> None:
    """The client that most of its users have is the judge of what a URL means."""
    login = f"{quote(user or '', safe='')}:{quote(key, safe='')}@"
    url = (
        f"{scheme}://{login}{host}"
        + (f":{port}" if port else "")
        + (f"/{db}" if db is not None else "")
    )
    theirs: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]

    found = seen(parse_target(url))

    assert found["host"] == theirs["host"]
    assert found["port"] == theirs.get("port", 6379)
    assert found["port_given"] == ("port" in theirs)
    assert found["key"] == theirs["password"] == key
    assert found["login"] == theirs.get("username") == user
    assert found["db"] == theirs.get("db") == db
    assert found["tls"] == ("connection_class" in theirs)


@given(
    key=keys.filter(lambda text: "," not in text and text.isprintable()),
    host=hosts,
    port=ports,
    ssl=st.booleans(),
)
def test_a_well_formed_connection_string_gives_back_its_key(
    key: str, host: str, port: int | None, ssl: bool
) -> None:
    """Equals signs and all."""
    place = host if port is None else f"{host}:{port}"
    hold(
        f"{place},password={key},ssl={ssl}",
        {"host": host, "port": port or (6380 if ssl else 6379), "key": key, "tls": ssl},
    )


@given(
    key=keys.filter(str.isprintable),
    host=hosts,
    user=users.filter(lambda user: user and user[0] != "-"),
)
def test_a_quoted_command_line_gives_back_its_key(key: str, host: str, user: str) -> None:
    """Whatever the shell needs to have quoted."""
    command = shlex.join(["redis-cli", "-h", host, "--user", user, "-a", key, "GET", "x"])

    hold(command, {"host": host, "key": key, "login": user})


@pytest.mark.parametrize(
    "text",
    [
        ACR,
        f"{ACR}:6379",
        "contoso",
        "[::1]:7000",
        f"rediss://:{ESCAPED}@{ACR}:6380/0?ssl_cert_reqs=required&client_name=a%40b",
        "rediss://b%40b:hunter2@h/#insecure",
        "redis://hunter2@h1:1,h2:2",
        "rediss://:hunter2@h1:1;rediss://:hunter2@h2:2",
        "tls://h?auth[]=hunter2&database=2",
        f"{AMR},password={KEY},user=bob,defaultDatabase=1,colour=blueish,tunnel=http:p:1",
        "hunter2@h:7000?ssl=true&db=1",
        "redis-cli -h h -p 1 --tls -a hunter2 -n 2 --user 'b b' --sni s --cacert '/a b' -c -3",
        "redis-cli -u rediss://bob:hunter2@h:6380/1 --insecure",
    ],
)
def test_the_target_as_shown_means_the_same_when_typed_again(text: str) -> None:
    """The commands that a report suggests hold it; the key comes from the environment."""
    first = parse_target(text)
    key = first.credentials.password
    environ = {} if key is None else {"REDISCLI_AUTH": key.reveal()}

    again = parse_target(first.target.text, environ=environ)

    assert "hunter2" not in first.target.text
    assert KEY not in first.target.text
    assert again.target == first.target
    assert again.settings == first.settings
    assert seen(again)["key"] == seen(first)["key"]


fragments = st.sampled_from(
    [
        "redis://", "rediss://", "tls://", "@", ":", "/", "?", "#", "&", ",", ";", "=", "%", "%41", "[", "]",
        "::1", "h", "cache.example", ACR, "6380", "password=", "ssl=true", "user=", "db=1", "timeout=5s",
        "redis-cli ", "-h ", "-a ", "-u ", " ", "\n", "  ", "'", '"', "{", "}", "$", "<", ">", "\\", "REDIS_HOST=",
        "REDIS_URL=", "spring.data.redis.host: ", "host: ", "auth[]=", "ssl[cafile]=", "\u200b", "\x00", "é",
        "\ud800", "1", "-", "_", ".", "***", "sslProtocols=", "|", "!", "lab:", "/subscriptions/",
    ]
)  # fmt: skip


@given(text=st.lists(fragments, max_size=14).map("".join) | st.text(st.characters(), max_size=60))
def test_any_text_is_a_target_or_gets_one_line(text: str) -> None:
    """Nothing else is ever raised, and what is read holds together."""
    kind_of(text)
    try:
        parsed = parse_target(text)
    except BadTarget as wrong:
        line = str(wrong)
    else:
        line = parsed.target.text
        assert 1 <= parsed.target.port <= 65535
        assert parsed.target.host
        assert (
            type(parsed.target).from_json(json.loads(json.dumps(parsed.target.to_json())))
            == parsed.target
        )
    assert line.isprintable()


@given(text=st.lists(fragments, max_size=14).map("".join) | st.text(st.characters(), max_size=60))
def test_any_text_is_a_resource_or_gets_one_line(text: str) -> None:
    """The same for ids."""
    try:
        line = parse_resource(text).name
    except BadTarget as wrong:
        line = str(wrong)
    assert line.isprintable()


@pytest.mark.parametrize("letter", ["a", ":", "@", ".", "é", " ", "%", ","])
def test_ten_megabytes_of_garbage_are_refused_at_once(letter: str) -> None:
    """Somebody piped a file."""
    text = letter * 10_000_000
    started = time.perf_counter()

    kind_of(text)
    line = refusal(text)

    assert time.perf_counter() - started < 0.1
    assert "longer than any target" in line


@pytest.mark.parametrize(
    "text",
    [
        "a" * LONGEST,
        "é" * LONGEST,
        ":" * LONGEST,
        "a." * (LONGEST // 2),
        "a=b," * (LONGEST // 4),
        "redis://:" + "%41" * 5000 + "@h",
        "redis://h?" + "&a=b" * 4000,
        "redis://h?timeout=" + "1h" * 8000,
        "redis://a," * 1600,
        "A=b " * 4000,
        "a:\n" * 5000,
        "".join(" " * depth + "a:\n" for depth in range(170)),
        '{"a":' * 3000,
        "redis-cli " + "-a x " * 3000,
        "redis-cli " + "'" * 15_000,
    ],
)
def test_the_longest_target_does_not_take_long(text: str) -> None:
    """Nothing in it costs more than its length."""
    started = time.process_time()

    everything_shown(text)

    assert time.process_time() - started < 1.0


def test_the_mask_is_the_one_of_redaction() -> None:
    """One mask everywhere, so that one search finds all of them."""
    assert parse_target("rediss://:hunter2@h:1").target.text == f"rediss://:{MASK}@h:1"
