"""The server does not have the command, the protocol version or the database that is asked for.

What is wrong
    While it connects, the client selects a database that does not exist (a cluster has only 0), or
    uses a command or protocol version that the server does not know or does not allow.
How it looks
    "ERR DB index is out of range", "ERR SELECT is not allowed in cluster mode", "ERR unknown
    command", "NOPROTO unsupported protocol version"; often taken for a failed connection.
What ends it
    Database 0, RESP2 (``protocol=2``), or the library's option that leaves the command out.
What it is not
    ``auth-acl-no-permission``: there another user may run it.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure
    https://redis.io/docs/latest/commands/hello/
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Proof, Signature
from refused.evidence.observations import ClientSettings, RedisReply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="unsupported-command-or-db",
    title="the server does not have the command, protocol version or database asked for",
    hop="command",
    shows_at=("auth", "topology", "command"),
    bucket="code",
    needs=(ClientSettings, RedisReply),
    remedies=(
        "use database 0, and a key prefix in place of other databases",
        "set protocol=2 where the server does not speak RESP3",
        "leave the command out, by the library's option, or update the server",
    ),
    verify="SELECT and the first commands are answered while the client connects",
    prevent="test the client against the same service, tier and version as in production",
    expects=(("again", "same"), ("elsewhere", "fails")),
)

DATABASE = ("db index is out of range", "invalid db index", "select is not allowed in cluster mode")
# Asked out of curiosity; a refusal harms nobody.
CURIOSITY = ("INFO", "ROLE", "TIME", "CONFIG", "CLIENT", "CLUSTER")
UNKNOWN = ("unknown command", "unknown subcommand", "wrong number of arguments for 'auth'")


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Look for the server's own word that it has no such thing."""
    settings, replies = evidence.all(ClientSettings), evidence.all(RedisReply)
    broken, target = evidence.broken, evidence.target
    if target is None:
        return
    hello = next((r for r in replies if r.command == "HELLO" and _lacks_hello(r)), None)
    wants_3 = next((each for each in settings if each.protocol == 3), None)
    if hello is not None and wants_3 is not None:
        said = f"the client is set to RESP3, and HELLO is answered {hello.error_text!r}"
        yield Clue(weight=2.5, because=said, seen=(hello, wants_3))
    if broken is None or broken.hop not in CAUSE.shows_at:
        return
    for each in replies:
        text = each.error_text.lower()
        if each.outcome != "error" or each.command.startswith(CURIOSITY):
            continue
        if each.command == "SELECT" and any(words in text for words in DATABASE):
            asked = "another database" if target.db is None else f"database {target.db}"
            said = f"the client selects {asked}, and the server answers {each.error_text!r}"
            yield Proof(because=said, seen=(each,))
            return
        if broken.how == each.error_code == "ERR" and any(words in text for words in UNKNOWN):
            said = f"{each.command} is answered {each.error_text!r}"
            yield Proof(because=said, seen=(each,))
            return


def _lacks_hello(reply: RedisReply) -> bool:
    """Whether the server refused the protocol version, or the command that asks for it."""
    return reply.error_code == "NOPROTO" or "unknown command" in reply.error_text.lower()


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="unsupported-command-or-db-unknown-command",
        pattern="ERR unknown (?:sub)?command|unknown command [`'\\\"](?:[A-Z][A-Z.]{2,30}[`'\\\"]|[^`'\\\"\\n]{2,40}[`'\\\"],? with args)|(?:Response|Reply|Command|Redis|Data|Server)(?:Error|Exception)[^\\n]{0,40}unknown command|[Uu]nknown subcommand '[A-Za-z]{2,30}'\\. Try [A-Z]{2,20} HELP|ERR DISABLED |ERR [^\\n]{0,20}[Tt]his command (?:is|has been) disabled|command is not (?:allowed|supported)|not supported (?:in|by) (?:Azure|this (?:server|service|instance|database|tier|plan|cache|endpoint|node|[Rr]edis|[Vv]alkey|version))|has been disabled in the command-map|not available unless admin mode|ERR command not (?:allowed|permitted)|ERR This command is not",
        family="server",
        weight=4.8,
        says="the server does not offer the command",
        example="ERR unknown command 'CONFIG'",
    ),
    Signature(
        id="unsupported-command-or-db-no-database",
        pattern=r"DB index is out of range|invalid DB index|database does not exist on the server|ERR invalid DB",
        family="server",
        weight=4.9,
        says="the server does not have that database",
        example="ERR DB index is out of range",
    ),
    Signature(
        id="unsupported-command-or-db-too-old",
        pattern=r"[Rr]edis(?: server)? version (?:needs to be|must be|is too old)|requires (?:a )?(?:[Rr]edis|Valkey)(?: server)?(?: version)? ?(?:>=? ?)?v?[0-9]{1,3}\.[0-9]",
        family="redis",
        weight=4.6,
        says="the client asks for a newer server than the one it met",
        example="Redis version needs to be greater or equal than 5.0.0 Current: 3.2.1",
    ),
    Signature(
        id="unsupported-command-or-db-no-protocol",
        pattern=r"\bNOPROTO\b|unsupported protocol version|ERR Protocol version",
        family="server",
        weight=3.6,
        says="the server does not speak that version of RESP",
        example="NOPROTO unsupported protocol version",
    ),
    Signature(
        id="unsupported-command-or-db-select",
        pattern=r"SELECT is not allowed|ERR SELECT is not",
        family="server",
        weight=4.6,
        says="there is no other database to choose",
        example="ERR SELECT is not supported",
    ),
    # Envoy's Redis proxy answers with unsupported command; StackExchange.Redis asks its list of features.
    Signature(
        id="unsupported-command-or-db-not-offered",
        pattern=r"Unsupported CONFIG parameter|can't set (?:protected|immutable) config|command not allowed\. If the enable-|[Cc]ommand is not available\b|unsupported command [`'\"]|-unsupported command\b|this protocol version is not supported",
        family="any",
        weight=4.8,
        says="the server does not offer what it is asked for",
        example="ERR Unsupported CONFIG parameter: notify-keyspace-events",
    ),
    Signature(
        id="unsupported-command-or-db-option",
        pattern=r"syntax error near '(?:KEEPTTL|GET|EX|NX)'|CLIENT SETINFO[^\n]{0,40}ERR|name: '?client'?, args: \[ ?'?(?:SETINFO|setinfo)\b",
        family="server",
        weight=2.6,
        says="the server is older than what the command asks for",
        example="ERR syntax error near 'KEEPTTL'",
    ),
    # Servers before 7.0 say so of a subcommand that came later; redis-py of an index that SELECT refuses.
    Signature(
        id="unsupported-command-or-db-subcommand",
        pattern=r"[Uu]nknown subcommand or wrong number of arguments for '|\bexceptions\.ConnectionError: Invalid Database",
        family="server",
        weight=3.4,
        says="the server does not know what it is asked for",
        example="ERR Unknown subcommand or wrong number of arguments for 'TRACKING'. Try CLIENT HELP.",
    ),
)


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    refused = "unsupported-command-or-db-unknown-command"
    if refused in told.signatures and told.marked("asked-cluster"):
        yield Clue(
            weight=-1.5,
            because="the command that is refused is of clusters, which the server need not be",
            seen=told.errors,
        )
