"""The Microsoft Entra token that the client logs in with has expired.

What is wrong
    A token lives for an hour to a day. The client fetched one at its start and never again, so that
    it works at first and is cut off later, at the latest when it connects anew.
How it looks
    It works, then WRONGPASS, NOAUTH, or a connection that the server closes.
What ends it
    A library that renews the token and logs in again some minutes before it ends.
What it is not
    ``auth-entra-misconfigured``: there a live token is refused.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-azure-active-directory-for-authentication
    RFC 7519, 4.1.4
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.observations import Login, Platform, RedisReply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="auth-entra-token-expired",
    title="the Microsoft Entra token that the client logs in with has expired",
    hop="auth",
    shows_at=("auth", "command"),
    bucket="code",
    needs=(Login, Platform, RedisReply),
    remedies=(
        (
            "use the library's Entra extension (Microsoft.Azure.StackExchangeRedis, "
            "redis-entraid), which renews the token and logs in again"
        ),
        "in code of your own, renew three minutes or more before the end, on every connection",
    ),
    verify="a connection outlives the token with which it began",
    prevent="a soak test that runs longer than a token lives",
    expects=(("again", "same"), ("elsewhere", "fails")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Read the token's end against the moment at which it was refused."""
    logins, platforms = evidence.all(Login), evidence.all(Platform)
    replies = evidence.all(RedisReply)
    broken = evidence.broken
    if broken is None or not logins or broken.hop not in ("auth", "command"):
        return
    login = logins[-1]
    if login.how != "entra" and login.looks_like != "token":
        return
    if broken.how not in ("WRONGPASS", "NOAUTH", "closed", "reset"):
        return
    seen = (login, *replies)
    ends = login.token_expires_at
    if ends is None:
        yield Clue(weight=0.5, because="a token was refused, and its end cannot be read", seen=seen)
        return
    left_s = ends - login.at
    if left_s > 0:
        yield RuledOut(because=f"the token is good for {_span(left_s)} more", seen=(login,))
        return
    said = f"the token ended {_span(-left_s)} ago, and the login was refused ({broken.how})"
    if any(each.clock_before_build for each in platforms):
        yield Clue(weight=2.0, because=f"by a doubtful clock, {said}", seen=(*seen, *platforms))
    else:
        yield Proof(because=said, seen=seen)


def _span(seconds: float) -> str:
    """Say a span of time in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="auth-entra-token-expired-reauth-failed",
        pattern=r"Failed to re-?authenticate|[Rr]e-?authentication (?:of connection|failed)|Failed all [0-9]{1,4} attempts to acquire a new token|Current token expired|ExpiredToken|AADSTS70043|AADSTS500133|re-authenticate[^\n]{0,40}(?:fail|error)",
        family="azure",
        weight=4.7,
        says="a token ran out, or its renewal failed",
        example="Re-authentication of connection to 'cache:6380' failed",
    ),
    Signature(
        id="auth-entra-token-expired-refresh-failed",
        pattern=r"(?:failed|unable|error)[^\n]{0,40}(?:refresh|renew)[^\n]{0,30}(?:token|credential)|token refresh (?:failed|error)",
        family="azure",
        weight=3.2,
        says="the renewal of a token failed",
        example="Failed to refresh the token",
        ignores_case=True,
    ),
    Signature(
        id="auth-entra-token-expired-grant-expired",
        pattern=r"AADSTS(?:700082|700084|50173|50089|70043|70008|500133)\b",
        family="azure",
        weight=5.8,
        says="what the token was to be renewed with has expired",
        example="AADSTS700082: The refresh token has expired due to inactivity.",
    ),
    Signature(
        id="auth-entra-token-expired-said-expired",
        pattern=r"(?:ERR|WRONGPASS):? [^\n]{0,40}[Tt]oken (?:has |is |was )?expired|[Tt]oken renewal failed|\bTokenRenewalErr\b",
        family="azure",
        weight=4.7,
        says="the token's time has run out",
        example="ERR Token has expired",
    ),
    # Redis and Valkey put no ERR before the code; Azure's logins with Entra ID were seen to. A hint alone: other
    # servers that speak RESP do so too.
    Signature(
        id="auth-entra-token-expired-code-behind-err",
        pattern=r"\bERR WRONGPASS invalid username-password pair(?:[^a-z\n]{0,3}$|[^ \n]| [^o\n])",
        family="server",
        weight=2.7,
        says="the code stands behind an ERR, as Azure's logins with tokens have it",
        example="ERR WRONGPASS invalid username-password pair",
    ),
    # Sessions and web APIs have tokens as well.
    Signature(
        id="auth-entra-token-expired-some-token",
        pattern=r"(?:[Rr]edis|[Vv]alkey|[Cc]ache|[Ee]ntra|\bAAD\b|[Aa]zure|\bIAM\b|[Cc]redential|access|[Ii]dentity)[^\n]{0,80}[Tt]oken (?:has |is |was )?(?:already )?expired|expired access token|[Tt]oken (?:has |is |was )?(?:already )?expired[^\n]{0,80}(?:[Rr]edis|[Vv]alkey|[Cc]ache\b)",
        family="azure",
        weight=1.5,
        says="a token has expired, and it is not said whose",
        example="the access token has expired",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "auth-or-tls": 0.3,
    "closed": 0.1,
    "no-login": 0.3,
    "bad-login": 0.8,
    "no-token": 0.9,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("bad-login") and told.was_up and told.is_azure:
        yield Clue(
            weight=2.4,
            because="the login worked, the connection ended, and the same login is refused: a token's way",
            seen=told.errors,
        )
    if _BEHIND_ERR in told.signatures and _is_elsewhere(told):
        yield Clue(weight=-1.8, because="the host is none of Azure's", seen=told.errors)
    if told.saw("closed", "reset", "socket-failure") and told.is_azure and _is_life(told.period_s):
        yield Clue(
            weight=1.8,
            because="connections end at the pace at which tokens do: the service ends one whose token was not renewed",
            seen=told.errors,
        )
    if "auth-entra-misconfigured-token-refused" in told.signatures:
        yield Clue(
            weight=3.6,
            because="a token is asked for at the start, and again before it ends",
            seen=told.errors,
        )
    if told.marked("token") and told.saw("no-login", "bad-login", "closed", "auth-or-tls"):
        yield Clue(weight=1.6, because="the text speaks of tokens", seen=told.errors)
    if told.marked("token") and told.marked("expires") and told.saw("no-login", "bad-login"):
        yield Clue(weight=1.2, because="the text tells when the token ends", seen=told.errors)


_BEHIND_ERR = "auth-entra-token-expired-code-behind-err"


def _is_elsewhere(told: Told) -> bool:
    """Whether what was dialled is known not to be of Azure."""
    return told.is_here or (not told.is_azure and ("." in told.host or told.is_public))


# https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes: 60 to 90 minutes for one of a
# user or an application; a managed identity's is kept for 24 hours.
_LIVES_S = ((3300.0, 5500.0), (82_000.0, 88_000.0))


def _is_life(period_s: float | None) -> bool:
    """Whether so long a time is the life of a token."""
    return period_s is not None and any(low <= period_s <= high for low, high in _LIVES_S)
