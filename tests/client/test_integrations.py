"""The frameworks themselves, with our client inside; each is skipped where it is not installed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
import redis.exceptions

from refused.lab.servers import Server

if TYPE_CHECKING:
    import types
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server for all."""
    with Server() as running:
        yield running


@pytest.fixture
def url(server: Server) -> str:
    """Its URL."""
    return f"redis://127.0.0.1:{server.port}"


def restart(server: Server) -> None:
    """End every connection, and begin anew at the same port."""
    server.kill()
    server.start()


def test_django_caches_with_it(server: Server, url: str) -> None:
    """Through Django's own front; a restart between two calls is not seen."""
    pytest.importorskip("django")
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            CACHES={
                "default": {
                    "BACKEND": "refused.client.django.RedisCache",
                    "LOCATION": url,
                    "OPTIONS": {"deadline": 4.0},
                }
            }
        )
    from django.core.cache import caches

    cache = caches["default"]
    cache.set("answer", {"n": 42}, 60)
    assert cache.get("answer") == {"n": 42}
    assert cache.add("answer", 1) is False
    cache.set("count", 1)
    assert cache.incr("count", 2) == 3
    restart(server)
    cache.set_many({"a": 1, "b": 2})
    assert cache.get_many(["a", "b"]) == {"a": 1, "b": 2}
    pool: Any = cache._cache.get_client().connection_pool
    assert pool.settings.deadline_s == 4.0
    cache._cache.get_client().close()


def test_flask_caches_with_it(server: Server, url: str) -> None:
    """Through Flask-Caching's own front."""
    flask = pytest.importorskip("flask")
    caching = pytest.importorskip("flask_caching")
    app = flask.Flask(__name__)
    cache = caching.Cache(
        config={
            "CACHE_TYPE": "refused.client.flask.RedisCache",
            "CACHE_REDIS_URL": url,
            "CACHE_OPTIONS": {"deadline": 3.0},
            "CACHE_KEY_PREFIX": "flask:",
        }
    )
    cache.init_app(app)
    with app.app_context():
        cache.set("answer", [4, 2])
        assert cache.get("answer") == [4, 2]
        restart(server)
        assert cache.set("again", 1)
        assert cache.get("again") == 1
        client = cache.cache._write_client
        assert client.connection_pool.settings.deadline_s == 3.0
        client.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Celery's call of setex()
def test_celery_runs_tasks_with_the_settings(url: str) -> None:
    """A worker in this process takes a task from the broker, and the result comes back."""
    celery = pytest.importorskip("celery")
    from celery.contrib.testing.worker import start_worker

    from refused.client.celery import settings

    app = celery.Celery("tried")
    app.conf.update(settings(url))

    @app.task(name="tried.add")
    def add(a: int, b: int) -> int:
        return a + b

    with start_worker(app, pool="solo", perform_ping_check=False, loglevel="ERROR"):
        assert add.delay(2, 3).get(timeout=20) == 5
    app.close()


def test_celery_verifies_the_server_and_logs_in_by_a_provider() -> None:
    """What a ``rediss://`` URL and Entra ID need is there."""
    import ssl

    from refused.client.celery import settings

    found = settings("rediss://:k@c.redis.cache.windows.net:6380", credential_provider="provider")
    for name in ("broker_use_ssl", "redis_backend_use_ssl"):
        assert found[name]["ssl_cert_reqs"] is ssl.CERT_REQUIRED
        assert found[name]["ssl_check_hostname"] is True
    assert found["broker_url"].endswith("?credential_provider=provider")
    assert found["redis_backend_credential_provider"] == "provider"


def test_fastapi_has_a_client_while_it_lives(url: str) -> None:
    """Through the real application, its lifespan and its dependencies."""
    fastapi = pytest.importorskip("fastapi")
    testing = pytest.importorskip("fastapi.testclient")
    from refused.client import readiness
    from refused.client.fastapi import client_of, lifespan

    ready = readiness.Readiness(readiness.redis("cache", url, required=True))
    app = fastapi.FastAPI(lifespan=lifespan(url, readiness=ready))
    app.mount("/ready", ready.asgi)

    async def visits(redis: Any = fastapi.Depends(client_of)) -> int:  # noqa: B008  # FastAPI's way
        count: int = await redis.incr("visits")
        return count

    app.get("/visits")(visits)
    with testing.TestClient(app) as browser:
        assert browser.get("/visits").json() == 1
        until = time.monotonic() + 10
        while browser.get("/ready").status_code != 200 and time.monotonic() < until:
            time.sleep(0.05)
        assert browser.get("/ready").json()["ready"] is True
        assert browser.get("/ready/alive").status_code == 200
        client = app.state.redis
    assert not client.connection_pool.pool._available_connections[0].is_connected


def test_channels_sends_and_receives_through_it(server: Server, url: str) -> None:
    """Groups, and a receiver that waits through a restart."""
    pytest.importorskip("channels_redis")
    from refused.client.channels import RedisChannelLayer

    async def work() -> None:
        layer = RedisChannelLayer(hosts=[{"address": url, "deadline": 3.0}])
        name = await layer.new_channel()
        await layer.group_add("room", name)
        await layer.group_send("room", {"type": "said", "text": "hello"})
        assert (await layer.receive(name))["text"] == "hello"
        await asyncio.to_thread(restart, server)
        await layer.send(name, {"type": "said", "text": "again"})
        assert (await layer.receive(name))["text"] == "again"
        await layer.close_pools()

    asyncio.run(work())


def test_opentelemetry_counts_with_bounded_labels() -> None:
    """What an application reads from its own meter provider."""
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    import refused.client
    from refused.client import events, reasons

    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    with Server() as other:
        client = refused.client.connect(
            f"redis://127.0.0.1:{other.port}", deadline=1.5, metrics=True
        )
        assert client.ping()
        other.kill()
        with pytest.raises(redis.exceptions.ConnectionError):
            client.get("key")
        other.start()
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                client.get("key")
                break
            except redis.exceptions.ConnectionError:
                time.sleep(0.05)
        client.close()
    points = _points(reader)
    assert {point["event"] for point in points} >= {"connection_failed", "connection_restored"}
    for point in points:
        assert set(point) == {"event", "stage", "reason"}
        assert point["event"] in events.NAMES
        assert point["stage"] in reasons.STAGES
        assert point["reason"] in reasons.REASONS


def _points(reader: Any) -> list[types.MappingProxyType[str, Any]]:
    return [
        point.attributes
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "refused.client.events"
        for point in metric.data.data_points
    ]
