"""Which hosted service other than Azure's a host name belongs to, and what that says of it.

Two facts decide what an error means there: whether the server takes anything but TLS, and whether
it can be dialled from outside its provider's network.
"""

from __future__ import annotations

from refused.service.facts import LIKELY, SURE, Fixed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.service.facts import Certainty

_AWS = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/"
_ELASTICACHE = (".cache.amazonaws.com", ".cache.amazonaws.com.cn")

# Shape: (name, how its host names begin, what they hold, how they end, whether TLS alone is taken
# (None: as its owner chose), whether it has a public side, source, certainty). The first that fits counts.
HOSTED: tuple[
    tuple[str, tuple[str, ...], str, tuple[str, ...], bool | None, bool, str, Certainty], ...
] = (
    (
        "ElastiCache serverless",
        ("",),
        ".serverless.",
        _ELASTICACHE,
        True,
        False,
        f"{_AWS}in-transit-encryption.html",
        SURE,
    ),
    (
        # With encryption in transit the role stands in front of the name; without, behind it.
        "ElastiCache with encryption in transit",
        ("master.", "replica.", "clustercfg."),
        "",
        _ELASTICACHE,
        True,
        False,
        f"{_AWS}enable-python-best-practices.html",
        LIKELY,
    ),
    (
        "ElastiCache",
        ("",),
        "",
        _ELASTICACHE,
        None,
        False,
        f"{_AWS}accessing-elasticache.html",
        SURE,
    ),
    (
        "MemoryDB",
        ("",),
        ".memorydb.",
        (".amazonaws.com", ".amazonaws.com.cn"),
        None,
        False,
        "https://docs.aws.amazon.com/memorydb/latest/devguide/clusters.html",
        SURE,
    ),
    (
        # Made by Fly.io inside its own network, where plain text is usual.
        "Upstash at Fly.io",
        ("fly-",),
        "",
        (".upstash.io",),
        None,
        False,
        "https://upstash.com/docs/redis/quickstarts/fly",
        LIKELY,
    ),
    (
        "Upstash",
        ("",),
        "",
        (".upstash.io",),
        True,
        True,
        "https://upstash.com/docs/redis/troubleshooting/econn_reset",
        SURE,
    ),
    (
        "DigitalOcean's managed databases",
        ("",),
        "",
        (".db.ondigitalocean.com",),
        True,
        True,
        "https://docs.digitalocean.com/products/databases/valkey/how-to/connect/",
        LIKELY,
    ),
    (
        # Each database has a port of its own.
        "Redis Cloud",
        ("",),
        "",
        (".redislabs.com", ".redis-cloud.com"),
        None,
        True,
        "https://redis.io/docs/latest/operate/rc/databases/connect/",
        LIKELY,
    ),
    (
        # Somebody's own server, or an add-on of Heroku's, which leads its programs to another host with maintenance.
        "EC2",
        ("ec2-",),
        "",
        (".compute.amazonaws.com", ".compute-1.amazonaws.com"),
        None,
        True,
        "https://help.heroku.com/YS1LUDS6/do-i-need-to-do-anything-to-perform-the-heroku-redis-maintenance",
        LIKELY,
    ),
)


class HostedService(Fixed):
    """What a host name tells of the service behind it.

    Attributes:
        speaks_tls_alone: ``None`` where that is as its owner chose.
        has_public_side: Whether it can be dialled from outside its provider's network.
    """

    __slots__ = ("has_public_side", "name", "source", "speaks_tls_alone")

    name: str
    speaks_tls_alone: bool | None
    has_public_side: bool
    source: str


def hosted_service(host: str) -> HostedService | None:
    """Return what *host* tells; ``None`` where it belongs to no service that is listed here.

    >>> hosted_service("master.orders.k3x9ab.use1.cache.amazonaws.com").speaks_tls_alone
    True
    """
    name = host.lower().rstrip(".")
    for service, begins, holds, ends, tls_alone, public_side, source, _ in HOSTED:
        if name.startswith(begins) and holds in name and name.endswith(ends):
            return HostedService(
                name=service,
                speaks_tls_alone=tls_alone,
                has_public_side=public_side,
                source=source,
            )
    return None
