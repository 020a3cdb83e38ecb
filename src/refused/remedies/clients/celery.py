"""Celery, and so kombu.

Sources: https://docs.celeryq.dev/en/stable/userguide/configuration.html,
https://docs.celeryq.dev/projects/kombu/en/stable/reference/kombu.transport.redis.html.
"""

from __future__ import annotations

from refused.remedies.clients import figures, notes
from refused.remedies.clients.advice import Advice, ClientConfig, File, Page
from refused.remedies.clients.wanted import NoRoom

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.remedies.clients.wanted import Wanted

NAME = "Celery"
ALIASES = ("kombu",)
TITLE = "Celery"
VERSIONS = "5.5 and later; earlier ones ignore what they do not know"
_CELERY = "https://docs.celeryq.dev/en/stable/userguide/configuration.html"
_KOMBU = "https://docs.celeryq.dev/projects/kombu/en/stable/reference/kombu.transport.redis.html"
_POOLS, _USUAL, _HEALTH_S, _BROKER_READ_S = 2, 20, 25, 10


def settings(wanted: Wanted) -> Iterator[Advice]:
    """Yield what is advised; names with ``transport.`` are the broker's transport options."""
    pool = wanted.pool(_USUAL, _POOLS)
    for name, value, default, why, source, guess in (
        ("broker_connection_retry_on_startup", "True", "None", "a worker that starts in an outage waits for its end", _CELERY, False),
        ("broker_connection_max_retries", "None", "100", "and goes on waiting: a worker that gave up has to be started by hand", _CELERY, False),
        ("broker_pool_limit", str(min(10, pool)), "10", "connections of a process that sends tasks", _CELERY, False),
        ("redis_max_connections", str(pool), "without end", wanted.pool_why(_USUAL, _POOLS), wanted.pool_source(), wanted.limit is None),
        ("redis_socket_connect_timeout", str(figures.CONNECT_S), "none", figures.CONNECT_WHY, figures.connection_source(wanted), False),
        ("redis_socket_timeout", str(figures.COMMAND_S), "120", figures.COMMAND_WHY, figures.connection_source(wanted), False),
        ("redis_socket_keepalive", "True", "False", figures.KEEPALIVE_WHY, figures.KEEPALIVE_SOURCE, False),
        ("redis_retry_on_timeout", "True", "False", "a result that was not fetched in time is asked for again", _CELERY, False),
        ("redis_backend_health_check_interval", str(_HEALTH_S), "none", "a PING before a connection is used that was quiet for so long; below the idle limits of 4 and 10 minutes", _CELERY, True),
        ("result_backend_always_retry", "True", "False", "storing a result survives a failover", _CELERY, False),
        ("result_backend_max_retries", "10", "without end", "but not for ever", _CELERY, True),
        ("worker_cancel_long_running_tasks_on_connection_loss", "True", "False", "a task whose message the broker gives to somebody else meanwhile does not run twice", _CELERY, False),
    ):  # fmt: skip
        yield Advice(name=name, value=value, default=default, why=why, source=source, guess=guess)
    for name, value, default, why, source, guess in (
        ("transport.socket_connect_timeout", str(figures.CONNECT_S), "none", "the same for the broker: a cache under load answers late", _KOMBU, False),
        ("transport.socket_timeout", str(_BROKER_READ_S), "none: a dead peer holds a worker for 15 minutes", "an answer of the broker; a worker's BRPOP asks for one second at a time", _KOMBU, True),
        ("transport.socket_keepalive", "True", "none", figures.KEEPALIVE_WHY, figures.KEEPALIVE_SOURCE, False),
        ("transport.socket_keepalive_options", "socket_options", "none", figures.USER_TIMEOUT_WHY, figures.connection_source(wanted), True),
        ("transport.health_check_interval", str(_HEALTH_S), "25", "as for the results, below the idle limits of 4 and 10 minutes", _KOMBU, False),
        ("transport.retry_on_timeout", "True", "none", "a command that timed out is tried again", _KOMBU, False),
        ("transport.max_connections", str(pool), "10", wanted.pool_why(_USUAL, _POOLS), wanted.pool_source(), wanted.limit is None),
        ("transport.visibility_timeout", "3600", "3600", "a task that is not acknowledged for so long runs again: longer than your longest task or countdown", _KOMBU, False),
    ):  # fmt: skip
        yield Advice(name=name, value=value, default=default, why=why, source=source, guess=guess)
    if wanted.tls:
        yield Advice(
            name="tls",
            value="certificate required, host name compared",
            literal='{"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}',
            default="a rediss:// URL without ssl_cert_reqs is refused; the host name is not compared",
            why=figures.TLS_WHY,
            source=_CELERY,
        )


def config(wanted: Wanted) -> ClientConfig:
    """Return what is advised, as data and as a file ``celeryconfig.py``.

    Raises:
        NoRoom: The target is a cluster that wants cluster clients: Celery has none.
    """
    if wanted.cluster:
        raise NoRoom(
            "Celery has no cluster client: it needs one endpoint (--policy EnterpriseCluster or NoCluster on Managed "
            "Redis, no clustering on Azure Cache for Redis)"
        )
    advised = tuple(settings(wanted))
    page = Page(advised, "#")
    modules = ["import os"] if wanted.auth == "key" else []
    modules += ["import socket"] + (["import ssl"] if wanted.tls else [])
    modules += ["from urllib.parse import quote"] if wanted.auth == "key" else []
    if wanted.auth == "entra":
        modules += [
            "",
            "from redis_entraid.cred_provider import create_from_default_azure_credential",
        ]
    page.add("\n".join(modules) + "\n")
    scheme = "rediss" if wanted.tls else "redis"
    db = f"/{wanted.db}"
    if wanted.auth == "key":
        page.remark(
            "Azure's keys end in an equals sign and may hold a slash: in a URL they are escaped."
        )
        page.add(f'_key = quote(os.environ["{notes.KEY}"], safe="")')
        user = f"{{quote(os.environ['{notes.USER}'], safe='')}}" if wanted.user else ""
        page.add(f'broker_url = f"{scheme}://{user}:{{_key}}@{wanted.address}{db}"')
    elif wanted.auth == "entra":
        page.remark(
            "Celery hands no provider to kombu's connection: kombu takes its name from the URL, and calls it."
        )
        page.add(
            "_provider = create_from_default_azure_credential(\n"
            '    ("https://redis.azure.com/.default",)\n'
            ")\n\n\ndef credentials():\n    return _provider\n\n"
        )
        page.add(
            f'broker_url = f"{scheme}://{wanted.address}{db}?credential_provider={{__name__}}.credentials"'
        )
    else:
        page.add(f'broker_url = "{scheme}://{wanted.address}{db}"')
    page.add("result_backend = broker_url\n")
    if wanted.tls:
        page.set("broker_use_ssl = redis_backend_use_ssl = {}", "tls")
    page.add(
        "socket_options = {\n    getattr(socket, name): value\n    for name, value in (\n"
        f'        ("TCP_KEEPIDLE", {figures.KEEP_IDLE_S}),\n        ("TCP_KEEPINTVL", {figures.KEEP_EVERY_S}),\n'
        f'        ("TCP_KEEPCNT", {figures.KEEP_PROBES}),\n        ("TCP_USER_TIMEOUT", {figures.USER_TIMEOUT_S * 1000}),\n'
        "    )\n    if hasattr(socket, name)\n}"
    )
    for each in advised:
        if not each.name.startswith("transport.") and each.name != "tls":
            page.set(f"{each.name} = {{}}", each.name)
    page.add("broker_transport_options = {")
    for each in advised:
        if each.name.startswith("transport."):
            page.set(f'    "{each.name.partition(".")[2]}": {{}},', each.name)
    page.add("}")
    return ClientConfig(
        client=NAME,
        title=TITLE,
        versions=VERSIONS,
        install='pip install "celery[redis]>=5.5"'
        + (" redis-entraid" if wanted.auth == "entra" else ""),
        settings=advised,
        files=(
            File(
                name="celeryconfig.py",
                language="python",
                text=page.text(notes.head(wanted, TITLE, VERSIONS)),
            ),
        ),
        notes=(
            *notes.common(wanted),
            "Two pools in each process, broker and results; a worker's child processes count as processes (--concurrency).",
            "Our own refused.client.celery.settings() gives the same at run time.",
        ),
        executed="run against the lab over TLS, broker and results, key and Entra ID (a token of our own making)",
    )
