"""The client sends no credentials to a server that demands them.

What is wrong
    The password is missing from the client's configuration, or the setting that holds it is empty.
How it looks
    "NOAUTH Authentication required.", "NOAUTH HELLO must be called with the client already
    authenticated"; with an empty password also WRONGPASS.
What ends it
    The access key or, better, Microsoft Entra ID in the client. Switching authentication off is
    not advised.
What it is not
    ``auth-wrong-key``: there something is sent, and it is wrong.
Sources
    https://redis.io/docs/latest/commands/auth/
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-azure-active-directory-for-authentication
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureCache,
)
from refused.evidence.observations import Login, RedisReply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="auth-missing",
    title="the client sends no credentials to a server that demands them",
    hop="auth",
    shows_at=("auth",),
    bucket="configuration",
    needs=(
        AzureCache,
        Login,
        RedisReply,
    ),
    remedies=(
        "let the client log in with Microsoft Entra ID, where the service has it",
        (
            "put the password or access key into the client's secret store, and check that the "
            "setting reaches the process"
        ),
    ),
    verify="AUTH and PING are answered",
    prevent="fail at start when the secret is empty",
    expects=(("keys", "differs"), ("elsewhere", "fails")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether anything was sent, and what the server said."""
    logins, replies = evidence.all(Login), evidence.all(RedisReply)
    caches = evidence.all(AzureCache)
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None or broken.hop != "auth":
        return
    refusal = next((each for each in replies if each.error_code == "NOAUTH"), None)
    login = logins[-1] if logins else None
    sent_none = login.how == "none" if login is not None else target.auth == "none"
    if sent_none and refusal is not None:
        said = f"no credentials were sent, and {refusal.command} is answered {refusal.error_text!r}"
        yield Proof(because=f"{said}{_opens(caches)}", seen=(*logins, refusal, *caches))
    elif login is not None and login.looks_like == "empty":
        said = f"the password that the client has is empty, and the server answers {broken.how}"
        yield Proof(because=said, seen=(login, *replies))
    elif broken.how == "WRONGPASS":
        yield RuledOut(because="the client did send credentials", seen=(*logins, *replies))
    elif refusal is not None:
        said = f"{refusal.command} is answered {refusal.error_text!r}, although a secret was there"
        yield Clue(weight=0.6, because=said, seen=(*logins, refusal))


def _opens(caches: tuple[AzureCache, ...]) -> str:
    """Say with what the cache can be opened, where Azure says so."""
    for cache in caches[-1:]:
        if cache.access_keys is False:
            return "; access keys are switched off, so that Microsoft Entra ID alone opens it"
        if cache.access_keys and cache.entra is False:
            return "; an access key opens it, and Microsoft Entra ID is off"
    return ""


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="auth-missing-noauth",
        pattern=r"\bNOAUTH\b|(?:[Rr]edis|[Vv]alkey|kombu|celery|Response|Authentication|Operational)[^\n]{0,80}: Authentication required\b|(?:^|\(error\) )Authentication required\.?[ \t]{0,8}$",
        family="server",
        weight=3.2,
        says="the server asks for credentials, and none were accepted on this connection",
        example="NOAUTH Authentication required.",
    ),
    Signature(
        id="auth-missing-no-password-set",
        pattern=r"requirepass|password (?:is )?(?:missing|required|not (?:set|configured|provided))[^\n]{0,40}redis|redis[^\n]{0,60}(?:password|credentials) (?:is |are )?(?:missing|required|not (?:set|configured|provided))",
        family="redis-cli",
        weight=2.2,
        says="the text speaks of a password that is not set",
        example="redis: password is not set",
        ignores_case=True,
    ),
    # networking.c: more than 10 arguments, or 16 KiB, from a client that has not logged in.
    Signature(
        id="auth-missing-length-before-login",
        pattern=r"unauthenticated (?:multi)?bulk length",
        family="server",
        weight=4.2,
        says="before the login, long commands are refused",
        example="ERR Protocol error: unauthenticated multibulk length",
    ),
    Signature(
        id="auth-missing-protected-mode",
        pattern=r"DENIED (?:[A-Z][A-Za-z]{2,20} is r|R)unning in protected mode",
        family="server",
        weight=2.4,
        says="the server has no password, and therefore lets in nobody from outside",
        example="-DENIED Redis is running in protected mode because no password is set",
    ),
    # What servers before 2.8 answered to whoever had not logged in.
    Signature(
        id="auth-missing-old-words",
        pattern=r"\bERR operation not permitted\b",
        family="server",
        weight=3.6,
        says="an old server wants a login first",
        example="ERR operation not permitted",
    ),
    # Redisson, and the client of Upstash without its two variables.
    Signature(
        id="auth-missing-exception",
        pattern=r"\bRedisAuthRequiredException\b|\[Upstash Redis\] [^\n]{0,120}(?:without url or token|'token' property is missing|UPSTASH_REDIS_REST_TOKEN)",
        family="redisson",
        weight=3.6,
        says="the client says that it has no credentials to send",
        example="[Upstash Redis] The 'token' property is missing or undefined in your Redis config.",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "no-login": 2.4,
    "auth-or-tls": 0.9,
    "no-topology": 0.1,
    "no-sentinel": 0.2,
    "cannot-reach": 0.1,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("bad-login"):
        # Who goes on after a refused login is asked for one.
        yield Clue(weight=-2.0, because="credentials were sent, and were refused", seen=told.errors)
