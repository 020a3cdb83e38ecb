"""The part of the query language that the twin knows, and its refusal of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from refused.lab.arm import graph
from refused.lab.arm.state import SUBSCRIPTION
from tests.lab.arm.plane import CACHE, IN_GROUP, MANAGED, Plane, witness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHERE = "/providers/Microsoft.ResourceGraph/resources"
VERSION = "2021-03-01"


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    """Have a control plane with what must not be in the table."""
    with Plane(tmp_path) as up:
        for below in (
            f"{CACHE}/firewallRules/office",
            f"{CACHE}/providers/Microsoft.ResourceHealth/availabilityStatuses/current",
            f"{IN_GROUP}/Microsoft.Resources/deployments/one",
        ):
            up.state.put(below, {"id": below, "properties": {}}, quiet=True)
        yield up


def ask(plane: Plane, query: str, **body: Any) -> Any:
    """Ask one query."""
    sent = {"subscriptions": [SUBSCRIPTION], "query": query, **body}
    return plane.ok("POST", WHERE, sent, version=VERSION)


def test_all_caches_of_a_subscription(plane: Plane) -> None:
    """Types and places in lower case, whatever the documents say."""
    said = ask(plane, "Resources | where type =~ 'Microsoft.Cache/Redis'")

    (found,) = said["data"]
    assert (found["id"], found["type"]) == (CACHE, "microsoft.cache/redis")
    assert (found["location"], found["resourceGroup"]) == ("westeurope", "prod")
    assert (said["count"], said["totalRecords"], said["resultTruncated"]) == (1, 1, "false")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("Resources", ["contoso", "fabrikam"]),
        ("resources | where name == 'contoso'", ["contoso"]),
        ("resources | where name == 'CONTOSO'", []),
        ("resources | where name =~ 'CONTOSO'", ["contoso"]),
        (f"resources | where id =~ '{CACHE.upper()}'", ["contoso"]),
        (
            "resources | where type startswith 'microsoft.cache' and not (name has 'contoso')",
            ["fabrikam"],
        ),
        ("resources | where name in~ ('FABRIKAM', 'nobody')", ["fabrikam"]),
        ("resources | where properties.hostName endswith '.redis.azure.net'", ["fabrikam"]),
        (
            "resources | where properties['sku'].name == 'Standard' or name == 'fabrikam'",
            ["contoso", "fabrikam"],
        ),
        ("resources | where properties.sku.capacity > 0", ["contoso"]),
        ("resources | where tolower(name) contains 'TOSO'", ["contoso"]),
        ("resources | where isempty(tags.team) | order by name desc | limit 1", ["fabrikam"]),
        ("where name != 'contoso'", ["fabrikam"]),
        ("resources // all of them\n| take 1", ["contoso"]),
    ],
)
def test_what_a_query_finds(plane: Plane, query: str, names: list[str]) -> None:
    """Comparisons, their joins and their steps."""
    assert [each["name"] for each in ask(plane, query)["data"]] == names


def test_columns_are_chosen_and_named(plane: Plane) -> None:
    """As Kusto names a path without an alias."""
    query = "resources | where name == 'contoso' | project name, host = properties.hostName, properties.sku.name"
    assert ask(plane, query)["data"] == [
        {
            "name": "contoso",
            "host": "contoso.redis.cache.windows.net",
            "properties_sku_name": "Standard",
        }
    ]
    assert ask(plane, "resources | extend x = 1 | distinct x")["data"] == [{"x": 1.0}]
    assert ask(plane, "resources | count")["data"] == [{"Count": 2}]
    groups = ask(plane, "resourcecontainers | where type endswith 'resourcegroups'")["data"]
    assert [each["name"] for each in groups] == ["prod"]


def test_an_older_client_gets_a_table(plane: Plane) -> None:
    """Columns with types, and rows."""
    said = ask(plane, "resources | project name", options={"resultFormat": "table"})
    assert said["data"] == {
        "columns": [{"name": "name", "type": "string"}],
        "rows": [["contoso"], ["fabrikam"]],
    }


def test_many_rows_come_in_pages(plane: Plane) -> None:
    """Each once, until there is no token."""
    for at in range(7):
        where = f"{IN_GROUP}/Microsoft.Cache/Redis/cache{at}"
        plane.state.put(where, {"id": where, "name": f"cache{at}", "properties": {}}, quiet=True)
    options: dict[str, Any] = {"$top": 3}
    names: list[str] = []
    for _ in range(10):
        said = ask(plane, "resources | project name", options=options)
        assert said["totalRecords"] == 9
        names += [each["name"] for each in said["data"]]
        if "$skipToken" not in said:
            break
        options = {"$skipToken": said["$skipToken"]}

    assert len(names) == len(set(names)) == 9
    refused = plane.ask(
        "POST", WHERE, {"query": "resources", "options": {"$skipToken": "x"}}, version=VERSION
    )
    assert refused.status == 400


def test_only_the_subscriptions_that_were_asked(plane: Plane) -> None:
    """Nobody else's resources."""
    assert (
        ask(plane, "resources", subscriptions=["11111111-0000-4000-8000-000000000000"])["data"]
        == []
    )


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("resources | join kind=inner (resources) on id", "join"),
        ("resources | summarize count() by type", "summarize"),
        ("resources | where name matches regex 'x'", "matches"),
        ("resources | where strcat(name, 'x') == 'y'", "strcat"),
        ("advisorresources", "advisorresources"),
        ("resources | where", "<EOF>"),
        ("resources | where name ==", "<EOF>"),
        ("resources where name == 'x'", "where"),
        ("resources | limit many", "many"),
        ("resources | where name == 'x", "'x"),
        ("resources | where " + "(" * 60, "("),
    ],
)
def test_what_is_not_understood_is_refused_by_name(plane: Plane, query: str, word: str) -> None:
    """Rather than an answer to another question."""
    said = plane.ask("POST", WHERE, {"query": query}, version=VERSION)

    assert said.status == 400
    assert [each["code"] for each in said.body["error"]["details"]] == [
        "InvalidQuery",
        "ParserFailure",
    ]
    assert said.body["error"]["details"][1]["token"] == word


@given(some.text(alphabet="resou|where namtyp=~!'()[].,x1 \n", max_size=60))
def test_no_query_is_too_odd(query: str) -> None:
    """It is answered or refused."""
    try:
        rows, _ = graph.run(query, {"resources": [{"name": "x"}]})
    except graph._Unclear:
        return
    assert isinstance(rows, list)


@pytest.mark.shared
@pytest.mark.parametrize("version", ["2021-03-01", "2022-10-01"])
def test_every_answer_is_of_the_shape_that_is_described(
    tmp_path: Path, shared: Path, version: str
) -> None:
    """With the API descriptions as witness."""
    held = witness(shared)
    before = held.checked
    with Plane(tmp_path, held) as plane:
        body = {"subscriptions": [SUBSCRIPTION], "query": "resources", "options": {"$top": 1}}
        plane.ok("POST", WHERE, body, version=version)
        assert plane.ask("POST", WHERE, {"query": "join"}, version=version).status == 400
    assert held.checked - before == 2


def test_the_sdk_reads_it(plane: Plane) -> None:
    """An independent witness of the shapes."""
    sdk = pytest.importorskip("azure.mgmt.resourcegraph")
    client = sdk.ResourceGraphClient(
        plane.credential(),
        base_url=plane.server.url,
        credential_scopes=["https://management.azure.com/.default"],
        connection_verify=plane.ca_file,
    )
    with client:
        said = client.resources(
            {"query": "resources | where type =~ 'microsoft.cache/redisenterprise'"}
        )
        assert [each["id"] for each in said.data] == [MANAGED]
