"""What a reader has to know beside the code, whatever the library."""

from __future__ import annotations

from refused.service.features import has
from refused.service.limits import connections_wanted
from refused.service.ports import title_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.remedies.clients.wanted import Wanted

KEY, USER, TOKEN_FILE = "REDIS_KEY", "REDIS_USER", "REDIS_TOKEN_FILE"


def head(wanted: Wanted, title: str, versions: str) -> tuple[str, ...]:
    """Return the first lines of every file."""
    service = title_of(wanted.service)  # type: ignore[arg-type]
    tier = f", {wanted.sku}" if wanted.sku else ""
    return (f"{title} ({versions}) for {wanted.address}, {service}{tier}.",)


def common(wanted: Wanted) -> tuple[str, ...]:
    """Return what was assumed, and what does not fit the service."""
    notes = []
    if wanted.auth == "key":
        user = f" and {USER} the user's name" if wanted.user else ""
        notes.append(
            f"The environment variable {KEY} holds the access key{user}; never put it into code."
        )
        if has(wanted.service, "access-keys-on-by-default") is False:  # type: ignore[arg-type]
            notes.append(
                "Managed Redis starts with access keys off: --auth entra writes the code for Entra ID."
            )
    if wanted.service == "amr" and not wanted.policy:
        notes.append(
            "No clustering policy was given, and OSSCluster is Managed Redis's default: --policy EnterpriseCluster or "
            "NoCluster writes the code for one endpoint."
        )
    if wanted.cluster and not wanted.shards_known and wanted.shards == 1:
        notes.append(
            "How many shards there are is not known, so the figures are those of one node: --shards says."
        )
    elif wanted.cluster and not wanted.shards_known:
        notes.append(
            f"How many shards there are is not known; {wanted.shards} is the most there can be (a guess: one for each "
            "vCPU), and --shards says better."
        )
    if not wanted.sku:
        notes.append("Without --sku no figure here comes from this cache's limit of connections.")
    return tuple(notes)


def outbound(wanted: Wanted, pool: int) -> tuple[str, ...]:
    """Warn where each instance opens more connections than App Service has SNAT ports."""
    each = connections_wanted(
        processes=wanted.processes, pool_size=pool, sockets_per_connection=wanted.shards
    )
    if not wanted.is_azure or each <= 100:
        return ()
    return (
        (
            f"Each instance may open {each} connections to one address; App Service and Functions have 128 SNAT ports for "
            "that, so keep below 100 there, or use a private endpoint."
        ),
    )


NO_PROVIDER = (
    "This library has no token provider: something else (a sidecar, a cron job with `az account get-access-token "
    f"--scope https://redis.azure.com/.default`) has to keep a fresh token in the file that {TOKEN_FILE} names, and "
    "each new connection reads it. The service closes a connection when its token ends, after an hour or more; the "
    "library then reconnects with the new one."
)
