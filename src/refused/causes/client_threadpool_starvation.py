"""The client's own threads do not come round to read the reply.

What is wrong
    The reply has come, and nobody in the client fetches it in time: the thread pool is exhausted by
    blocking calls, the event loop is held by other work, the processor is busy, or a collection of
    garbage stops the program.
How it looks
    Time-outs of one client while others of the same server do well. StackExchange.Redis prints
    ``WORKER: (Busy=96,Min=4…)``: more threads busy than kept ready, and ``in:`` above 0: bytes
    that lie unread. Lettuce and Redisson speak of CPU usage, Node.js of a late event loop.
What ends it
    Asynchronous calls all the way (no ``.Result``, no blocking work on the event loop); a higher
    minimum of threads; more processor.
What it is not
    ``server-overloaded``: there all clients wait, and the load is the server's.
    ``client-timeout-too-short``: there the threads are free.
Sources
    https://stackexchange.github.io/StackExchange.Redis/Timeouts
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-troubleshoot-client
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Signature
from refused.evidence.observations import Elsewhere, ServerPace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="client-threadpool-starvation",
    title="the client's own threads do not come round to read the reply",
    hop="command",
    shows_at=("command",),
    bucket="code",
    needs=(Elsewhere, ServerPace),
    remedies=(
        "make every call on the way asynchronous: no waiting for a task on a thread of the pool",
        "raise the minimum of the thread pool (ThreadPool.SetMinThreads) to the busiest count seen",
        "give the client more processor, and move long work off its event loop",
    ),
    verify="the busy count of the exception stays below the minimum, and time-outs end at the same load",
    prevent="a metric of the pool's queue length and of the event loop's delay, with an alert",
    expects=(("elsewhere", "works"), ("again", "recovers"), ("clients-metric", "below")),
)

QUICK_MS = 50.0


def _many_busy(told: Told) -> bool:
    """Whether tens of threads are at work, however many the pool keeps ready."""
    return max(told.count("worker-busy"), told.count("iocp-busy")) >= 30


def _is_drained(told: Told) -> bool:
    """Whether the first major version of StackExchange.Redis counts no command in any of its queues."""
    return told.counters.get("queue") == 0 and not told.count("in")


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether the server is quick while commands still time out; the threads no probe can see."""
    others, paces, broken = evidence.all(Elsewhere), evidence.all(ServerPace), evidence.broken
    if broken is None or broken.hop != "command" or broken.how not in ("silent", "slow"):
        return
    for pace in paces:
        if max(pace.round_trips_ms, default=QUICK_MS) < QUICK_MS:
            yield Clue(weight=0.4, because="the server answers PING at once", seen=(pace,))
    for other in others:
        if other.healthy:
            yield Clue(weight=0.5, because=f"all is well from {other.vantage}", seen=(other,))
            break


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="client-threadpool-starvation-thread-theft",
        pattern=r"possible thread-theft|thread ?pool (?:is )?(?:starv|exhaust)",
        family="stackexchange",
        weight=4.6,
        says="the client says that its threads are taken",
        example="possible thread-theft indicated",
        ignores_case=True,
    ),
    Signature(
        id="client-threadpool-starvation-not-written",
        pattern=r"Command still hasn't been written into connection",
        family="redisson",
        weight=2.4,
        says="the client's threads did not come to write the command",
        example="Command still hasn't been written into connection!",
    ),
    Signature(
        id="client-threadpool-starvation-slow-pings",
        pattern=r"Redis network connection is performing extremely poorly|Last RTT readings were",
        family="sidekiq",
        weight=2.6,
        says="the client finds its round trips slow, which it lays to the process's own CPU or to the way",
        example="Last RTT readings were [101377, 99211, 104530], ideally these should be < 1000.",
    ),
    Signature(
        id="client-threadpool-starvation-loop-blocked",
        pattern=r"Check CPU usage|blockhound|thread (?:is |was )?blocked|Event loop (?:is )?blocked|Thread\[[^\n]{1,120}\] has been blocked for|which is not supported in thread (?:lettuce|redisson|reactor)-|GC pause|Thread starvation or clock leap",
        family="lettuce",
        weight=3.2,
        says="the client's own threads do not come round",
        example="Command still hasn't been written into connection! Check CPU usage of the JVM.",
        ignores_case=True,
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "tls-silent": 0.6,
    "no-answer": 0.8,
    "not-sent": 1.9,
    "pool-empty": 0.2,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.starved_threads:
        yield Clue(
            weight=1.2,
            because="many times as many threads are busy as the pool keeps ready, so that nobody fetches replies",
            seen=told.errors,
            fact="many threads",
        )
    if (
        told.is_counted
        and 0 < told.count("worker-min") < told.count("worker-busy") < told.count("worker-min") + 8
    ):
        yield Clue(
            weight=0.6,
            because="a few more worker threads are busy than the pool keeps ready",
            seen=told.errors,
            fact="threads",
        )
    if told.is_counted and 0 < told.count("worker-min") <= told.count("worker-busy") - 8:
        yield Clue(
            weight=2.6,
            because="more worker threads are busy than the pool keeps ready: further ones come at two a second",
            seen=told.errors,
            fact="threads",
        )
    if told.is_counted and 0 < told.count("iocp-min") < told.count("iocp-busy"):
        yield Clue(
            weight=2.4,
            because="more completion threads are busy than the pool keeps ready",
            seen=told.errors,
            fact="threads",
        )
    cpu = told.count("client-cpu")
    if cpu >= 70:
        yield Clue(
            weight=3.2 if cpu >= 90 else 1.0,
            because=f"the client's own processor is at {cpu:.0f} %",
            seen=told.errors,
            fact="client cpu",
        )
    if told.marked("waits-on-loop") and told.saw("no-answer", "timed-out"):
        yield Clue(
            weight=2.6,
            because="a thread of the client's event loop asks for a reply, which it alone could fetch",
            seen=told.errors,
            fact="event loop",
        )
    if told.marked("slow-loop") and told.saw("no-answer", "timed-out", "connect-timeout"):
        yield Clue(
            weight=2.2, because="the event loop was held up", seen=told.errors, fact="event loop"
        )
    if told.saw("no-answer") and told.runtime == "node":
        yield Clue(
            weight=0.4,
            because="Node.js sees to its timers before its sockets: a loop that was held up finds the limit over first",
            seen=told.errors,
        )
    if told.saw("no-answer") and _is_drained(told):
        yield Clue(
            weight=0.7,
            because="nothing is under way any more: the reply had come when the exception was written",
            seen=told.errors,
        )
    if told.count("pool-queueditems") >= 100:
        yield Clue(
            weight=2.0, because="work items queue for a thread", seen=told.errors, fact="queued"
        )
    if told.count("worker-busy") >= 50 and told.count("worker-busy") <= told.count("worker-min"):
        yield Clue(
            weight=1.5,
            because="very many worker threads are busy",
            seen=told.errors,
            fact="threads",
        )
    if (
        told.saw("no-answer")
        and told.is_counted
        and 0 < told.count("in") < 60000
        and (told.count("worker-busy") > told.count("worker-min") or _many_busy(told))
    ):
        yield Clue(weight=0.8, because="a reply has come and lies unread", seen=told.errors)
    if (
        told.saw("no-answer")
        and told.is_counted
        and told.count("worker-busy") <= 8
        and told.count("worker-busy") <= told.count("worker-min")
        and told.count("pool-queueditems") < 20
    ):
        yield Clue(
            weight=-0.9, because="the client's threads are free", seen=told.errors, fact="threads"
        )
