"""The peer vanished without a word, and the kernel goes on sending to it for minutes.

What is wrong
    A failover, a dropped flow or a pulled cable leaves a connection half open: nobody answers, and
    nobody resets. Linux sends again, ever more slowly, for about 15 minutes (tcp_retries2 = 15)
    before it tells the application.
How it looks
    Every command on old connections times out for up to a quarter of an hour, while a new process
    connects at once; then all is well by itself.
What ends it
    The stuck connections closed (a restart does that); TCP_USER_TIMEOUT or tcp_retries2 = 5.
What it is not
    ``idle-timeout``: there the connection was quiet, and its end is noticed at the next use.
Sources
    tcp(7), tcp_retries2 and TCP_USER_TIMEOUT
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-connection
"""

from __future__ import annotations

from refused.causes.readings import STALLED_RETRANSMITS
from refused.causes.statements import Cause, Clue, Proof, Signature
from refused.evidence.observations import KernelSettings, OverTime, SocketsToTarget
from refused.evidence.over_time import answered_around
from refused.service.limits import retransmission_timeout_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="linux-tcp-stall",
    title="the peer vanished without a word, and the kernel goes on sending to it",
    hop="tcp",
    shows_at=("tcp",),
    traits=("between",),
    bucket="configuration",
    needs=(KernelSettings, OverTime, SocketsToTarget),
    remedies=(
        "restart the application, or have it close the stuck connections",
        "set TCP_USER_TIMEOUT to 30 s in the client, or net.ipv4.tcp_retries2 = 5 on the host",
        "give commands a time-out that drops the connection",
    ),
    verify="no socket to the server has unanswered retransmissions",
    prevent="TCP_USER_TIMEOUT in every client; pods need it there, since host settings do not reach them",
    expects=(("deeper", "stuck"), ("elsewhere", "works"), ("again", "recovers")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Look for open connections on which the kernel sends again and again."""
    kernels, tables = evidence.all(KernelSettings), evidence.all(SocketsToTarget)
    broken = evidence.broken
    retries = next((kernel.tcp_retries2 for kernel in kernels if kernel.tcp_retries2), None)
    for table in tables:
        stalled = [
            each
            for each in table.stuck
            if each.state == "ESTABLISHED" and each.retransmits >= STALLED_RETRANSMITS
        ]
        if not stalled:
            continue
        worst = max(stalled, key=lambda each: each.retransmits)
        who = f" of process {worst.pid}" if worst.pid else ""
        until = (
            f"; it gives up after about {retransmission_timeout_s(retries):.0f} s"
            if retries
            else ""
        )
        said = f"the connection {worst.local}{who} was sent to {worst.retransmits} times without an answer{until}"
        if broken is not None and broken.how == "stalled":
            yield Proof(
                because=f"{said}, while a new connection is accepted", seen=(table, *kernels)
            )
        else:
            yield Clue(weight=1.5, because=said, seen=(table,))
    yield from _under_watch(evidence.all(OverTime), retries)


# Within the two seconds that a PING is given, the kernel sends it again three times.
RESENT_IN_VAIN = 3
NEXT_S = 5.0


def _under_watch(watches: tuple[OverTime, ...], retries: int | None) -> Iterator[Statement]:
    """See whether a connection in use fell silent while new ones were answered."""
    for watch in watches:
        for each in watch.attempts:
            if each.kind != "ping" or each.outcome != "silent":
                continue
            ended = each.at + each.took_ms / 1000
            if (each.retransmits or 0) < RESENT_IN_VAIN:
                continue
            if not answered_around((watch,), each.at, ended + NEXT_S):
                continue
            said = (
                f"a connection in use fell silent: its PING was sent again {each.retransmits} times in vain, while "
                "new connections were answered"
            )
            if retries:
                said += f"; without a limit of its own a client would wait about {retransmission_timeout_s(retries):.0f} s"
            yield Proof(because=said, seen=(watch,))
            return


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="linux-tcp-stall-dead-peer",
        pattern=r"(?:read|reading|recv|write)[^\n]{0,80}(?:ETIMEDOUT|[Cc]onnection timed out|\(110,|Errno 110|\[?errno 110)|\(110, 'Connection timed out'\)|read tcp [^\n]{1,120}: read: connection timed out",
        family="socket",
        weight=2.4,
        says="the kernel gave an open connection up after minutes of retransmission",
        example="Error while reading from socket: (110, 'Connection timed out')",
    ),
    Signature(
        id="linux-tcp-stall-keep-alive",
        pattern=r"broken due to keep-alive activity|\b10052\b[^\n]{0,60}keep-alive",
        family="socket",
        weight=3.4,
        says="the other side did not answer the keep-alive",
        example="The connection has been broken due to keep-alive activity detecting a failure",
    ),
    # ss -o and -i show the timer of retransmission, and how often it has run out: ss(8).
    Signature(
        id="linux-tcp-stall-retransmits",
        pattern=r"timer:\(on,[0-9a-z.]{1,12},(?:[5-9]|1[0-9])\)|\bbackoff:(?:[5-9]|1[0-9])\b",
        family="socket",
        weight=4.2,
        says="the kernel has sent a segment again and again, and nobody acknowledged it",
        example="ESTAB 0 14 10.0.0.4:38620 10.5.8.30:6379 timer:(on,42sec,13)",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "stalled": 2.4,
    "hangs": 2.8,
    "read-error": 0.7,
    "socket-failure": 1.4,
    "no-answer": 0.9,
    "not-sent": 0.3,
    "timed-out": 0.5,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("no-answer") and told.speaks("lettuce", "spring"):
        yield Clue(
            weight=0.6,
            because="Lettuce goes on writing to a connection whose peer is gone",
            seen=told.errors,
        )
    if told.saw("timed-out") and told.marked("kernel-gave-up"):
        yield Clue(
            weight=1.0,
            because="the kernel itself gave up, as it does with an open connection whose peer is gone",
            seen=told.errors,
        )
    if told.saw("no-answer") and told.speaks("node-redis"):
        yield Clue(weight=0.4, because="nothing came back on an open connection", seen=told.errors)
    if 60 < told.count("unanswered-write") < 100000 and told.count("last-read") > 60:
        yield Clue(
            weight=3.4,
            because="a write went unanswered for minutes on a connection that the client holds to be open",
            seen=told.errors,
            fact="stall",
        )
    if 15 <= told.count("unanswered-write") <= 60:
        yield Clue(
            weight=0.6,
            because="a write went unanswered for many seconds",
            seen=told.errors,
            fact="stall",
        )
    if told.saw("no-answer") and told.speaks("lettuce") and (told.timeout_ms or 0) >= 30000:
        yield Clue(
            weight=0.5, because="commands waited for the whole of a long limit", seen=told.errors
        )
