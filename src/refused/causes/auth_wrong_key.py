"""The client logs in with a password that is not the server's.

What is wrong
    The key was regenerated, belongs to another cache, or was harmed on its way into the client: by
    quotes, white space, or escapes of a URL. Or the server has no password at all.
How it looks
    "WRONGPASS invalid username-password pair or user is disabled."; from a server without one,
    "ERR AUTH <password> called without any password configured".
What ends it
    The key that is valid now, letter for letter; better, Microsoft Entra ID, which has no keys.
What it is not
    ``auth-missing``: there nothing was sent.
    ``auth-entra-token-expired``, ``auth-entra-misconfigured``: there a token was sent.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure
    https://redis.io/docs/latest/commands/auth/
"""

from __future__ import annotations

from refused.causes.readings import (
    about_changes,
    az,
    changed_so,
    of_cache,
    onset,
    service_behind,
    settled,
    unread,
    what_changed,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AccessKeys,
    AzureCache,
    ResourceChange,
)
from refused.evidence.observations import DnsAnswer, Login, RedisReply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

BY_ENTRA = "log in with Microsoft Entra ID, where the service has it, and have no key to rotate"
CAUSE = Cause(
    id="auth-wrong-key",
    title="the client logs in with a password that is not the server's",
    hop="auth",
    shows_at=("auth",),
    bucket="configuration",
    prior=0.5,
    needs=(
        AccessKeys,
        AzureCache,
        DnsAnswer,
        Login,
        RedisReply,
        ResourceChange,
    ),
    remedies=(
        "put the key that is valid now into the client's secret store, without quotes or blanks",
        "in a URL, escape the key once (%3D for =); elsewhere, write it as it is",
        BY_ENTRA,
        "where the server has no password, set one there before anything else",
    ),
    verify="AUTH is answered OK",
    prevent="rotate the second key first, and let clients read the key anew when it is refused",
    expects=(("keys", "differs"), ("elsewhere", "fails")),
)

# Azure's access keys are base64: none of these can be part of one.
HARM = {
    "quoted": "stands in quotes",
    "padded": "has white space at an end",
    "url-escaped": "holds the escapes of a URL",
}
NO_PASSWORD = ("without any password configured", "no password is set")


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Look at the shape of the secret and at the words of the refusal."""
    answers, logins = evidence.all(DnsAnswer), evidence.all(Login)
    replies, from_azure = evidence.all(RedisReply), tuple(_azure_says(evidence))
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None or broken.hop != "auth":
        return
    if broken.how not in ("WRONGPASS", "ERR", "NOAUTH"):
        return
    login = logins[-1] if logins else None
    refusal = next((each for each in replies if each.error_code == broken.how), None)
    text = refusal.error_text if refusal is not None else ""
    seen = (*logins[-1:], *((refusal,) if refusal is not None else ()))
    if any(words in text for words in NO_PASSWORD):
        yield Proof(because=f"a password was sent to a server that has none: {text}", seen=seen)
        return
    if broken.how != "WRONGPASS" and "invalid password" not in text:
        return
    if login is None:
        yield Clue(weight=0.6, because=f"the server answers {text!r}", seen=seen)
        yield evidence.gap(Login)
        return
    if login.how == "none" or login.looks_like == "empty":
        yield RuledOut(because="the client sent no password", seen=seen)
        return
    if login.how == "entra" or login.looks_like == "token":
        yield Clue(weight=-2.5, because="what was sent is a token, not a key", seen=seen)
        return
    yield Clue(
        weight=1.0, because=f"a password was sent, and the server answers {text!r}", seen=seen
    )
    yield from from_azure
    if settled(from_azure):
        return
    azure = service_behind(target, answers) in ("acr", "acre", "amr")
    harm = HARM.get(login.looks_like)
    if harm is not None and azure:
        yield Proof(because=f"what was sent {harm}, which no access key of Azure's does", seen=seen)
    elif harm is not None:
        yield Clue(weight=2.0, because=f"what was sent {harm}", seen=seen, fact="shape")
    elif azure and login.looks_like == "other":
        said = "what was sent has not the shape of an access key of Azure's"
        yield Clue(weight=2.0, because=said, seen=seen, fact="shape")
    if azure and login.user not in (None, "", "default"):
        said = f"the user name {login.user} was sent, and access keys belong to the default user"
        yield Clue(weight=1.6, because=said, seen=seen)


# A database that is made anew, as for another clustering policy, gets keys of its own.
CHANGES = ("regenerateKey/action", "redisEnterprise/databases/delete")
# Where access keys are switched off, no key is the right one.
SETTINGS = ("Microsoft.Cache/redis/write", "redisEnterprise/databases/write")


def _azure_says(evidence: Evidence) -> Iterator[Statement]:
    """Read how the client's key compares with the cache's, and who made new ones."""
    keys, caches = evidence.all(AccessKeys), evidence.all(AzureCache)
    changes = of_cache(evidence.all(ResourceChange), caches, evidence.target)
    replies, answers = evidence.all(RedisReply), evidence.all(DnsAnswer)
    began = onset(each for each in replies if each.outcome == "error")
    cache = caches[-1] if caches else None
    if cache is not None and cache.access_keys is False:
        change = what_changed(changes, SETTINGS, began)
        after = f"; {changed_so(change, began)}" if change is not None else ""
        said = f"access keys are switched off on this cache, so that no key opens it{after}"
        yield Proof(because=said, seen=(cache,), ends=BY_ENTRA)
    elif keys and keys[-1].matches in ("primary", "secondary"):
        said = f"the key that the client has is the cache's {keys[-1].matches} key"
        yield RuledOut(because=said, seen=keys)
    elif keys:
        change = what_changed(changes, CHANGES, began)
        after = f"; {changed_so(change, began)}" if change is not None else ""
        yield Proof(because=f"the key that the client has is none of the cache's{after}", seen=keys)
    elif service_behind(evidence.target, answers) != "redis":
        changed = about_changes(changes, CHANGES, began)
        if changed is not None:
            yield changed
        if caches:
            yield unread(
                evidence.gap(AccessKeys),
                evidence.gap(AzureCache),
                "whether the key is one of the cache's",
                f"{az(caches[-1].service, 'list-keys')}, which needs listKeys/action",
                asked=True,
            )


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="auth-wrong-key-url-split",
        pattern=r"could not be cast to integer value as|invalid userinfo|URI malformed|invalid port \\?\":?[^0-9\"\n ]|bad URI\(is not URI\?\)[^\n]{0,20}redis",
        family="socket",
        weight=4.2,
        says="the connection string is cut where a letter of the key was not escaped",
        example="ValueError: Port could not be cast to integer value as 'abc'",
    ),
    Signature(
        id="auth-wrong-key-wrongpass",
        pattern=r"\bWRONGPASS\b|invalid username-password pair|\bERR invalid password|ERR AUTH failed|(?:redis|valkey)[^\n]{0,40}AuthenticationError: Authentication failed|(?:ERR|[Rr]edis|[Vv]alkey)[^\n]{0,120}[Ii]nvalid [Uu]sername or [Pp]assword",
        family="server",
        weight=2.8,
        says="the server refuses the user name or the key",
        example="WRONGPASS invalid username-password pair or user is disabled.",
    ),
    # Upstash calls its password a token; it has no end.
    Signature(
        id="auth-wrong-key-upstash",
        pattern=r"WRONGPASS invalid (?:or missing |http )auth token",
        family="server",
        weight=4.2,
        says="the server refuses the key",
        example="WRONGPASS invalid or missing auth token",
    ),
    Signature(
        id="auth-wrong-key-none-wanted",
        pattern=r"Client sent AUTH, but no password is set|AUTH <password> called without any password configured|wrong number of arguments for 'auth'",
        family="server",
        weight=4.6,
        says="a key is sent to a server that has none, or in a form that it does not take",
        example="ERR Client sent AUTH, but no password is set",
    ),
    Signature(
        id="auth-wrong-key-none-needed",
        pattern=r"does not require a password, but a password was supplied|called without any password configured",
        family="ioredis",
        weight=4.4,
        says="a password is sent to a server that has none",
        example="This Redis server's `default` user does not require a password, but a password was supplied",
    ),
    # What clients raise for WRONGPASS: Redisson, redis-client of Ruby; the server on a user without "on".
    Signature(
        id="auth-wrong-key-exception",
        pattern=r"\bRedisWrongPasswordException\b|\bRedisClient::AuthenticationError\b|\[Upstash Redis\] The redis token contains whitespace|The user '[^'\n]{1,80}' is disabled \(there is no 'on' modifier",
        family="redisson",
        weight=2.8,
        says="the client raises what it has for refused credentials",
        example="org.redisson.client.RedisWrongPasswordException: WRONGPASS",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "auth-or-tls": 1.4,
    "no-login": 1.0,
    "bad-login": 2.6,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.port == 26379 and told.marked("plain-url", "tls-url") and not told.marked("sentinel"):
        said = "the port is that of Sentinels, which want no password"
        yield Clue(weight=-1.6, because=said, seen=told.errors)
    if told.marked("tls-failed"):
        yield Clue(weight=-2.0, because="TLS failed before any login was tried", seen=told.errors)
    if told.marked("host=user"):
        # A slash, "#" or "?" in the password ends the part of the URL that names the host.
        yield Clue(
            weight=3.6,
            because="the user's name was taken for the host, as when the password is not escaped in the URL",
            seen=told.errors,
        )
    if told.saw("bad-login") and told.was_up:
        yield Clue(weight=-0.6, because="the client had been logged in before", seen=told.errors)
    if "auth-entra-token-expired-code-behind-err" in told.signatures and (
        told.is_azure or not (told.host or told.address)
    ):
        yield Clue(
            weight=-0.7,
            because="the server words it as Azure does where logins are made with tokens",
            seen=told.errors,
        )
    if told.marked("token") and told.marked("expires") and told.saw("bad-login"):
        yield Clue(
            weight=-1.5,
            because="the client logs in with a token, and with no key",
            seen=told.errors,
        )
