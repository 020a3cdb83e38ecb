"""A setting of the client that does not fit what it connects to: a diff of the connection string.

Nothing is written anywhere: the string is the application's. What would weaken the connection (TLS
off, checks off) is never the correction, even where it would make the error go away.
"""

from __future__ import annotations

from refused.evidence.control_plane import ResourceSearch
from refused.evidence.observations import (
    ClientSettings,
    ClusterTopology,
    DnsAnswer,
    HostsEntry,
    Login,
    PeerCertificates,
    RedisReply,
    TcpDial,
    TlsHandshake,
    Unseen,
)
from refused.evidence.path import is_literal
from refused.remedies.arm_id import take_apart
from refused.remedies.change import Change, Missing, Setting
from refused.remedies.reading import the_cache
from refused.remedies.say import az, powershell
from refused.service.clouds import service_of
from refused.service.features import has, is_redis_audience
from refused.service.ports import default_port, tls_expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

RANK = 5
# What is quiet for longer than the shortest limit on the way (four minutes) may be cut off.
KEEPALIVE_S = 30
# The least that Microsoft's guide gives a connection, and a command.
TIMEOUT_MS = 5000
SCOPE = "https://redis.azure.com/.default"
# Settings whose value is one of the cache's access keys.
_BY_KEY = ("auth-missing", "auth-wrong-key")


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose the corrected settings, where the evidence says which they are."""
    if evidence.target is None:
        return
    found = _SETTINGS[cause](evidence)
    if isinstance(found, Missing):
        yield found.replace(cause=cause)
        return
    settings = tuple(each for each in found[0] if each.before != each.after)
    if not settings:
        return
    yield Change(
        kind="client-setting",
        cause=cause,
        title="; ".join(
            f"remove {each.name}" if each.after is None else f"set {each.name} to {each.after}"
            for each in settings
        ),
        where="client",
        settings=settings,
        why=found[1],
        affects="this application, from its next deployment or restart on",
        interruption="a restart of the application, where it reads its settings at the start",
        proof="diagnosing the corrected target is healthy",
        hop="resp",
        facts=_keys(cause, evidence, settings),
        undo_says="put the old string back",
    )


def render(change: Change) -> dict[str, str]:
    """Say the settings as a diff."""
    lines = []
    for each in change.settings:
        lines += [f"- {each.name} = {each.before}"] if each.before is not None else []
        lines += [f"+ {each.name} = {each.after}"] if each.after is not None else []
    said = {"diff": "\n".join(lines)}
    resource = dict(change.facts).get("keys-of")
    if resource:
        said.update(_list_keys(resource))
    return said


def _keys(
    cause: str, evidence: Evidence, settings: tuple[Setting, ...]
) -> tuple[tuple[str, str], ...]:
    """Return the resource whose keys are wanted, where the value is one of them."""
    cache = the_cache(evidence)
    wanted = cause in _BY_KEY and any("key)" in (each.after or "") for each in settings)
    usable = cache is not None and cache.access_keys is not False and wanted
    return (("keys-of", cache.id),) if usable and cache is not None else ()


def _list_keys(resource: str) -> dict[str, str]:
    """Say how the keys are read; they are printed, so it is done where nobody looks on."""
    cache = take_apart(resource)
    where = {"subscription": cache.subscription, "resource_group": cache.group}
    if cache.type.lower().startswith("microsoft.cache/redisenterprise"):
        return {
            "az": az("redisenterprise database list-keys", **where, cluster_name=cache.name),
            "powershell": powershell(
                "Get-AzRedisEnterpriseCacheKey",
                ClusterName=cache.name,
                ResourceGroupName=cache.group,
            ),
        }
    return {
        "az": az("redis list-keys", **where, name=cache.name),
        "powershell": powershell(
            "Get-AzRedisCacheKey", Name=cache.name, ResourceGroupName=cache.group
        ),
    }


# --- what to set, cause by cause ------------------------------------------------------------------


def _wrong_port(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    target = evidence.target
    assert target is not None  # noqa: S101 - propose() has looked
    open_ = next(
        (
            dial
            for dial in evidence.all(TcpDial)
            if dial.purpose == "sibling-port" and not dial.failed
        ),
        None,
    )
    usual = default_port(target.service, target.tls)  # type: ignore[arg-type]
    if target.service != "redis" and target.service in ("acr", "acre", "amr"):
        usual = default_port(target.service, True)  # type: ignore[arg-type]  # noqa: FBT003
    port = open_.port if open_ is not None else usual
    if port is None or port == target.port:
        return _missing("the right port", "on which port the server listens", "ask whoever runs it")
    settings = [_set("port", str(target.port), str(port))]
    wants_tls = tls_expected(port, target.service)  # type: ignore[arg-type]
    if wants_tls and not target.tls:
        settings.append(_set("tls", "false", "true"))
    return tuple(settings), f"the service listens on {port}"


def _mixup(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    target = evidence.target
    assert target is not None  # noqa: S101 - propose() has looked
    speaks = any(each.server_spoke for each in evidence.all(TlsHandshake))
    speaks = speaks or any(each.protocol == "tls" for each in evidence.all(RedisReply))
    if not target.tls and speaks:
        return (_set("tls", "false", "true"),), f"port {target.port} speaks TLS"
    port = default_port(target.service, True)  # type: ignore[arg-type]  # noqa: FBT003
    if target.service != "redis" and port is not None and port != target.port:
        return (
            (_set("port", str(target.port), str(port)), _set("tls", _truth(target.tls), "true")),
            f"port {port} of this service speaks TLS, and {target.port} does not",
        )
    cache = the_cache(evidence)
    if cache is not None and cache.service == "amr":
        return _missing(
            "TLS at both ends",
            "the owner's word: clients that speak plain text are shut out by it",
            "set clientProtocol of the database to Encrypted; TLS off at the client would send key and data in clear",
        )
    return _missing(
        "TLS at both ends",
        "a port of this server that speaks TLS",
        "switch TLS on at the server (tls-port); switching it off at the client would send key and data in clear",
    )


def _tls_port(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    target = evidence.target
    assert target is not None  # noqa: S101 - propose() has looked
    cache = the_cache(evidence)
    port = cache.tls_port if cache is not None else default_port(target.service, True)  # type: ignore[arg-type]  # noqa: FBT003
    if port is None:
        return _missing("the TLS port", "which port speaks TLS", "ask whoever runs the server")
    return (
        (_set("port", str(target.port), str(port)), _set("tls", _truth(target.tls), "true")),
        "the plain port is shut, as it should be",
    )


def _tls_version(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    settings = evidence.one(ClientSettings)
    shakes = [each for each in evidence.all(TlsHandshake) if each.purpose == "version"]
    taken = {each.max_tls for each in shakes if not each.failed and each.max_tls}
    if taken and taken <= {"1.0", "1.1"}:
        return _missing(
            "TLS 1.2 at the server",
            f"a server, or what stands before it, that speaks TLS 1.2: this one ends at {max(taken)}",
            "update it, or raise its setting (tls-protocols of a server of one's own); a client that is let down to that version can be read on the way",
        )
    if isinstance(settings, Unseen) or settings.max_tls is None:
        return _missing(
            "a client that speaks TLS 1.2",
            "where its version is set",
            "refused client-config shows the setting for each client",
        )
    return (_set("max_tls", settings.max_tls, "1.2"),), "the server takes TLS 1.2 and newer alone"


def _host(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    target, cache = evidence.target, the_cache(evidence)
    assert target is not None  # noqa: S101 - propose() has looked
    if cache is not None and cache.redirected_to:
        return (_set("host", target.host, cache.redirected_to),), "the cache has moved there"
    if cache is not None and cache.host.lower() != target.host:
        return (_set("host", target.host, cache.host.lower()),), "that is the cache's name"
    moved = next(
        (host for each in evidence.all(ResourceSearch) for _, host in each.elsewhere), None
    )
    if moved is not None and cache is None:
        port = default_port(service_of(moved).service, True)  # noqa: FBT003
        settings = [_set("host", target.host, moved.lower())]
        if port is not None:
            settings += [
                _set("port", str(target.port), str(port)),
                _set("tls", _truth(target.tls), "true"),
            ]
        return tuple(settings), f"a cache of that name is there under the host name {moved}"
    better = service_of(target.host).suggestion
    if better and better != target.host:
        return (_set("host", target.host, better),), f"{target.host} is misspelt"
    return _missing(
        "the right host name", "the name of the cache", "az redis list --query [].hostName"
    )


def _address(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    pinned = [each for each in evidence.all(HostsEntry) if each.addresses]
    known = {address for each in evidence.all(DnsAnswer) for address in each.addresses}
    old = [address for each in pinned for address in each.addresses if address not in known]
    if not known or not old:
        return _host(evidence)
    lines = " and ".join(str(number) for each in pinned for number in each.lines)
    name = f"line {lines} of {pinned[0].source}" if lines else f"the line in {pinned[0].source}"
    line = Setting(name=name, before=f"{', '.join(old)} {pinned[0].host}", after=None)
    return (line,), f"it holds {old[0]}, and DNS gives {', '.join(sorted(known)[:3])}"


def _name(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    target, cache = evidence.target, the_cache(evidence)
    assert target is not None  # noqa: S101 - propose() has looked
    if cache is not None and cache.host and cache.host.lower() != target.host:
        return (_set("host", target.host, cache.host.lower()),), "the certificate is for the name"
    shown = [each.chain[0] for each in evidence.all(PeerCertificates) if each.chain]
    names = [
        name for each in shown for name in each.names if "*" not in name and not is_literal(name)
    ]
    if names and is_literal(target.host):
        return (_set("host", target.host, names[0]),), f"the certificate is for {names[0]}"
    alias = target.host.replace(".privatelink.", ".")
    if alias != target.host:
        return (_set("host", target.host, alias),), "the certificate is for the public name"
    return _missing(
        "the name that the certificate is for",
        "a name of this server that its certificate holds",
        f"the certificate holds {', '.join(name for each in shown for name in each.names) or 'none that was seen'}",
    )


def _database(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    target = evidence.target
    assert target is not None  # noqa: S101 - propose() has looked
    bad = next(
        (each for each in evidence.all(RedisReply) if each.command == "SELECT" and each.error_text),
        None,
    )
    if target.db and bad is not None:
        return (_set("db", str(target.db), "0"),), f"the server says: {bad.error_text[:100]}"
    hello = next(
        (each for each in evidence.all(RedisReply) if each.command == "HELLO" and each.error_text),
        None,
    )
    if hello is not None:
        return (_set("protocol", "3", "2"),), f"the server says: {hello.error_text[:100]}"
    return _missing("a command that this server knows", "which command fails", "the reply names it")


def _cluster(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    topology = evidence.one(ClusterTopology)
    enabled = None if isinstance(topology, Unseen) else topology.enabled
    if enabled is None:
        return _missing(
            "the kind of client that fits", "whether the server is a cluster", "CLUSTER INFO"
        )
    word = "true" if enabled else "false"
    return (_set("cluster", _truth(not enabled), word),), (
        "the server is a cluster, and answers MOVED to a client that is not aware of it"
        if enabled
        else "the server is no cluster, and a cluster client finds no slots"
    )


def _password(_evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    return (
        _set("password", None, "*** (an access key, or an Entra token)"),
    ), "the server asks for one"


# How the shape of a secret tells that it was harmed on its way, and what it is to be.
_HARM = {
    "quoted": ("*** (in quotes)", "*** (the same without quotes)", "no key stands in quotes"),
    "padded": (
        "*** (with white space)",
        "*** (the same without white space)",
        "no key has white space at an end",
    ),
    "url-escaped": (
        "*** (escaped for a URL)",
        "*** (the same as it is, with = for %3D)",
        "no key holds the escapes of a URL; only a URL wants them, and once",
    ),
}
_NO_PASSWORD = ("without any password configured", "no password is set")


def _key(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    cache, login = the_cache(evidence), evidence.one(Login)
    said = [reply.error_text for reply in evidence.all(RedisReply) if reply.error_text]
    if any(words in text for text in said for words in _NO_PASSWORD):
        return _missing(
            "a password at both ends",
            "one that the server is given: it has none, and whoever reaches it may do everything",
            "set requirepass, or a user, at the server; or give the client none, where the server has to stay open",
        )
    if cache is not None and cache.access_keys is False:
        return (_set("auth", "key", "entra"),), "access keys are switched off on this cache"
    harm = None if isinstance(login, Unseen) else _HARM.get(login.looks_like)
    if harm is not None:
        return (_set("password", harm[0], harm[1]),), harm[2]
    return (
        _set("password", "*** (the old one)", "*** (the current key)"),
    ), "the key in use opens nothing"


def _user(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    login = evidence.one(Login)
    target = evidence.target
    assert target is not None  # noqa: S101 - propose() has looked
    if has(target.service, "entra") is False:  # type: ignore[arg-type]
        return (_set("auth", "entra", "key"),), "this service has no login with Microsoft Entra ID"
    audience = None if isinstance(login, Unseen) else login.token_audience
    if audience is not None and not is_redis_audience(audience):
        return (
            (_set("token scope", f"{audience.rstrip('/')}/.default", SCOPE),),
            f"the token is meant for {audience}, and not for Redis",
        )
    if isinstance(login, Unseen) or login.token_user is None or login.token_user == login.user:
        return _missing(
            "the right identity", "the object id in the token", "give the token with --auth entra"
        )
    return (
        (_set("user", login.user, login.token_user),),
        "the user name has to be the object id in the token",
    )


def _token(_evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    return (
        (_set("token renewal", "none", "before it expires, with AUTH on the open connection"),),
        "the token has expired",
    )


def _keepalive(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    settings = evidence.one(ClientSettings)
    before = None if isinstance(settings, Unseen) else settings.keepalive_s
    return (
        (_set("keepalive_s", None if before is None else f"{before:g}", str(KEEPALIVE_S)),),
        "the shortest idle limit on the way to Azure is four minutes",
    )


def _timeout(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    settings = evidence.one(ClientSettings)
    if isinstance(settings, Unseen):
        return _missing(
            "a longer time-out", "what it is set to", "give the client's connection string"
        )
    found = []
    for name in ("connect_timeout_ms", "command_timeout_ms"):
        value = getattr(settings, name)
        if value is not None and value < TIMEOUT_MS:
            found.append(_set(name, f"{value:g}", str(TIMEOUT_MS)))
    if not found:
        return _missing("a longer time-out", "which one is too short", "the exception names it")
    return tuple(found), "the client gives up before a healthy answer can have come"


def _primary(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    target, cache = evidence.target, the_cache(evidence)
    assert target is not None  # noqa: S101 - propose() has looked
    links = () if cache is None else cache.linked_servers
    name = next((each.geo_primary_host for each in links if each.geo_primary_host), None)
    if name is None:
        return _missing(
            "the primary's name", "geoReplicatedPrimaryHostName", "az redis server-link list"
        )
    return (_set("host", target.host, name),), "that name follows whichever cache is primary"


def _trust(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    shown = [each.chain for each in evidence.all(PeerCertificates) if each.chain]
    issuer = shown[-1][-1].issuer if shown else "an authority that was not seen"
    settings = evidence.one(ClientSettings)
    own = None if isinstance(settings, Unseen) else settings.ca_file
    if own:
        return (
            (_set("ca_file", own, f"{own}, with the certificate of {issuer} added"),),
            "the CA file that the client is given lacks the authority",
        )
    return _missing(
        "trust in the authority that signed the server's certificate",
        f"the certificate of {issuer}, from whoever runs the server",
        "--ca-file FILE tries it; find out whose authority it is before you trust it",
    )


def _client_certificate(_evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    return (
        (
            _set(
                "client certificate", None, "a certificate and key that the server's CA has signed"
            ),
        ),
        "the server asks every client for a certificate",
    )


def _family(_evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    return (
        (_set("address family", "any", "IPv4, until the network carries IPv6"),),
        "the name has an IPv6 address, and this network does not carry it",
    )


def _pool(evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    settings = evidence.one(ClientSettings)
    size = None if isinstance(settings, Unseen) else settings.pool_size
    if size is None:
        return _missing(
            "a pool that fits",
            "its size, and how many commands are under way at once",
            "refused client-config reckons it from the tier's limit and the number of processes",
        )
    return (
        (_set("pool_size", str(size), str(size * 2)),),
        "every connection of the pool is taken; blocking commands want connections of their own",
    )


def _threads(_evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    return (
        (_set("ThreadPool.MinThreads", "the number of processors", "200 for worker and I/O"),),
        "the runtime adds threads one at a time; replies wait meanwhile (StackExchange.Redis: Timeouts)",
    )


def _payload(_evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    return _missing(
        "smaller values, or other commands",
        "which key or command is slow",
        "redis-cli --bigkeys and SLOWLOG GET name them; split values, and scan instead of KEYS",
    )


def _shared(_evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    return (
        (_set("connections", "opened and not given back", "one shared client for each process"),),
        "connections are opened and not closed; restarting the application frees them until then",
    )


def _newer(_evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    return _missing(
        "a version of the client without the fault",
        "its name and version",
        "its changelog names the version that mended it; refused client-config shows sound settings",
    )


def _other_place(_evidence: Evidence) -> tuple[tuple[Setting, ...], str] | Missing:
    return _missing(
        "the host and port of the Redis server",
        "where it listens: something else answers here",
        "ask whoever runs it, or az redis show --query '[hostName, sslPort]'",
    )


_SETTINGS = {
    "connection-leak-client": _shared,
    "client-library-bug": _newer,
    "not-redis": _other_place,
    "tls-certificate-untrusted": _trust,
    "tls-client-certificate-required": _client_certificate,
    "ipv6-unreachable": _family,
    "client-pool-exhausted": _pool,
    "client-threadpool-starvation": _threads,
    "large-payload-or-slow-command": _payload,
    "wrong-port": _wrong_port,
    "tls-plaintext-mixup": _mixup,
    "non-ssl-port-disabled": _tls_port,
    "tls-version-mismatch": _tls_version,
    "wrong-hostname": _host,
    "ip-address-changed": _address,
    "resource-retired-or-migrated": _host,
    "tls-hostname-mismatch": _name,
    "unsupported-command-or-db": _database,
    "cluster-mode-mismatch": _cluster,
    "auth-missing": _password,
    "auth-wrong-key": _key,
    "auth-entra-misconfigured": _user,
    "auth-entra-token-expired": _token,
    "idle-timeout": _keepalive,
    "client-timeout-too-short": _timeout,
    "geo-secondary-readonly": _primary,
}
ENDS = tuple(_SETTINGS)


def _set(name: str, before: str | None, after: str) -> Setting:
    return Setting(name=name, before=before, after=after)


def _truth(value: bool) -> str:  # noqa: FBT001 - it is the one thing that is turned into a word
    return "true" if value else "false"


def _missing(what: str, needs: str, how: str) -> Missing:
    return Missing(kind="client-setting", cause="", what=what, needs=needs, how=how)
