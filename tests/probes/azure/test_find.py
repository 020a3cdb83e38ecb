"""A host name leads to its resource by itself, through one query or through the lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from refused.evidence.control_plane import ResourceSearch
from refused.evidence.observations import Unseen
from refused.probes.azure.find import Found, name_of, search
from tests.probes.azure.planes import SUBSCRIPTION, Papers, Reply, Scripted, error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.probes.azure.planes import Asked

OTHER = "99999999-2222-4333-8444-555555555555"
HOSTS = {
    "redis": "shop.redis.cache.windows.net",
    "redisEnterprise": "shop.westeurope.redis.azure.net",
}


def row(
    kind: str = "redis", *, sub: str = SUBSCRIPTION, group: str = "prod", host: str | None = None
) -> dict[str, Any]:
    """Return a cache called shop as a query or a list shows it."""
    return {
        "id": f"/subscriptions/{sub}/resourceGroups/{group}/providers/Microsoft.Cache/{kind}/shop",
        "name": "shop",
        "type": f"microsoft.cache/{kind.lower()}",
        "subscriptionId": sub,
        "properties": {"hostName": HOSTS[kind] if host is None else host},
    }


def knows(*rows: dict[str, Any], graph: bool = True) -> Callable[[Asked], Reply]:
    """Return a plane's script: Resource Graph that knows these caches, or is denied, and the lists."""

    def script(asked: Asked) -> Reply:
        path = asked.path.lower()
        if path.endswith("/resources"):
            if not graph:
                return error(403, "Forbidden")
            wanted = asked.body.get("subscriptions")
            found = [each for each in rows if not wanted or each["subscriptionId"] in wanted]
            return Reply({"count": len(found), "totalRecords": len(found), "data": found})
        if path == "/subscriptions":
            return Reply({"value": [{"subscriptionId": SUBSCRIPTION}, {"subscriptionId": OTHER}]})
        return Reply(
            {
                "value": [
                    each
                    for each in rows
                    if path.endswith(each["type"]) and each["subscriptionId"] in path
                ]
            }
        )

    return script


def find(papers: Papers, script: Callable[[Asked], Reply], host: str, **more: Any) -> Found:
    """Look for the cache called shop that *host* leads to."""
    with Scripted(papers, script) as server:
        return search(server.plane(), "shop", host, **more)


def test_one_query_finds_the_cache(papers: Papers) -> None:
    """Its id is chosen, and the search is part of the evidence."""
    found = find(papers, knows(row()), HOSTS["redis"])

    assert found.chosen == row()["id"]
    (made,) = found.facts
    assert isinstance(made, ResourceSearch)
    assert (made.name, made.found, made.complete) == ("shop", (row()["id"],), True)


@pytest.mark.parametrize(
    "host",
    [
        "shop.redis.cache.windows.net",
        "shop.privatelink.redis.cache.windows.net",
        "shop.geo.redis.cache.windows.net",
        "shop.redis.cache.windows.ne",
    ],
)
def test_every_form_of_the_name_leads_there(papers: Papers, host: str) -> None:
    """The private zone's name, the name that follows geo-replication, and a slip of the pen."""
    assert find(papers, knows(row(), row("redisEnterprise")), host).chosen == row()["id"]


def test_the_host_name_tells_two_caches_of_one_name_apart(papers: Papers) -> None:
    """Azure Cache for Redis and Managed Redis may both have a shop, and regions several."""
    here, there = (
        row("redisEnterprise"),
        row("redisEnterprise", group="b", host="shop.eastus.redis.azure.net"),
    )
    found = find(papers, knows(row(), here, there), "shop.eastus.redis.azure.net")

    assert found.chosen == there["id"]
    assert isinstance(found.facts[0], ResourceSearch)
    assert dict(found.facts[0].elsewhere) == {
        row()["id"]: HOSTS["redis"],
        here["id"]: HOSTS["redisEnterprise"],
    }


def test_a_cache_of_that_name_elsewhere_is_not_taken_for_it(papers: Papers) -> None:
    """After a migration the old host name is another cache's than the one that bears the name."""
    found = find(papers, knows(row("redisEnterprise")), HOSTS["redis"])

    assert found.chosen is None
    assert isinstance(found.facts[1], Unseen)
    assert "shop.westeurope.redis.azure.net" in found.facts[1].why


def test_none_found_is_no_proof_that_there_is_none(papers: Papers) -> None:
    """The credential may not see it."""
    found = find(papers, knows(), HOSTS["redis"])

    assert found.chosen is None
    assert isinstance(found.facts[0], ResourceSearch)
    assert isinstance(found.facts[1], Unseen)
    assert found.facts[1].what == "AzureCache"
    assert "that this credential sees" in found.facts[1].why


def test_several_under_a_bare_name_are_not_guessed_at(papers: Papers) -> None:
    """With a name alone the user has to say which."""
    found = find(papers, knows(row(), row("redisEnterprise")), "")

    assert found.chosen is None
    assert isinstance(found.facts[1], Unseen)
    assert "--resource" in found.facts[1].how_to_see


def test_a_subscription_narrows_the_search(papers: Papers) -> None:
    """Only there is looked, and so it is said."""
    mine, other = (
        row("redisEnterprise"),
        row("redisEnterprise", sub=OTHER, host="shop.eastus.redis.azure.net"),
    )
    found = find(papers, knows(mine, other), "", subscription=OTHER)

    assert found.chosen == other["id"]
    assert found.facts[0].subscriptions == (OTHER,)


def test_where_the_query_is_denied_the_lists_are_read(papers: Papers) -> None:
    """Both types, in every subscription."""
    there = row("redisEnterprise", sub=OTHER)
    found = find(papers, knows(row(), there, graph=False), HOSTS["redisEnterprise"])

    assert found.chosen == there["id"]
    assert found.facts[0].subscriptions == (SUBSCRIPTION, OTHER)


def test_where_neither_can_be_read_the_search_is_unseen(papers: Papers) -> None:
    """With what would let it be seen."""
    found = find(papers, lambda _: error(403, "AuthorizationFailed"), HOSTS["redis"])

    assert found.chosen is None
    (gap,) = found.facts
    assert (gap.what, gap.why) == ("ResourceSearch", "denied (403: AuthorizationFailed)")


def test_a_subscription_that_is_denied_leaves_the_list_incomplete(papers: Papers) -> None:
    """What was found counts; that nothing else is there was not seen."""

    def script(asked: Asked) -> Reply:
        if OTHER in asked.path:
            return error(403, "AuthorizationFailed")
        return knows(row(), graph=False)(asked)

    found = find(papers, script, HOSTS["redis"])

    assert found.chosen == row()["id"]
    assert found.facts[0].complete is False


def test_a_query_with_many_pages_is_read_to_its_end(papers: Papers) -> None:
    """$skipToken is handed back."""

    def script(asked: Asked) -> Reply:
        if "$skipToken" in asked.body["options"]:
            return Reply({"count": 1, "data": [row()]})
        return Reply({"count": 0, "data": [], "$skipToken": "abc"})

    assert find(papers, script, HOSTS["redis"]).chosen == row()["id"]


def test_a_table_is_read_like_objects(papers: Papers) -> None:
    """The older form of an answer."""
    names = ("id", "name", "type", "subscriptionId", "properties")
    table = {
        "columns": [{"name": name, "type": "string"} for name in names],
        "rows": [[row()[name] for name in names]],
    }
    assert find(papers, lambda _: Reply({"count": 1, "data": table}), HOSTS["redis"]).chosen


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("shop.redis.cache.windows.net", "shop"),
        ("shop.westeurope.redis.azure.net", "shop"),
        ("shop.redis.cache.usgovcloudapi.net", "shop"),
        ("shop.redis.cache.chinacloudapi.cn", "shop"),
        ("shop", "shop"),
        ("redis.example.com", None),
        ("not a name'", None),
    ],
)
def test_the_name_in_a_host_name(host: str, name: str | None) -> None:
    """The first label, in every cloud; what is no name never gets into a query."""
    assert name_of(host) == name
