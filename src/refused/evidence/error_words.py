r"""The words in which clients, runtimes and servers tell of a failure, and what each says was seen.

A symptom is what happened to the connection or the command, never why: a dozen causes share "the
connection was reset". The wordings are our own short patterns for the message templates of the
libraries named as family; they keep to what RE2, Hyperscan, Kusto and :mod:`re` read alike, and
never cross the end of a line.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.error_words_clients import ROWS as CLIENTS
from refused.evidence.error_words_dials import ROWS as DIALS
from refused.evidence.error_words_systems import ROWS as SYSTEMS
from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Tuple


class Symptom(Record):
    """What was seen to fail.

    Attributes:
        hop: The hop of the path that it shows to be broken; ``""`` where it does not tell.
        says: Reads after "a line says that".
        is_wrapper: Whether it only tells that something beneath went wrong: it counts where
            nothing more exact is said.
    """

    id: str
    hop: str
    says: str
    is_wrapper: bool = False


class Wording(Record):
    """How one family words a symptom. Fields as in the causes' signatures."""

    id: str
    symptom: str
    family: str
    pattern: str
    example: str
    ignores_case: bool = False


def _symptoms(*rows: Tuple[str, str, str, bool]) -> Dict[str, Symptom]:
    return {
        name: Symptom(id=name, hop=hop, says=says, is_wrapper=wraps)
        for name, hop, says, wraps in rows
    }


SYMPTOMS = _symptoms(
    ("name-unknown", "name", "the name has no address", False),
    ("resolver-failed", "name", "the resolver gave no answer", False),
    ("refused", "tcp", "the connection was refused", False),
    ("connect-timeout", "tcp", "the dial was not answered in time", False),
    ("unreachable", "route", "there is no route to the address", False),
    ("denied", "tcp", "the system forbade the socket", False),
    ("tls-cut", "tls", "the connection was cut during the TLS handshake", False),
    ("tls-silent", "tls", "the TLS handshake was not answered in time", False),
    ("tls-refused", "tls", "the TLS handshake failed without a stated reason", False),
    ("tls-unverified", "tls", "the certificate was not accepted", False),
    (
        "auth-or-tls",
        "tls",
        "the login or the TLS handshake failed; the client does not say which",
        True,
    ),
    ("reset", "", "an open connection was reset", False),
    ("closed", "", "the other side closed the connection", False),
    ("broken-pipe", "", "the client wrote to a connection that was closed already", False),
    ("read-error", "", "reading from the connection failed; the client does not say how", False),
    ("socket-failure", "", "an open connection failed", False),
    (
        "stalled",
        "",
        "nothing came on an open connection until the system gave it up",
        False,
    ),
    (
        "no-greeting",
        "resp",
        "the connection came about, and its first words were not answered in time",
        False,
    ),
    ("no-answer", "command", "a command was not answered in time", False),
    ("not-sent", "command", "a command could not be sent in time", False),
    ("still-connecting", "", "a command waited for a connection that never came up", True),
    ("cannot-connect", "", "no connection could be made", True),
    ("not-connected", "", "there was no connection to use", True),
    ("gave-up", "", "the client gave up after its retries", True),
    ("reconnecting", "", "the client reconnects", False),
    ("reconnected", "", "the client is connected again", True),
    ("pool-empty", "", "the client's own pool had no connection to give", False),
    ("pool-failed", "", "the client's pool could give no connection", True),
    ("odd-reply", "resp", "what came back is no Redis reply", False),
    ("no-login", "auth", "the server asks for credentials", False),
    ("bad-login", "auth", "the server refuses the credentials", False),
    ("no-token", "auth", "no token could be had", False),
    ("read-only", "command", "the server is a read-only replica", False),
    ("busy-script", "command", "the server is busy with a script", False),
    ("moved", "topology", "the server sends the client to another node", False),
    ("redirects", "topology", "redirections lead nowhere", False),
    ("no-topology", "topology", "the client could not learn the cluster's nodes", False),
    ("slot-missing", "topology", "the client knows no node for a slot", False),
    ("aborted", "command", "a transaction was discarded because of an earlier error", True),
    ("no-primary-link", "command", "a replica has lost its primary", False),
    (
        "chained-replica",
        "topology",
        "what a replica takes for its primary is a replica that has lost its own",
        False,
    ),
    ("descriptors", "tcp", "no file descriptor is left", False),
    ("local-ports", "tcp", "no local port is left", False),
    ("cannot-reconnect", "", "the client cannot connect again", False),
    ("no-node", "topology", "no node of the cluster could be reached", False),
    ("cannot-reach", "", "the server could not be reached", True),
    ("lost-command", "", "the connection was lost with a command under way", False),
    ("pool-misused", "", "a connection was given back to the pool wrongly", False),
    ("went-away", "", "the server is gone, or was never there", False),
    ("no-sentinel", "", "no sentinel could be reached", False),
    ("used-closed", "", "a client was used that is closed", True),
    ("queue-full", "command", "commands pile up in the client", False),
    ("hangs", "command", "a thread stands in a read, and nothing comes", False),
    ("timed-out", "", "something was not answered in time; the client does not say what", True),
)


def _wordings(*rows: Tuple[str, str, str, str, bool]) -> Tuple[Wording, ...]:
    """Build the table; rows are symptom, family, pattern, example, ignores case."""
    return tuple(
        Wording(
            id=f"{symptom}.{family}",
            symptom=symptom,
            family=family.partition("-in-")[0],
            pattern=pattern,
            example=example,
            ignores_case=folds,
        )
        for symptom, family, pattern, example, folds in rows
    )


WORDINGS = _wordings(*DIALS, *SYSTEMS, *CLIENTS)
