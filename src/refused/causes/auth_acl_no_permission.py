"""The user that the client logs in as may not run the command.

What is wrong
    The access policy or ACL of the user lacks a command, a key pattern or a channel, often one
    that the library needs while it connects.
How it looks
    "NOPERM this user has no permissions to run the 'ping' command", or "… to access one of the
    keys".
What ends it
    An access policy with just the command that is missing.
What it is not
    ``auth-wrong-key``: there the login itself is refused.
    ``unsupported-command-or-db``: there no user may run it.
Sources
    https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure-role-based-access-control
"""

from __future__ import annotations

from refused.causes.statements import Cause, Proof, Signature
from refused.evidence.observations import Login, RedisReply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="auth-acl-no-permission",
    title="the user that the client logs in as may not run the command",
    hop="auth",
    shows_at=("auth", "topology", "command"),
    bucket="configuration",
    needs=(Login, RedisReply),
    remedies=(
        "add the missing command to the user's access policy (ACL SETUSER … +command), no more",
        "where the library alone wants it, switch that off in the library",
    ),
    verify="the command is answered",
    prevent="run the client's own start against a user with the policy before it ships",
    expects=(("again", "same"), ("elsewhere", "fails")),
)

# A cluster client cannot start without one of these; anybody else can do without.
TOPOLOGY = ("CLUSTER SLOTS", "CLUSTER SHARDS")
# Asked out of curiosity; a refusal harms nobody.
CURIOSITY = ("INFO", "ROLE", "TIME", "CONFIG", "CLIENT", "CLUSTER")


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Look for the server's own word that the user lacks a permission."""
    logins, replies = evidence.all(Login), evidence.all(RedisReply)
    broken, target = evidence.broken, evidence.target
    denied = [each for each in replies if each.error_code == "NOPERM"]
    if target is None or not denied:
        return
    user = (logins[-1].user if logins else target.user) or "default"
    needed = next((each for each in denied if each.command in TOPOLOGY), None)
    if target.cluster_aware and needed is not None:
        said = f"a cluster client needs {needed.command}, and user {user} may not run it"
        yield Proof(because=f"{said}: {needed.error_text}", seen=(*logins, needed))
    if broken is None or broken.hop not in CAUSE.shows_at:
        return
    for each in denied:
        if each.command.startswith(CURIOSITY):
            continue
        if broken.how == "NOPERM" or (broken.how == "db-refused" and each.command == "SELECT"):
            said = f"user {user} may not run {each.command}: {each.error_text}"
            yield Proof(because=said, seen=(*logins, each))
            return


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="auth-acl-no-permission-noperm",
        pattern=r"\bNOPERM\b|has no permissions to (?:run the '[^'\n]{1,60}' (?:sub)?command|access (?:one of the|the '[^'\n]{1,200}' (?:key|channel)|an? (?:key|channel)))|no permissions to access one of the",
        family="server",
        weight=5.5,
        says="the server says that this user may not do that",
        example="NOPERM this user has no permissions to run the 'config|get' command",
    ),
    # script.c: a script's commands run with the rights of whoever calls it.
    Signature(
        id="auth-acl-no-permission-script",
        pattern=r"user executing the script can't |ACL failure in script|can't access at least one of the (?:keys|channels) mentioned",
        family="server",
        weight=5.5,
        says="the server says that this user may not do that, not in a script either",
        example="ERR The user executing the script can't run this command or subcommand script: 4a26ff33, on @user_script:2",
    ),
    Signature(
        id="auth-acl-no-permission-arm",
        pattern=r"AuthorizationFailed[^\n]{0,400}(?:Microsoft\.Cache|[Rr]edis)|Microsoft\.Cache/[^\n]{0,400}AuthorizationFailed|does not have authorization to perform action '?Microsoft\.Cache",
        family="arm",
        weight=4.8,
        says="the control plane says that this identity may not do that",
        example="The client does not have authorization to perform action 'Microsoft.Cache/redis/read'",
    ),
    # acl.c and module.c say so without naming the user; redis-py and others cut the code off.
    Signature(
        id="auth-acl-no-permission-bare",
        pattern=r"\b[Nn]o permissions to access (?:an? (?:key|channel)\b|database\b)|has no permissions to access (?:the )?database\b|ACLs rules changed between the moment the transaction was accumulated",
        family="server",
        weight=5.5,
        says="the server says that this user may not do that",
        example="redis.exceptions.NoPermissionError: No permissions to access a key",
    ),
    # What clients raise for NOPERM: redis-py and valkey-py, coredis, redis-client of Ruby.
    Signature(
        id="auth-acl-no-permission-exception",
        pattern=r"\bexceptions\.NoPermissionError\b|\bcoredis\.exceptions\.AuthorizationError\b|\bRedis(?:Client)?::PermissionError\b",
        family="redis-py",
        weight=5.0,
        says="the client raises what it has for a refused permission",
        example="RedisClient::PermissionError: NOPERM",
    ),
)
