"""The server does not have the command, protocol version or database asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, amr, plain_redis
from refused.lab.fronts import Answers, Instead
from refused.lab.resp import ServerError
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "unsupported-command-or-db", "The client selects database 1 of a clustered cache", service="acr"
)
def build(world: World) -> None:
    """The cache was clustered to grow; the sessions live in database 1."""
    cache = acr(world, "contoso", shards=3)
    world.target = cache.target(extra=",defaultDatabase=1")


@scenario("unsupported-command-or-db.range", "The database does not exist", service="redis")
def out_of_range(world: World) -> None:
    """Each tenant was to get a database of its own, and there are sixteen."""
    server = plain_redis(world)
    world.target = server.target(form="url", extra="/99")


@scenario("unsupported-command-or-db.old-auth", "The server is older than users", service="redis")
def old_auth(world: World) -> None:
    """The client logs in with a user name, and the server runs Redis 5."""
    password = world.secret()
    server = plain_redis(world, "cache.example.net", password=password)
    # Redis 5, src/server.c: AUTH takes one argument, and call() answers an arity that is wrong so.
    said = ServerError("ERR wrong number of arguments for 'auth' command")
    world.at(server.address, server.port, Answers(server.plain, {"AUTH": Instead(said)}))
    world.target = server.target(form="string", extra=",user=worker")


@scenario(
    "unsupported-command-or-db.managed",
    "The client selects database 15 of a Managed Redis, which has one",
    service="amr",
)
def managed(world: World) -> None:
    """Queue and results lived in databases of their own, and moved with the rest."""
    cache = amr(world, "fabrikam", policy="NoCluster", config=("databases 1",))
    world.target = cache.target(form="url", extra="/15")
