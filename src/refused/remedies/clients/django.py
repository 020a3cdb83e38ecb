"""Django's cache: its own backend, and django-redis.

Sources: https://docs.djangoproject.com/en/stable/topics/cache/#redis,
https://github.com/jazzband/django-redis.
"""

from __future__ import annotations

from refused.remedies.clients import figures, notes, redis_py
from refused.remedies.clients.advice import Advice, ClientConfig, File, Page
from refused.remedies.clients.wanted import NoRoom

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.remedies.clients.wanted import Wanted

NAME = "Django"
ALIASES = ("django-redis", "django cache")
TITLE = "Django's cache on redis-py"
VERSIONS = "Django 4.2 and later"
_DOCS = "https://docs.djangoproject.com/en/stable/topics/cache/#redis"
_LEFT_OUT = ("timeout", "address_remap", "ssl_cert_reqs", "max_connections")


def settings(wanted: Wanted) -> Iterator[Advice]:
    """Yield what is advised: redis-py's, as far as Django passes them on."""
    yield from (each for each in redis_py.settings(wanted) if each.name not in _LEFT_OUT)
    yield Advice(
        name="max_connections",
        value=str(wanted.pool()),
        default="100 (redis-py)",
        why=f"{wanted.pool_why()}; at the cap the pool raises, so it is no less than the threads of a process",
        source=wanted.pool_source(),
        guess=wanted.limit is None,
    )
    if wanted.tls:
        yield Advice(
            name="ssl_cert_reqs",
            value="required",
            literal='"required"',
            default="required",
            why=figures.TLS_WHY,
            source=figures.tls_source(wanted),
        )


def config(wanted: Wanted) -> ClientConfig:
    """Return what is advised, as data and as a piece of ``settings.py``.

    Raises:
        NoRoom: The target is a cluster that wants cluster clients: Django has none.
    """
    if wanted.cluster:
        raise NoRoom(
            "Django's cache has no cluster client: it needs one endpoint (--policy EnterpriseCluster or NoCluster on "
            "Managed Redis, no clustering on Azure Cache for Redis)"
        )
    advised = tuple(settings(wanted))
    page = Page(advised, "#")
    modules = ["import os"] if wanted.auth == "key" else []
    modules += ["import socket"] + (["import ssl"] if wanted.tls else [])
    page.add("\n".join(modules) + "\n")
    page.add(
        "from redis.backoff import ExponentialWithJitterBackoff\nfrom redis.retry import Retry"
    )
    if wanted.auth == "entra":
        page.add("from redis_entraid.cred_provider import create_from_default_azure_credential")
    page.add()
    redis_py._socket_options(page)  # noqa: SLF001 - the same library
    scheme = "rediss" if wanted.tls else "redis"
    page.add(
        'CACHES = {\n    "default": {\n        "BACKEND": "django.core.cache.backends.redis.RedisCache",'
    )
    page.add(
        f'        "LOCATION": "{scheme}://{wanted.address}/{wanted.db}",\n        "OPTIONS": {{'
    )
    if wanted.auth == "key":
        if wanted.user:
            page.add(f'            "username": os.environ["{notes.USER}"],')
        page.add(f'            "password": os.environ["{notes.KEY}"],')
    elif wanted.auth == "entra":
        page.add(
            '            "credential_provider": create_from_default_azure_credential(\n'
            '                ("https://redis.azure.com/.default",)\n            ),'
        )
    for each in advised:
        page.set(f'            "{each.name}": {{}},', each.name)
    page.add("        },\n    },\n}")
    return ClientConfig(
        client=NAME,
        title=TITLE,
        versions=VERSIONS,
        install='pip install "redis>=8" "django>=4.2"'
        + (" redis-entraid" if wanted.auth == "entra" else ""),
        settings=advised,
        files=(
            File(
                name="settings.py",
                language="python",
                text=page.text(notes.head(wanted, TITLE, VERSIONS)),
            ),
        ),
        notes=(
            *notes.common(wanted),
            *notes.outbound(wanted, wanted.pool()),
            (
                "django-redis takes the same in OPTIONS: SOCKET_CONNECT_TIMEOUT and SOCKET_TIMEOUT by name, the rest in "
                "CONNECTION_POOL_KWARGS; IGNORE_EXCEPTIONS lets pages render while the cache is away; it has no story for "
                "Entra ID (https://github.com/jazzband/django-redis/issues/742)."
            ),
            (
                "A cache that is away raises in every view that asks it: catch redis.exceptions.ConnectionError where a page "
                "can do without, or take our refused.client.django.RedisCache, whose circuit fails at once."
            ),
        ),
        executed="run against the lab over TLS, key and Entra ID (a token of our own making)",
    )
