"""The cache does not accept the Microsoft Entra identity that the client logs in with.

What is wrong
    The user name is not the token's object id, the token is meant for another service, the
    identity has no access policy on the cache, or the service has no Entra login at all.
How it looks
    WRONGPASS at once, with a token that is alive.
What ends it
    The object id as user name, the scope ``https://redis.azure.com/.default``, and an access
    policy assignment for that object id.
What it is not
    ``auth-entra-token-expired``: there the token's time is over.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-azure-active-directory-for-authentication
    https://learn.microsoft.com/azure/redis/entra-for-authentication
"""

from __future__ import annotations

from refused.causes.readings import service_behind
from refused.causes.statements import Cause, Clue, Proof
from refused.evidence.observations import DnsAnswer, Login, RedisReply
from refused.service.features import has, is_redis_audience

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="auth-entra-misconfigured",
    title="the cache does not accept the Microsoft Entra identity that the client logs in with",
    hop="auth",
    shows_at=("auth",),
    bucket="configuration",
    needs=(DnsAnswer, Login, RedisReply),
    remedies=(
        (
            "send the identity's object id as user name (of the service principal or managed "
            "identity, not the application's)"
        ),
        "ask for the token with the scope https://redis.azure.com/.default",
        (
            "assign a data access policy of the cache to that object id; on Azure Managed Redis "
            "each identity by itself, for groups are not supported"
        ),
    ),
    verify="AUTH is answered OK with the same identity",
    prevent="create the policy assignment in the same template as the identity",
    expects=(("resource", "no-assignment"), ("elsewhere", "fails")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Hold user name, audience and service against what a login with a token needs."""
    answers, logins = evidence.all(DnsAnswer), evidence.all(Login)
    replies = evidence.all(RedisReply)
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None or broken.hop != "auth" or not logins:
        return
    login = logins[-1]
    if login.how != "entra" and login.looks_like != "token":
        return
    if broken.how not in ("WRONGPASS", "NOAUTH", "ERR"):
        return
    seen = (login, *replies)
    yield Clue(weight=0.6, because=f"a login with a token was refused ({broken.how})", seen=seen)
    service = service_behind(target, answers)
    if has(service, "entra") is False:  # type: ignore[arg-type]
        said = "this service has no login with Microsoft Entra ID"
        yield Proof(because=said, seen=(login, *replies))
        return
    if login.looks_like != "token":
        said = f"what was sent as a token is none; it looks like {login.looks_like}"
        yield Clue(weight=2.5, because=said, seen=(login,))
        return
    fine = True
    if service in ("acr", "amr") and not _same(login.user, login.token_user):
        fine = False
        name = login.user or "no user name"
        said = f"{name} was sent with a token whose object id is {login.token_user}"
        yield Proof(because=said, seen=seen)
    audience = login.token_audience
    if service in ("acr", "amr") and audience is not None and not is_redis_audience(audience):
        fine = False
        said = f"the token is meant for {audience}, not for https://redis.azure.com"
        yield Proof(because=said, seen=seen)
    if login.token_expires_at is not None and login.token_expires_at <= login.at:
        yield Clue(weight=-2.0, because="the token has expired", seen=(login,))
    elif fine and service == "redis":
        yield Clue(weight=0.6, because="a Redis of one's own seldom knows Entra tokens", seen=seen)
    elif fine:
        said = "token, user name and audience fit, so the identity lacks an access policy here"
        yield Clue(weight=2.5, because=said, seen=seen)


def _same(user: str | None, token_user: str | None) -> bool:
    """Whether the user name is the token's object id, where that could be read."""
    return token_user is None or (user or "").lower() == token_user.lower()
