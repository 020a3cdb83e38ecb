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

from refused.causes.readings import (
    az,
    changed_so,
    of_cache,
    onset,
    service_behind,
    settled,
    unread,
    what_changed,
)
from refused.causes.statements import Cause, Clue, Proof, Signature
from refused.evidence.control_plane import (
    AccessAssignments,
    AzureCache,
    ResourceChange,
)
from refused.evidence.observations import DnsAnswer, Login, RedisReply
from refused.service.features import has, is_redis_audience

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

IDENTITY_FIRST = (
    "where no token can be had, mend that first: assign the identity to the host or bind it to the pod, and have "
    "its token endpoint answer; neither the cache nor its address is at fault"
)
CAUSE = Cause(
    id="auth-entra-misconfigured",
    title="the cache does not accept the Microsoft Entra identity that the client logs in with",
    hop="auth",
    shows_at=("auth",),
    bucket="configuration",
    needs=(
        AccessAssignments,
        AzureCache,
        DnsAnswer,
        Login,
        RedisReply,
        ResourceChange,
    ),
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
        IDENTITY_FIRST,
    ),
    verify="AUTH is answered OK with the same identity",
    prevent="create the policy assignment in the same template as the identity",
    expects=(("resource", "no-assignment"), ("elsewhere", "fails")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Hold user name, audience and service against what a login with a token needs."""
    answers, logins = evidence.all(DnsAnswer), evidence.all(Login)
    replies, azure = evidence.all(RedisReply), tuple(_azure_says(evidence))
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
    yield from azure
    if settled(azure):
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
    elif fine and not any(isinstance(each, Clue) and each.weight < 0 for each in azure):
        said = "token, user name and audience fit, so the identity lacks an access policy here"
        yield Clue(weight=2.5, because=said, seen=seen)


def _same(user: str | None, token_user: str | None) -> bool:
    """Whether the user name is the token's object id, where that could be read."""
    return token_user is None or (user or "").lower() == token_user.lower()


CHANGES = ("accessPolicyAssignments/delete", "accessPolicyAssignments/write", "redis/write")


def _azure_says(evidence: Evidence) -> Iterator[Statement]:
    """Look for the identity among those that the cache lets in."""
    caches, logins = evidence.all(AzureCache), evidence.all(Login)
    lists, replies = evidence.all(AccessAssignments), evidence.all(RedisReply)
    changes = of_cache(evidence.all(ResourceChange), caches, evidence.target)
    login = logins[-1] if logins else None
    if login is None or (login.token_expires_at or login.at) < login.at:
        return
    began = onset(each for each in replies if each.outcome == "error")
    change = what_changed(changes, CHANGES, began)
    after = f"; {changed_so(change, began)}" if change is not None else ""
    if caches and caches[-1].entra is False:
        said = f"Microsoft Entra ID is switched off on this cache{after}"
        yield Proof(because=said, seen=(caches[-1], login))
        return
    # The user name is what the service looks up; a token of another identity is told elsewhere.
    mine = (login.token_user or login.user or "").lower()
    if lists and mine and (login.user or mine).lower() == mine:
        held = {each[0].lower() for each in lists[-1].assignments}
        if mine in held:
            said = f"the cache has an access assignment for {mine}"
            yield Clue(weight=-1.6, because=said, seen=(*lists, login))
        else:
            said = f"none of the cache's {len(held)} access assignments is for {mine}{after}"
            yield Proof(because=said, seen=(*lists, login))
    elif caches and not lists:
        yield unread(
            evidence.gap(AccessAssignments),
            evidence.gap(AzureCache),
            "who may log in with Microsoft Entra ID",
            f"{az(caches[-1].service, 'access-policy-assignment list')}",
            asked=True,
        )


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="auth-entra-misconfigured-no-token",
        pattern=r"Failed to acquire token|DefaultAzureCredential failed|ManagedIdentityCredential authentication (?:failed|unavailable)|CredentialUnavailable|managed_identity_request_failed|no azure identity found|AADSTS(?:7[0-9]{4,5}|9[0-9]{4,5}|5[0-9]{4,5}|65[0-9]{3})|MsalServiceException|EnvironmentCredential authentication|identity not found|Identity not found|WorkloadIdentityCredential",
        family="azure",
        weight=4.6,
        says="no token can be had for this identity",
        example="ManagedIdentityCredential authentication unavailable. No managed identity endpoint found.",
    ),
    Signature(
        id="auth-entra-misconfigured-odd-token",
        pattern=r"Invalid token cannot be read|oid not found in token claims|object id[^\n]{0,40}(?:not found|does not match)|IDX1[0-9]{4}",
        family="azure",
        weight=4.4,
        says="the token is not one that the service expects",
        example="Invalid token cannot be read",
    ),
    Signature(
        id="auth-entra-misconfigured-token-refused",
        pattern=r"(?:169\.254\.169\.254|login\.microsoftonline|169\.254\.130\.1|IDENTITY_ENDPOINT|:2377\b|:41(?:741|742)\b|:42356)[^\n]{0,120}(?:refused|timed? ?out|failed|unreachable)|(?:refused|timed? ?out|unreachable)[^\n]{0,80}(?:169\.254\.169\.254|login\.microsoftonline|:2377\b|:42356)",
        family="azure",
        weight=5.0,
        says="it is the endpoint that gives out tokens, not Redis, that cannot be reached",
        example="Connection refused (169.254.169.254:80)",
        ignores_case=True,
    ),
    Signature(
        id="auth-entra-misconfigured-not-authenticated",
        pattern=r"NOAUTH Returned - connection has not yet authenticated",
        family="stackexchange",
        weight=2.9,
        says="the connection was opened, and the login on it never came or did not count",
        example="NOAUTH Returned - connection has not yet authenticated",
    ),
    # The classes of Azure.Identity have one name in all languages.
    Signature(
        id="auth-entra-misconfigured-credential",
        pattern=r"(?:DefaultAzure|ChainedToken|Environment|ManagedIdentity|WorkloadIdentity|AzureCli|AzureCLI|AzureDeveloperC[Ll][Ii]|AzurePowerShell|VisualStudio(?:Code)?|InteractiveBrowser|Client(?:Secret|Certificate|Assertion)|UsernamePassword|OnBehalfOf|DeviceCode|SharedTokenCache|AppService|Imds)Credential(?:\.get_?token(?:_info)? failed| authentication (?:failed|unavailable|error)| (?:failed|unavailable)|: [^\n]{0,80}(?:fail|timed? ?out|unavailable|not found|could not|no |error|[Pp]lease|required|unable))",
        family="azure",
        weight=4.6,
        says="no token can be had for this identity",
        example="ClientSecretCredential authentication failed: x",
    ),
    Signature(
        id="auth-entra-misconfigured-msal",
        pattern=r"\bMsal(?:Client|Service|UiRequired|Server|Interactive)?(?:Exception|Error)\b|Azure\.Identity\.AuthenticationFailedException|Aggregate(?:Authentication|CredentialUnavailable)Error|azure\.core\.exceptions\.ClientAuthenticationError|Multiple user assigned identities exist|[Pp]lease run '?az login|AADSTS(?:1002012|[0-9]{5}\b|500[0-9]{3}|700(?:0[0-9]{2}|[1-9][0-9]{2})|7000[0-9]{3}|9[0-9]{4,5})|\bRequestTokenErr\b",
        family="azure",
        weight=4.4,
        says="the token service turns the identity away",
        example="AADSTS1002012: The provided value for scope is not valid.",
    ),
    # redis-entraid, of a user-assigned identity that is not named.
    Signature(
        id="auth-entra-misconfigured-identity-unnamed",
        pattern=r"Id_type and id_value are required",
        family="redis-py",
        weight=4.2,
        says="the client is not told which identity to use",
        example="ValueError: Id_type and id_value are required for User Assigned identity auth",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "auth-or-tls": 0.6,
    "no-login": 0.6,
    "bad-login": 0.7,
    "no-token": 2.7,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("no-token") or "auth-entra-misconfigured-token-refused" in told.signatures:
        said = "no token was had, so that the login to the cache was not even tried"
        yield Clue(weight=0.4, because=said, seen=told.errors, ends=IDENTITY_FIRST)
    if "auth-entra-token-expired-code-behind-err" in told.signatures:
        yield Clue(
            weight=1.0,
            because="the server words it as Azure does where logins are made with tokens",
            seen=told.errors,
        )
    if told.marked("token") and told.saw("no-login", "bad-login", "auth-or-tls"):
        yield Clue(weight=1.6, because="the text speaks of tokens", seen=told.errors)
