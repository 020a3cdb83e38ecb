r"""Read errors out of a text: an exception, a stack trace, a few lines of a log.

What is read is what stands there: symptoms, endpoints, counters, times. A line that merely mentions
Redis is no error, and another service's failure is not Redis's; where one text tells of both, the
other's is kept as a circumstance.

Nothing here backtracks without bound: every expression is linear, and lines are cut before they
are searched.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import re

from refused.evidence.error_context import context_of, endpoint_of
from refused.evidence.error_times import gaps, is_round, time_of
from refused.evidence.error_trace import exact_ids
from refused.evidence.error_words import WORDINGS
from refused.evidence.matching import Late
from refused.evidence.observations import LoggedError
from refused.evidence.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import AbstractSet, Any, Callable, Dict, FrozenSet, List, Optional, Sequence, Tuple

    # Takes one line, gives the ids of the patterns (signatures and wordings) that are found in it.
    Match = Callable[[str], Sequence[str]]

LONGEST_LINE = 16_384
LONGEST_QUOTE = 300
# What is read beside the failing lines themselves: so many lines around each, and so much in all.
NEAR = 40
MOST_AROUND = 2_000
LONGEST_AROUND = 262_144
MOST_LINES = 20_000
MOST_GAPS = 200
MOST_MARKS = 40
# Beyond so many endpoints, errors are told apart by their words alone.
MOST_PLACES = 100

_SYMPTOM_OF = {each.id: each.symptom for each in WORDINGS}
# Families whose words nobody but a Redis client or server utters.
GENERAL = frozenset(
    [
        "any",
        "node",
        "posix",
        "windows",
        "jvm",
        "go",
        "erlang",
        "openssl",
        "php",
        "dotnet",
        "tls",
        "socket",
        "azure",
        "mesh",
        "envoy",
        "linkerd",
        "rust",
        "os",
        "arm",
    ]
)
_FAMILY_OF = {each.id: each.family for each in WORDINGS}

_ANSI = re.compile(r"\x1b\[[0-9;?]{0,16}[A-Za-z]")
_REDIS = re.compile(
    r"redis|valkey|redigo|redix|rueidis|jedis|lettuce|keydb|dragonfly|sidekiq|resque|\bbull|celery|kombu|huey|"
    r"StackExchange|\bconn-sec:|serverEndpoint|:6379\b|:6380\b|\b6379\b|\b6380\b|elasticache|memorydb|Microsoft\.Cache\b|"
    r"\bfred::|\bphpfastcache|\basynq|\bRLock|\bioredis|spring\.data\.redis|\bBLPOP\b|\bHGETALL\b|\bSETEX\b|\bHMGET\b",
    re.IGNORECASE,
)
# Who works with queues works with other services as well: such a name proves nothing in a foreign line.
_NAMES_REDIS = re.compile(
    r"redis|valkey|redigo|redix|rueidis|jedis|lettuce|keydb|dragonfly|StackExchange|serverEndpoint|Microsoft\.Cache\b|\b6379\b|\b6380\b",
    re.IGNORECASE,
)
_FOREIGN = re.compile(
    r"https?://|\b(?:api|www|smtp|mail|login|oauth2?|registry)\.[a-z0-9-]{2,63}\.|psycopg|\bPG::|ActiveRecord|Mysql2|Faraday|Net::(?:HTTP|SMTP|Open)|sqlalchemy|pymongo|\bcurl\b|\bssh\b|npm ERR|\bport (?:22|25|80|443|1433|3306|5432|5672|8080|9092|27017)\b|HTTPS?ConnectionPool|HTTP/[12]|\bFetchError\b|axios|urllib3|"
    r"mysql|mariadb|postgres|\bpg_|pgsql|mongo|rabbitmq|\bamqp|kafka|hikari|jdbc|sqlserver|SqlClient|SqlException|"
    r"cosmos|blob\.core|servicebus|eventhub|elasticsearch|opensearch|\bsmtp|\bldap|memcache|zookeeper|\betcd\b|"
    r"docker\.sock|kube-api|MountVolume|apiserver|cassandra|oracle|clickhouse|\bgrpc|database\.windows\.net|vault\.azure\.net|"
    r"SQLSTATE|SQL Server|\bpsql:|docker\.io|ghcr\.io|\bquay\.io|ImagePull|[Ff]ailed to pull image|(?:Readiness|Liveness|Startup) probe|"
    r"\brpc error: code|transport: Error while dialing|http: TLS handshake error|http: proxy error|while connecting to upstream|"
    r"com\.netflix|management\.azure|\b[Tt]erraform\b|\bs?ftp:|TCP/IP connections on port|botocore|amazonaws\.com/|\bnats:|mqtt|minio|influx|prometheus|"
    # An endpoint as Python prints it.
    r"\('[^'\n]{1,255}', (?:80|443|1433|3306|5432|27017|5671|5672|9092|9200|11211|25|465|587|389|9042|4222)\b|"
    # A port, and neither the minutes or seconds of a time, nor a process of Node's, nor the line of a source file.
    r"(?<![:T ][0-9]{2})(?<!:[0-9])(?<!:[0-9]{3})(?<!:[0-9]{4})(?<!\(node)(?<!\.java)(?<!\.php)(?<!\.(?:py|rb|js|ts|go|cs|kt|rs|ex))"
    r":(?:80|443|8080|8443|1433|1521|3306|5432|27017|5671|5672|9092|9200|2181|11211|25|465|587|389|636|22|9042|"
    r"3000|4222|4317|4318|5044|5601|6443|8000|8081|8086|8123|8200|8500|8888|9000|9090|9093|9121|9411|10250|50051|61616)\b(?!:[0-9])",
    re.IGNORECASE,
)
# Hosts that are called as a database is, or another service: a resolver names no port.
_OTHER_HOST = re.compile(
    r"\b(?:ENOTFOUND|EAI_AGAIN|UnknownHostException:|lookup|resolve(?: host(?:name)?)?:?) ['\"]?(?:[a-z0-9]{1,20}[-_.])?"
    r"(?:db|database|postgres(?:ql)?|pg|pgbouncer|mysql|mariadb|mssql|mongo(?:db)?|kafka|broker|zookeeper|rabbit(?:mq)?|nats|"
    r"elastic(?:search)?|opensearch|minio|vault|mail(?:hog|pit)?|smtp|influxdb|clickhouse|memcached|etcd|keycloak)"
    r"(?:[-_]?[0-9]{1,2})?(?:\.[a-z0-9.-]{1,100})?(?:['\"\s:,)]|$)",
    re.IGNORECASE,
)
# A URL is somebody's page or call, but for the audience of the tokens that Redis takes.
_URL = re.compile(r"https?://(?!redis\.azure\.)[^ \n'\"]{1,2000}", re.IGNORECASE)
# Where an error sends its reader is no service that failed; nor is where Azure hands out tokens.
_HELP = re.compile(
    r"https?://(?:aka\.ms|(?:go|learn|docs|support|login)\.microsoft(?:online)?\.com|docs\.|nodejs\.org|redis\.io|"
    r"stackexchange\.github\.io|169\.254\.169\.254|github\.com/[^ /\n]{1,100}/[^ /\n]{1,100}/(?:issues|wiki|blob|pull))"
    r"[^ \n'\"]{0,2000}",
    re.IGNORECASE,
)
# Compose and Heroku put a container's or a program's name in front of what it says.
_SPEAKER = re.compile(r"^[ \t]*[A-Za-z0-9][A-Za-z0-9_.-]{0,100} {0,40}\| ?")
# What is called after Redis, and is a pod, an image, a page or a machine: it need not speak it.
_CALLED_SO = re.compile(
    r"[A-Za-z0-9_./-]{0,100}(?:redis|valkey)(?:[-_/.][A-Za-z0-9_./-]{1,100}|:(?:latest|alpine|[0-9]{1,2}\b(?![0-9])))"
    r"|[A-Za-z0-9_./-]{0,100}[-_/](?:redis|valkey)\b|\((?:redis|valkey)\)",
    re.IGNORECASE,
)
# So urllib3 names whom it talks to. Upstash also offers its databases over HTTP.
_OF_HTTP = re.compile(r"HTTPS?ConnectionPool\(host='(?![^'\n]{1,255}\.upstash\.io')")
# What Redis's own clients are called after it, and what they dial.
_CLIENT_OF = re.compile(
    r"ioredis|(?:node_modules|site-packages|gems|vendor)[/\\]@?(?:redis|valkey|predis)|\bredis[./]exceptions|redis[/\\](?:asyncio|client|connection)|(?:go|node|redis)-redis|redis-(?:py|rb|client|cli)\b|:63(?:79|80)\b|"
    r"(?:redis|valkey)s?://",
    re.IGNORECASE,
)
# Whoever says what to do when an error comes has not met it.
_ADVICE = re.compile(r"\bif you (?:see|get|encounter|run into|are seeing)\b", re.IGNORECASE)
# A test that passed tells what was made to fail.
_PASSED = re.compile(
    r"^[ \t]{0,40}(?:[0-9TZ:.+-]{10,40} )?[ \t]{0,40}(?:[✓✔√☑] |ok [0-9]{1,6} |PASS(?:ED)?:? |--- PASS: |\[ {1,8}OK \] )"
    r"|\.{3} ok$|[ \t]PASSED(?:[ \t]+\[ {0,2}[0-9]{1,3}%\])?$"
)
# Compose numbers the containers of a service.
_COMPOSED = re.compile(r"^[ \t]*[A-Za-z0-9][A-Za-z0-9_.-]{0,100}[-_][0-9]{1,3} {1,40}\| ")
# A site about Redis is no server of it.
_SITE = re.compile(r"\b(?:[a-z0-9-]{1,40}\.)?(?:redis|valkey)\.(?:io|com|net|dev)\b", re.IGNORECASE)
_FOREIGN_PLACE = re.compile(
    r"(?:https?://)?([A-Za-z0-9.-]{3,253}):?(443|80|8080|8443|1433|1521|3306|5432|27017|5671|5672|9092|9200)?\b"
)
_HOST_BEFORE = re.compile(r"[A-Za-z0-9.-]{1,253}$|\[[0-9A-Fa-f:.]{2,45}\]$")
_NESTED = re.compile(
    r"Caused by:|--->|nested exception is|\[cause\]:|previousErrors|Inner exception", re.IGNORECASE
)


def read_errors(
    text: str,
    match: Match,
    own: FrozenSet[str] = frozenset(),
    *,
    file: str = "",
    first_line: int = 1,
) -> Tuple[LoggedError, ...]:
    """Return what *text* tells of failed Redis connections; nothing where it tells of none.

    Args:
        text: One block: a message with its trace, or lines that belong together.
        match: How signatures and wordings are found in a line.
        own: The ids of signatures that nobody but a Redis client or server utters.
        file: Where the text comes from.
        first_line: The number of its first line there.
    """
    lines = _lines(text)
    told = [_told(at, lines, match, own) for at in range(len(lines))]
    failing = [each for each in told if each.ids]
    if not failing:
        return ()
    whole = _around(lines, failing)
    speaks_redis = _names_redis(whole) or any(each.is_ours for each in told)
    ours = [
        each
        for each in failing
        if _concerns_redis(each, speaks_redis=speaks_redis) and not _is_anothers(each, lines)
    ]
    if not ours:
        return ()
    if not speaks_redis and (_is_foreign(whole) or _is_anybodys(ours, told)):
        return ()
    kept = {each.at for each in ours}
    others = [each for each in failing if each.at not in kept]
    elsewhere = tuple(dict.fromkeys(_foreign_place(each.line) for each in others))
    shared = context_of(whole)
    if any(each.is_foreign for each in others):
        # Where another service was dialled, Redis was not.
        but = {each.at for each in others if each.is_foreign}
        shared["endpoint"] = endpoint_of(_around(lines, failing, but)) or {}
    marks = [*shared["marks"], *_marks_of_lives(lines, ours)]
    if any(_COMPOSED.match(each.line) is not None for each in ours):
        marks.append("container")
    shared["marks"] = tuple(marks[:MOST_MARKS])
    return _grouped(ours, shared, _depths(lines), elsewhere, (file, first_line))


# What a client prints when a connection has come about.
_UP = re.compile(
    r"(?<!not )(?<!never )\b(?:re)?connected\b(?! clients)|connection (?:is )?(?:established|opened|ready)\b|"
    r"\bredis\b[^\n]{0,20}\bready\b",
    re.IGNORECASE,
)
# How an open connection ends.
_ENDS = frozenset(
    [
        "reset",
        "closed",
        "broken-pipe",
        "read-error",
        "socket-failure",
        "not-connected",
        "lost-command",
        "reconnecting",
        "went-away",
    ]
)


def _marks_of_lives(lines: Sequence[str], ours: Sequence[_Told]) -> Tuple[str, ...]:
    """Return what the time between a connection's beginning and its end tells, where both stand in the text."""
    ends = {
        each.at
        for each in ours
        if not _ENDS.isdisjoint(_SYMPTOM_OF[name] for name in each.ids if name in _SYMPTOM_OF)
    }
    found: List[float] = []
    since: Optional[float] = None
    for at in range(max(ends, default=-1) + 1):
        moment = time_of(lines[at]) if at in ends or _UP.search(lines[at]) else None
        if moment is None:
            continue
        if at not in ends:
            since = moment
        elif since is not None and moment >= since:
            found.append(moment - since)
            since = None
    if not found:
        return ()
    kept = sum(is_round(each) for each in found)
    return (
        "once-up",
        *(("round-life",) if kept * 2 > len(found) else ()),
        *(("round-lives",) if kept > 1 else ()),
    )


def _around(
    lines: Sequence[str], failing: Sequence[_Told], but: AbstractSet[int] = frozenset()
) -> str:
    """Return the lines near failing ones, bounded: what stands far away belongs to something else.

    Args:
        but: The places of lines to leave out.
    """
    near: Dict[int, None] = {}
    for each in failing:
        for at in range(max(0, each.at - NEAR), min(len(lines), each.at + NEAR + 1)):
            near[at] = None
        if len(near) > MOST_AROUND:
            break
    return "\n".join(lines[at] for at in sorted(near) if at not in but)[:LONGEST_AROUND]


def _depths(lines: Sequence[str]) -> List[int]:
    """Return for each line how many exceptions were opened up to it."""
    depths, depth = [], 0
    for line in lines:
        depth += len(_NESTED.findall(line))
        depths.append(depth)
    return depths


class _Told:
    """One line and what was found in it."""

    __slots__ = ("line", "at", "ids", "is_ours", "is_foreign")

    def __init__(self, line: str, at: int, ids: Tuple[str, ...], *, is_ours: bool) -> None:
        self.line = line
        self.at = at
        self.ids = ids
        self.is_ours = is_ours
        self.is_foreign = bool(ids) and _is_foreign(line)


def _lines(text: str) -> List[str]:
    bounded = text if "\x1b" not in text else _ANSI.sub("", text)
    found = bounded.replace("\r", "\n").split("\n")[:MOST_LINES]
    return [line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] for line in found]


def _is_foreign(text: str) -> bool:
    """Whether *text* names another service."""
    said = text if "http" not in text else _HELP.sub("", text)
    if _IDENTITY in said:
        said = _TOKENS.sub("", said)
    return _FOREIGN.search(said) is not None or _OTHER_HOST.search(said) is not None


def _told(at: int, lines: Sequence[str], match: Match, own: FrozenSet[str]) -> _Told:
    line = lines[at]
    is_met = line.strip() and _ADVICE.search(line) is None and _PASSED.search(line) is None
    ids = tuple(match(line)) if is_met else ()
    if ids:
        ids = exact_ids(ids, at, lines)
    is_ours = any(name in own or _FAMILY_OF.get(name, "any") not in GENERAL for name in ids)
    return _Told(line, at, ids, is_ours=is_ours)


# An exception's own class tells whose it is, whatever its message names; and so does curl,
# unless it dials a port of Redis.
_RAISED_ELSEWHERE = re.compile(
    r"\b(?:amqp|aio_pika|pika|kafka|pymongo|psycopg2?|asyncpg|pymysql|MySQLdb|mysql\.connector|sqlalchemy|elasticsearch|"
    r"requests|urllib3|httpx|httpcore|aiohttp|botocore|grpc|paramiko|smtplib|ldap3)\.(?:[a-z_]{1,30}\.)?[A-Z][A-Za-z]{2,40}|"
    r"\borg\.postgresql\.|\bcom\.(?:mysql|mongodb|rabbitmq)\.|\borg\.apache\.(?:http|kafka)\.|\bokhttp3\.|"
    r"\bMongo[A-Z][A-Za-z]{2,30}Error\b|\bKafkaJS[A-Z]|\bAxiosError\b|\bcurl: \([0-9]{1,2}\)"
)


def _is_raised_elsewhere(line: str) -> bool:
    """Whether another library's exception stands in *line*, before any word of Redis."""
    found = _RAISED_ELSEWHERE.search(line)
    if found is None or _NAMES_REDIS.search(line, 0, found.start()) is not None:
        return False
    if not found.group(0).startswith("curl"):
        return True
    place = endpoint_of(line)
    return place is None or place["port"] is None or not _may_be_of_redis(place)


# Other services by name, each with the ports on which it listens by custom.
_OTHERS = (
    (Late(r"(?i:mysql|mariadb)"), (3306,)),
    (Late(r"(?i:postgres|pgsql|\bpsql\b|\bpg\b)"), (5432,)),
    (Late(r"(?i:mongo)"), (27017,)),
    (Late(r"(?i:amqp|rabbit)"), (5671, 5672)),
    (Late(r"(?i:kafka)"), (9092,)),
    (Late(r"(?i:sqlserver|mssql|SQL Server|SqlClient)"), (1433,)),
    (Late(r"(?i:memcache)"), (11211,)),
    (Late(r"(?i:elastic|opensearch)"), (9200,)),
)


def _dials_another(line: str) -> bool:
    """Whether *line* names another service, and that service's own port is what was dialled."""
    port = (endpoint_of(line) or {}).get("port")
    return any(port in ports and name.search(line) is not None for name, ports in _OTHERS)


def _concerns_redis(each: _Told, *, speaks_redis: bool) -> bool:
    """Whether a failing line is about Redis: it says so, or nothing says otherwise."""
    if _is_raised_elsewhere(each.line):
        return False
    if not each.is_foreign or each.is_ours:
        return True
    if _dials_another(each.line):
        return False
    return speaks_redis and _speaks_of_redis(each.line)


def _speaks_of_redis(line: str) -> bool:
    """Whether a line that names another service is about Redis none the less."""
    if _OF_HTTP.search(line) is not None:
        return False
    said = _URL.sub("", _SPEAKER.sub("", line))
    if _CLIENT_OF.search(said) is not None:
        return True
    return _NAMES_REDIS.search(_CALLED_SO.sub("", said)) is not None


def _may_be_of_redis(place: Optional[Dict[str, Any]]) -> bool:
    """Whether a line names an endpoint that stands for itself, whoever speaks beside it."""
    if place is None:
        return False
    port = place["port"]
    return port is None or any(port in ports for ports in _REDIS_PORTS)


_REDIS_PORTS = (range(6370, 6400), range(7000, 7010), range(10000, 20000), range(26379, 26382))
# Where Azure hands out the tokens that Redis takes.
_IDENTITY = "169.254.169.254"
_TOKENS = re.compile(r"\b169\.254\.169\.254(?::80)?\b")
# So near lines tell of one failure.
_BESIDE = 2


def _is_anothers(each: _Told, lines: Sequence[str]) -> bool:
    """Whether a failing line that names nobody stands in what another service's driver says."""
    if each.is_ours or each.is_foreign or _may_be_of_redis(endpoint_of(each.line)):
        return False
    if _NAMES_REDIS.search(each.line) is not None:
        return False
    for far in range(1, _BESIDE + 1):
        near = [lines[at] for at in (each.at - far, each.at + far) if 0 <= at < len(lines)]
        near = [line for line in near if _IDENTITY not in line]
        if any(_FOREIGN.search(_URL.sub("", line)) is not None for line in near):
            return True
        if any(_NAMES_REDIS.search(line) is not None for line in near):
            return False
    return False


def _names_redis(text: str) -> bool:
    """Whether a word of *text* is of Redis; a path in somebody's URL is none."""
    return _REDIS.search(_SITE.sub("", _URL.sub("", text))) is not None


# A certificate that is not trusted is what every program prints behind a proxy that re-signs.
_ANYBODYS = ("tls-unverified.", "tls-refused.", "tls-certificate-untrusted-", "tls-inspection-root")
# At Heroku the store's own certificate is signed by itself:
# https://devcenter.heroku.com/articles/connecting-heroku-redis
_DYNO = re.compile(r"\bapp\[[a-z_-]{1,30}\.[0-9]{1,5}\]:")
_FRAME = re.compile(r"^ {2,}at |^\tat |^ {2,}File \"|^ {2,}from ")


def _is_anybodys(ours: Sequence[_Told], told: Sequence[_Told]) -> bool:
    """Whether a trace shows distrust of a certificate, its frames, and no sign of Redis in any of them."""
    if any(_DYNO.search(each.line) for each in ours):
        return False
    trust_alone = all(name.startswith(_ANYBODYS) for each in ours for name in each.ids)
    return trust_alone and any(_FRAME.match(each.line) for each in told)


def _foreign_place(line: str) -> str:
    mark = _FOREIGN.search(line)
    if mark is not None and mark.group(0).startswith(":"):
        # The port gives it away, and the host stands right before it.
        host = _HOST_BEFORE.search(line, max(0, mark.start() - 253), mark.start())
        return redact((host.group(0) if host else "") + mark.group(0))[:80]
    found = _FOREIGN_PLACE.search(line, mark.start() if mark else 0)
    return redact(found.group(0))[:80] if found else "another service"


def _grouped(
    ours: Sequence[_Told],
    shared: Dict[str, Any],
    depths: Sequence[int],
    elsewhere: Tuple[str, ...],
    where: Tuple[str, int],
) -> Tuple[LoggedError, ...]:
    """Make one record of equal lines, each with what the whole block tells."""
    file, first_line = where
    groups: Dict[Tuple[Any, ...], List[_Told]] = {}
    for each in ours:
        place = endpoint_of(each.line) or {}
        key = (each.ids, place.get("host"), place.get("address"), place.get("port"))
        groups.setdefault(key if len(groups) < MOST_PLACES else (each.ids,), []).append(each)
    found = []
    for members in groups.values():
        first = members[0]
        ids = first.ids
        times = [
            moment for moment in (time_of(each.line) for each in members) if moment is not None
        ]
        here = endpoint_of(first.line) or shared["endpoint"]
        found.append(
            LoggedError(
                vantage="user",
                at=times[-1] if times else 0.0,
                took_ms=0.0,
                source="text",
                quote=redact(first.line.strip())[:LONGEST_QUOTE],
                symptoms=tuple(
                    dict.fromkeys(_SYMPTOM_OF[name] for name in ids if name in _SYMPTOM_OF)
                ),
                signatures=tuple(name for name in ids if name not in _SYMPTOM_OF),
                client=shared["client"],
                runtime=shared["runtime"],
                file=file,
                line=first_line + first.at,
                count=len(members),
                first_at=times[0] if times else None,
                last_at=times[-1] if times else None,
                gaps_s=gaps(times)[:MOST_GAPS],
                **here,
                errno=shared["errno"],
                elapsed_ms=shared["elapsed"],
                timeout_ms=shared["limit"],
                counters=shared["counters"],
                depth=depths[first.at],
                over_tls=shared["over_tls"],
                marks=shared["marks"],
                elsewhere=elsewhere[:5],
            )
        )
    return tuple(found)
