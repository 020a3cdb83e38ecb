"""The Microsoft Entra token that the client logs in with has expired."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

from refused.lab.azure import acr, amr, let_in
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World

OBJECT_ID = "3f1c9a52-7d44-4be0-9a59-0c6f5b1e2d77"
AUDIENCE = "https://redis.azure.com"


def token(left_s: float, user: str = OBJECT_ID, audience: str = AUDIENCE) -> str:
    """Return what has the form of a token, with *left_s* seconds to live; its signature is none."""
    claims = {"aud": audience, "oid": user, "exp": int(time.time() + left_s)}
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, bytes(32)))


@scenario(
    "auth-entra-token-expired", "The token was fetched at the start, and never again", service="acr"
)
def build(world: World) -> None:
    """It worked all day. At night the pool opened a new connection."""
    cache = acr(world, "contoso")
    let_in(world, cache, OBJECT_ID)
    world.target = cache.target(key=world.secret(token(-900)), extra=f",user={OBJECT_ID}")


@scenario("auth-entra-token-expired.managed", "The same on Managed Redis", service="amr")
def managed(world: World) -> None:
    """The job holds its token in a variable for three days."""
    cache = amr(world, "fabrikam", policy="NoCluster", access_keys=False)
    let_in(world, cache, OBJECT_ID)
    old = world.secret(token(-2 * 86400))
    world.target = cache.target(key=old, extra=f",user={OBJECT_ID}")
