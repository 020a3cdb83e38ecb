"""Readiness: 503 while something that the application needs is not usable, 200 when it is again.

    from refused.client import readiness
    ready = readiness.Readiness(
        readiness.redis("cache", "rediss://:KEY@mycache.redis.cache.windows.net:6380"),
        readiness.database("orders", lambda: psycopg.connect(dsn), required=True),
    )
    app.mount("/", ready.asgi)      # or ready.wsgi, or: if ready.check().is_ready: …

Whoever asks is answered at once, from what was found last. What was found is at most a second old
while somebody asks; nobody asks, nothing is probed. Each dependency is probed by one at a time, and
a server that does not answer is asked less often, not more. One blip changes nothing: it takes two
failures in a row to be unusable, and two successes to be usable again.

A cache is optional unless it is said to be required: a blip of it must not take every pod out.
"""

from __future__ import annotations

from refused.client.readiness.dependencies import (
    Dependency,
    Unusable,
    call,
    database,
    dns,
    redis,
    tcp,
)
from refused.client.readiness.dependencies import (
    http_address as http,
)
from refused.client.readiness.engine import Readiness, Report
from refused.client.readiness.kubernetes import kubernetes

__all__ = [
    "Dependency",
    "Readiness",
    "Report",
    "Unusable",
    "call",
    "database",
    "dns",
    "http",
    "kubernetes",
    "redis",
    "tcp",
]
