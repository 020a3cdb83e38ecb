"""Settings for Celery, and so for kombu, whose connections are their own.

    app.conf.update(refused.client.celery.settings("rediss://:KEY@mycache.redis.cache.windows.net:6380"))

A worker's broker connection blocks in ``BRPOP`` inside kombu's event loop, so it cannot be one of
ours; what can be set is set here, each for a reason.
"""

from __future__ import annotations

import ssl
from typing import Any, Final

from refused.client import settings as own

READ_S: Final = 10.0  # a command's answer; kombu's BRPOP asks the server for one second at a time
RESULT_S: Final = 5.0
VISIBLE_S: Final = 3600  # kombu's default: a task that is not acknowledged runs again after it


def settings(
    url: str,
    *,
    results: bool = True,
    max_connections: int = 20,
    credential_provider: str | None = None,
    ca_file: str | None = None,
) -> dict[str, Any]:
    """Return what to update an application's configuration with.

    Args:
        url: ``redis://`` or ``rediss://``; one database. Celery has no cluster transport: Azure
            Managed Redis needs the Enterprise cluster policy, or none.
        results: Whether results are kept there too.
        max_connections: Of each of broker and results, in each process.
        credential_provider: For Entra ID: the dotted name of a function that returns one, as
            ``myapp.redis_login``; workers import it, so an object would not do. It calls
            :func:`refused.client.entra.managed_identity` or its like.
        ca_file: Who vouches for the server, where the system does not know.

    Raises:
        ValueError: The URL is none.
    """
    wanted = own.read(url)
    tls: dict[str, Any] | None = None
    if wanted.is_tls:
        # Without ssl_cert_reqs Celery rejects a rediss:// URL; without check_hostname kombu's
        # connection would take any certificate of a known authority.
        tls = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
        if ca_file is not None:
            tls["ssl_ca_certs"] = ca_file
    transport: dict[str, Any] = {
        "socket_timeout": READ_S,  # None by default: a dead peer would hang a worker for 15 minutes
        "socket_connect_timeout": own.DEADLINE_S,
        "socket_keepalive": True,
        "socket_keepalive_options": own.keepalive(READ_S),
        "health_check_interval": 25,  # below Azure's idle limits of 4 and 10 minutes
        "retry_on_timeout": True,
        "max_connections": max_connections,
        "visibility_timeout": VISIBLE_S,
    }
    found: dict[str, Any] = {
        "broker_url": url,
        "broker_transport_options": transport,
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,  # a worker that starts in an outage waits
        "broker_connection_max_retries": None,  # and goes on waiting: 100 by default
        "broker_pool_limit": min(10, max_connections),
        "task_publish_retry": True,
        "task_publish_retry_policy": {  # who sends a task waits five seconds at most
            "max_retries": 5,
            "interval_start": 0.1,
            "interval_step": 0.3,
            "interval_max": 1.5,
        },
        "worker_cancel_long_running_tasks_on_connection_loss": True,  # else they run twice
    }
    if tls is not None:
        found["broker_use_ssl"] = tls
    if credential_provider is not None:
        # kombu reads it from the URL alone, and imports it.
        joint = "&" if "?" in url else "?"
        found["broker_url"] = f"{url}{joint}credential_provider={credential_provider}"
    if results:
        found |= {
            "result_backend": url,
            "redis_max_connections": max_connections,
            "redis_socket_timeout": RESULT_S,  # 120 s by default
            "redis_socket_connect_timeout": own.DEADLINE_S,
            "redis_socket_keepalive": True,
            "redis_retry_on_timeout": True,
            "redis_backend_health_check_interval": 25,
            "result_backend_always_retry": True,
            "result_backend_max_retries": 10,
            "result_backend_transport_options": {
                "retry_policy": {"timeout": RESULT_S},
                "socket_keepalive_options": own.keepalive(READ_S),
            },
        }
        if tls is not None:
            found["redis_backend_use_ssl"] = tls
        if credential_provider is not None:
            found["redis_backend_credential_provider"] = credential_provider
    return found
