"""From a host name to the resource that bears it.

One query of Resource Graph looks through every subscription that the credential sees. Where it is
refused, the caches of each subscription are listed instead, which is slower and as good.
"""

from __future__ import annotations

from refused.evidence.control_plane import CONTROL_PLANE, ResourceSearch
from refused.evidence.observations import Unseen
from refused.evidence.record import Record
from refused.probes.azure.client import MOST_PAGES, Answer
from refused.probes.azure.ways import dig, items, last_of, part_of, same, text
from refused.service.arm import api_version
from refused.service.clouds import is_cache_name, service_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from refused.probes.azure.client import Plane

GRAPH = "/providers/Microsoft.ResourceGraph/resources"
TYPES = ("Microsoft.Cache/redis", "Microsoft.Cache/redisEnterprise")
# Somebody who sees more than this names a subscription.
MOST_SUBSCRIPTIONS = 40


class Row(Record):
    """One cache as a list or a query shows it."""

    id: str
    name: str
    type: str
    host: str


class Found(Record):
    """What a search came to.

    Attributes:
        chosen: The id of the one resource that is meant; ``None`` where there is none or several.
        facts: The search, or why it could not be made.
        places: The subscriptions that were named or listed; none where one query went to all.
    """

    chosen: str | None
    host: str
    facts: tuple[Any, ...]
    places: tuple[str, ...] = ()


def name_of(host: str) -> str | None:
    """Return the cache's name in a host name, ``None`` where it has none.

    A host name outside Azure has none either; follow its CNAMEs first.
    """
    hosting = service_of(host)
    if hosting.is_azure:
        return hosting.cache_name
    return host if is_cache_name(host) else None


def search(plane: Plane, name: str, host: str, subscription: str | None = None) -> Found:
    """Look for the cache called *name*; *host* tells which one, ``""`` where only a name was given."""
    rows, answer, places, complete = _graph_rows(plane, name, subscription)
    if not answer.ok or (not rows and subscription):
        listed = _listed_rows(plane, name, subscription)
        if listed is not None:
            rows, answer, places, complete = listed
    if not answer.ok:
        return Found(chosen=None, host="", facts=(answer.unseen("ResourceSearch"),))
    mine = [row for row in rows if _fits(row, host)]
    others = [row for row in rows if row not in mine]
    made = ResourceSearch(
        **answer.stamp(),
        name=name,
        found=tuple(row.id for row in mine),
        subscriptions=places or tuple({part_of(row.id, "subscriptions"): None for row in rows}),
        complete=complete,
        elsewhere=tuple((row.id, row.host) for row in others),
    )
    if len(mine) == 1:
        return Found(chosen=mine[0].id, host=mine[0].host, facts=(made,))
    gap = _none_or_several(mine, others)
    return Found(chosen=None, host="", facts=(made, gap), places=places)


def _none_or_several(mine: Sequence[Row], others: Sequence[Row]) -> Unseen:
    if mine:
        why = f"{len(mine)} caches bear the name"
        how = "say which: --resource with its id, or --subscription"
    elif others:
        why = f"the cache of that name has another host name, {others[0].host or 'not said'}"
        how = "look at the host name; or say which is meant with --resource"
    else:
        why = "none of the caches that this credential sees bears the name"
        how = "log in to the right tenant, have the role Reader on the cache, or give --resource"
    return Unseen(vantage=CONTROL_PLANE, what="AzureCache", why=why, how_to_see=how)


def _fits(row: Row, host: str) -> bool:
    """Whether *row* is the cache that *host* leads to."""
    if not host or not row.host:
        hosting = service_of(host)
        kind = last_of(row.type).lower()
        return not host or (hosting.service == "acr") == (kind == "redis")
    hosting = service_of(host)
    # A privatelink name, or one that is misspelt, stands for the public name.
    public = hosting.suggestion or host
    labels = public.lower().split(".")
    if len(labels) > 1 and labels[1] == "geo":
        del labels[1]
    return same(".".join(labels), row.host)


# --- Resource Graph --------------------------------------------------------------------------------


def graph(plane: Plane, query: str, subscription: str | None = None) -> tuple[Answer, list[Any]]:
    """Put a query; returns the first answer that failed, or the last, and all rows."""
    rows: list[Any] = []
    skip = ""
    answer = Answer(GRAPH, api_version("Microsoft.ResourceGraph"))
    for _ in range(MOST_PAGES):
        options: dict[str, Any] = {"resultFormat": "objectArray", "$top": 1000}
        if skip:
            options["$skipToken"] = skip
        post: dict[str, Any] = {"query": query, "options": options}
        if subscription:
            post["subscriptions"] = [subscription]
        answer = plane.ask(GRAPH, api_version("Microsoft.ResourceGraph"), post=post)
        if not answer.ok:
            return answer, rows
        found = _rows(answer.body)
        if found is None:
            answer.why = "the answer holds no rows"
            answer.how = "look at it with refused probe --azure"
            return answer, rows
        rows += found
        skip = text(answer.body, "$skipToken") or ""
        if not skip:
            return answer, rows
    answer.is_whole = False
    return answer, rows


def _rows(body: Any) -> list[Any] | None:
    """Return the rows of an answer, which may come as objects or as a table; ``None`` for neither."""
    data = dig(body, "data")
    if isinstance(data, list):
        return items(body, "data")
    names = [text(each, "name") or "" for each in items(data, "columns")]
    found = dig(data, "rows")
    if not isinstance(found, list):
        return None
    return [dict(zip(names, row)) for row in found if isinstance(row, list)]


def _graph_rows(
    plane: Plane, name: str, subscription: str | None
) -> tuple[list[Row], Answer, tuple[str, ...], bool]:
    query = (
        "Resources | where type in~ ('microsoft.cache/redis', 'microsoft.cache/redisenterprise') "
        f"| where name =~ '{name}' | project id, name, type, subscriptionId, properties"
    )
    answer, found = graph(plane, query, subscription)
    rows = [row for row in map(_row, found) if row is not None and same(row.name, name)]
    return rows, answer, (subscription,) if subscription else (), answer.is_whole


def _row(data: Any) -> Row | None:
    arm_id = text(data, "id")
    if arm_id is None:
        return None
    return Row(
        id=arm_id,
        name=text(data, "name") or last_of(arm_id),
        type=text(data, "type") or f"Microsoft.Cache/{arm_id.split('/')[-2]}",
        host=(text(data, "properties", "hostName") or text(data, "hostName") or "").lower(),
    )


# --- lists -----------------------------------------------------------------------------------------


def subscriptions(plane: Plane) -> tuple[Answer, tuple[str, ...]]:
    """Return the subscriptions that the credential sees, disabled ones included."""
    answer = plane.ask_all("/subscriptions", api_version("Microsoft.Resources/subscriptions"))
    found = (text(each, "subscriptionId") for each in items(answer.body, "value"))
    return answer, tuple(each for each in found if each)


def subscription_id(plane: Plane, given: str) -> tuple[Answer | None, str | None]:
    """Return the id of a subscription that was given by id or by name, and the answer that was asked for it.

    An id is taken as it is, and nobody is asked.
    """
    if len(given) == 36 and given.count("-") == 4:
        return None, given
    answer = plane.ask_all("/subscriptions", api_version("Microsoft.Resources/subscriptions"))
    for each in items(answer.body, "value"):
        if same(text(each, "displayName"), given):
            return answer, text(each, "subscriptionId")
    if answer.ok:
        answer.why = "none of the subscriptions that this credential sees bears the name given"
        answer.how = "give its id; az account list has it"
    return answer, None


def _listed_rows(
    plane: Plane, name: str, subscription: str | None
) -> tuple[list[Row], Answer, tuple[str, ...], bool] | None:
    """List the caches of each subscription; ``None`` where that cannot be done either."""
    places: tuple[str, ...] = (subscription,) if subscription else ()
    complete = True
    if not places:
        answer, places = subscriptions(plane)
        if not answer.ok:
            return None
        complete = answer.is_whole and len(places) <= MOST_SUBSCRIPTIONS
        places = places[:MOST_SUBSCRIPTIONS]
    rows: list[Row] = []
    last: Answer | None = None
    for place in places:
        for kind in TYPES:
            answer = plane.ask_all(f"/subscriptions/{place}/providers/{kind}", api_version(kind))
            if not answer.ok:
                complete = False
                last = last or answer
                continue
            last = answer
            complete = complete and answer.is_whole
            found = (_row(each) for each in items(answer.body, "value"))
            rows += [row for row in found if row is not None and same(row.name, name)]
    if last is None or not (last.ok or rows):
        return None if last is None else (rows, last, places, False)
    return rows, last, places, complete
