"""A client that lives as long as a FastAPI or Starlette application.

from refused.client.fastapi import client_of, lifespan
app = FastAPI(lifespan=lifespan("rediss://:KEY@mycache.redis.cache.windows.net:6380"))

@app.get("/")
async def greet(redis: Annotated[redis.asyncio.Redis, Depends(client_of)]): …
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection  # noqa: TC002  # FastAPI reads it when it runs

from refused.client import aio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from refused.client.readiness import Readiness


def lifespan(
    url: str, *, readiness: Readiness | None = None, **keywords: Any
) -> Callable[[Any], contextlib.AbstractAsyncContextManager[None]]:
    """Return what opens a client when the application starts, and closes it when it ends.

    Nothing is dialled at the start: an application that starts while its cache is down, starts.

    Args:
        readiness: Is closed with the application.
        **keywords: As :func:`refused.client.aio.connect` takes them.
    """

    @contextlib.asynccontextmanager
    async def live(app: Any) -> AsyncIterator[None]:
        client = aio.connect(url, **keywords)
        app.state.redis = client
        try:
            yield
        finally:
            await client.aclose()
            if readiness is not None:
                readiness.close()

    return live


def client_of(connection: HTTPConnection) -> Any:
    """Return the application's client; for ``Depends``."""
    return connection.app.state.redis
