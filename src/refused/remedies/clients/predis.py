"""Predis, for PHP without an extension.

Source: https://github.com/predis/predis/blob/HEAD/README.md (1.1 to 3.x).
"""

from __future__ import annotations

from refused.remedies.clients import figures, notes
from refused.remedies.clients.advice import Advice, ClientConfig, File, Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.remedies.clients.wanted import Wanted

NAME = "Predis"
ALIASES = ("predis/predis",)
TITLE = "Predis"
VERSIONS = "1.1 and later, 2.x, 3.x"
_README = "https://github.com/predis/predis/blob/HEAD/README.md"


def settings(wanted: Wanted) -> Iterator[Advice]:
    """Yield what is advised."""
    yield Advice(
        name="timeout",
        value=str(figures.CONNECT_S),
        default="5",
        why=figures.CONNECT_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="read_write_timeout",
        value=str(figures.COMMAND_S),
        default="default_socket_timeout (60 s)",
        why=f"{figures.COMMAND_WHY}; subscribers need -1 there",
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="persistent",
        value="true",
        default="false: a new connection, with its TLS handshake, for each request",
        why="a worker of PHP-FPM keeps its connection: handshakes are what loads a cache's processor most",
        source=_README,
    )
    yield Advice(
        name="tcp_nodelay",
        value="true",
        default="false",
        why="small commands are sent at once, rather than held back for an acknowledgement",
        source=_README,
    )
    if wanted.tls:
        yield Advice(
            name="ssl",
            value=f"peer_name {wanted.host}, verified",
            literal=f"['verify_peer' => true, 'verify_peer_name' => true, 'peer_name' => '{wanted.host}']",
            default="verified, too; the name is taken from the address",
            why=f"{figures.TLS_WHY}; peer_name is {figures.SERVER_NAME_WHY}",
            source=figures.tls_source(wanted),
        )


def config(wanted: Wanted) -> ClientConfig:
    """Return what is advised, as data and as a file ``redis_client.php``."""
    advised = tuple(settings(wanted))
    page = Page(advised, "//")
    page.add("function redis_client()\n{\n    $settings = [")
    page.add(f"        'scheme' => '{'tls' if wanted.tls else 'tcp'}',")
    page.add(f"        'host' => '{wanted.host}',\n        'port' => {wanted.port},")
    if wanted.db and not wanted.cluster:
        page.add(f"        'database' => {wanted.db},")
    login = []
    if wanted.auth == "key":
        login = [f"'username' => getenv('{notes.USER}')"] if wanted.user else []
        login.append(f"'password' => getenv('{notes.KEY}')")
    elif wanted.auth == "entra":
        login = [
            f"'username' => getenv('{notes.USER}')",
            f"'password' => trim((string) file_get_contents((string) getenv('{notes.TOKEN_FILE}')))",
        ]
    if not wanted.cluster:
        for line in login:
            page.add(f"        {line},")
    for each in advised:
        page.set(f"        '{each.name}' => {{}},", each.name)
    page.add("    ];")
    if wanted.cluster:
        ssl = "\n            'ssl' => $settings['ssl']," if wanted.tls else ""
        inner = "".join(f"            {each},\n" for each in login)
        page.add(
            "    // What nodes have in common stands in 'parameters': the first node's is not passed on to them."
        )
        page.add(
            "    return new Predis\\Client([$settings], [\n        'cluster' => 'redis',\n        'parameters' => [\n"
            f"{inner}            'scheme' => $settings['scheme'],\n            'timeout' => $settings['timeout'],\n"
            "            'read_write_timeout' => $settings['read_write_timeout'],\n"
            f"            'persistent' => true,{ssl}\n        ],\n    ]);\n}}"
        )
    else:
        page.add("    return new Predis\\Client($settings);\n}")
    return ClientConfig(
        client=NAME,
        title=TITLE,
        versions=VERSIONS,
        install="composer require predis/predis",
        settings=advised,
        files=(
            File(
                name="redis_client.php",
                language="php",
                text="<?php\n" + page.text(notes.head(wanted, TITLE, VERSIONS)),
            ),
        ),
        notes=(
            *notes.common(wanted),
            *((notes.NO_PROVIDER,) if wanted.auth == "entra" else ()),
            wanted.connections_note(1, "Each worker of PHP-FPM keeps one connection, to each node"),
            (
                "Predis tries nothing again by itself: catch Predis\\Connection\\ConnectionException, disconnect(), wait with "
                "jitter, and repeat what may be repeated."
            ),
        ),
        executed="run against the lab over TLS with PHP 8.2 and Predis 1.1: standalone and cluster, key and token file",
    )
