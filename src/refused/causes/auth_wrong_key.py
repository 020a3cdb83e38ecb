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

from refused.causes.readings import service_behind
from refused.causes.statements import Cause, Clue, Proof, RuledOut
from refused.evidence.observations import DnsAnswer, Login, RedisReply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="auth-wrong-key",
    title="the client logs in with a password that is not the server's",
    hop="auth",
    shows_at=("auth",),
    bucket="configuration",
    prior=0.5,
    needs=(DnsAnswer, Login, RedisReply),
    remedies=(
        "put the key that is valid now into the client's secret store, without quotes or blanks",
        "in a URL, escape the key once (%3D for =); elsewhere, write it as it is",
        "log in with Microsoft Entra ID, where the service has it, and have no key to rotate",
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
    replies = evidence.all(RedisReply)
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
