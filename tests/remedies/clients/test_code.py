"""Every library's settings: each with its reason and source, and code that its language can read."""

from __future__ import annotations

import ast
import itertools
import re
from typing import TYPE_CHECKING, Any

import pytest
import tree_sitter
import tree_sitter_c_sharp
import tree_sitter_go
import tree_sitter_java
import tree_sitter_javascript
import tree_sitter_php
import tree_sitter_ruby
import yaml
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.parse_target import parse_target
from refused.remedies.clients import UnknownClient, all_libraries, find, redis_py
from refused.remedies.clients.advice import Advice, Page
from refused.remedies.clients.of_target import BadWish, wanted
from refused.remedies.clients.wanted import SHARE, NoRoom, Wanted

if TYPE_CHECKING:
    from refused.remedies.clients import Library
    from refused.remedies.clients.advice import ClientConfig

GRAMMARS: dict[str, Any] = {
    "csharp": tree_sitter_c_sharp.language,
    "go": tree_sitter_go.language,
    "java": tree_sitter_java.language,
    "javascript": tree_sitter_javascript.language,
    "php": tree_sitter_php.language_php,
    "ruby": tree_sitter_ruby.language,
}
ACR = Wanted(
    host="contoso.redis.cache.windows.net",
    port=6380,
    tls=True,
    service="acr",
    auth="key",
    sku="C1",
    limit=1000,
    pods=4,
    processes=2,
)
KINDS = tuple(
    itertools.product(("key", "entra", "none"), (False, True), (False, True), (False, True))
)
LIBRARIES = all_libraries()


def has_error(language: str, text: str) -> bool:
    """Whether the language's grammar stumbles."""
    if language == "python":
        try:
            ast.parse(text)
        except SyntaxError:
            return True
        return False
    if language == "yaml":
        yaml.safe_load(text)
        return False
    parser = tree_sitter.Parser(tree_sitter.Language(GRAMMARS[language]()))
    return parser.parse(text.encode()).root_node.has_error


def configs(library: Library) -> list[ClientConfig]:
    """All that a library can be asked for."""
    found = []
    for auth, cluster, tls, user in KINDS:
        made = ACR.replace(
            auth=auth,
            cluster=cluster,
            tls=tls,
            user=user,
            shards=3 if cluster else 1,
            db=0 if cluster else 2,
        )
        try:
            found.append(library.config(made))
        except NoRoom:
            assert library.NAME in ("Celery", "Django")
            assert cluster
    return found


def test_the_parsers_would_object() -> None:
    """To what is cut off, in each language."""
    for language in (*GRAMMARS, "python"):
        whole = {"php": "<?php function f() {"}.get(language, "class A { int f( {{")
        assert has_error(language, whole), language


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda each: each.NAME)
def test_all_code_can_be_read_by_its_language(library: Library) -> None:
    """Whatever the login, with TLS and without, one endpoint or a cluster."""
    for config in configs(library):
        for file in config.files:
            assert not has_error(file.language, file.text), file.text


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda each: each.NAME)
def test_every_setting_has_a_reason_and_a_source(library: Library) -> None:
    """And the code shows them."""
    for config in configs(library):
        for each in config.settings:
            assert len(each.why) > 8, each
            assert not each.why.endswith("."), each
            assert each.source.startswith("https://"), each
            assert any(each.source in file.text for file in config.files), each
            assert any(each.code in file.text for file in config.files), each


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda each: each.NAME)
def test_notes_are_sentences_and_lines_are_short(library: Library) -> None:
    """Nothing of ours is left in them."""
    for config in configs(library):
        for note in (*config.notes, config.executed, config.install):
            assert isinstance(note, str)
            assert not re.search(r"\{(?:wanted|figures|notes)|\('", note), note
        for file in config.files:
            assert max(map(len, file.text.splitlines())) <= 180


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda each: each.NAME)
def test_no_setting_weakens_the_connection(library: Library) -> None:
    """No check is ever off, and no key stands in the code."""
    weak = re.compile(
        r"CERT_NONE|verify_none|rejectUnauthorized|InsecureSkipVerify|SslVerificationMode.NONE|verify_peer' => false"
        r"|check_hostname=False|TrustAll|TLSv1(?![._]?[23])",
        re.IGNORECASE,
    )
    for config in configs(library):
        for file in config.files:
            assert not weak.search(file.text), file.text
            if "REDIS_KEY" not in file.text:
                assert "password=" not in file.text


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda each: each.NAME)
def test_a_library_is_found_by_all_its_names(library: Library) -> None:
    """However they are written."""
    for name in (library.NAME, *library.ALIASES):
        assert find(name) is library
        assert find(name.upper().replace("-", "_")) is library


def test_an_unknown_library_gets_the_nearest_name() -> None:
    """And never its own word back: it may be a target with a key in it."""
    with pytest.raises(UnknownClient, match="did you mean Lettuce"):
        find("letuce")
    with pytest.raises(UnknownClient) as none:
        find("rediss://:hunter2hunter2@cache:6380")
    assert "hunter2" not in str(none.value)


@given(
    limit=st.integers(1, 200_000),
    pods=st.integers(1, 500),
    processes=st.integers(1, 64),
    shards=st.integers(1, 32),
    pools=st.integers(1, 3),
)
def test_all_pools_together_stay_below_the_limit(
    limit: int, pods: int, processes: int, shards: int, pools: int
) -> None:
    """By a fifth; or it is said that there is no room."""
    made = ACR.replace(
        limit=limit, pods=pods, processes=processes, shards=shards, cluster=shards > 1
    )
    everybody = pods * processes * shards * pools
    try:
        size = made.pool(50, pools)
    except NoRoom:
        assert everybody > int(limit * SHARE)
        return
    assert 1 <= size <= 50
    assert size * everybody <= limit * SHARE
    # No smaller than need be.
    assert size == 50 or (size + 1) * everybody > int(limit * SHARE)


@pytest.mark.parametrize(
    ("library", "sku", "pods", "setting", "size"),
    [
        ("redis-py", "C0", 10, "max_connections", 20),  # 256 x 0.8 = 204
        ("redis-py", "C0", 1, "max_connections", 50),
        ("Jedis", "C1", 100, "setMaxTotal", 8),
        ("go-redis", "P2", 400, "PoolSize", 30),
        ("Celery", "C0", 20, "redis_max_connections", 5),  # two pools
    ],
)
def test_a_pool_is_the_tiers_limit_divided(
    library: str, sku: str, pods: int, setting: str, size: int
) -> None:
    """The sum is shown with it."""
    target = parse_target("contoso.redis.cache.windows.net").target
    made, _ = wanted(target, sku=sku, pods=pods)
    config = find(library).config(made)
    (found,) = (each for each in config.settings if each.name == setting)
    assert found.value == str(size)
    assert f"{pods} pods" in found.why
    assert "cache-configure" in found.source


def test_the_service_decides_on_port_login_and_cluster() -> None:
    """Managed Redis starts as a cluster without access keys; TLS is not left out."""
    amr, _ = wanted(parse_target("fabrikam.westeurope.redis.azure.net").target, sku="B10")
    assert (amr.port, amr.cluster, amr.auth, amr.shards, amr.shards_known) == (
        10000,
        True,
        "entra",
        4,
        False,
    )
    one, _ = wanted(parse_target("fabrikam.westeurope.redis.azure.net").target, policy="enterprise")
    assert (one.cluster, one.shards) == (False, 1)
    acr, told = wanted(parse_target("contoso.redis.cache.windows.net:6379,ssl=False").target)
    assert (acr.tls, acr.port, acr.auth) == (True, 6380, "key")
    assert "clear" in told[0]
    own, _ = wanted(parse_target("redis.corp.example:6379").target)
    assert (own.tls, own.auth) == (False, "none")


@pytest.mark.parametrize(
    ("sku", "said"), [("C9", "none that I know"), ("B10", "size of Azure Managed")]
)
def test_a_size_that_does_not_fit_is_refused(sku: str, said: str) -> None:
    """In one line."""
    with pytest.raises(BadWish, match=said):
        wanted(parse_target("contoso.redis.cache.windows.net").target, sku=sku)


def test_a_setting_that_code_leaves_out_is_a_mistake() -> None:
    """So that data and code cannot differ."""
    advice = Advice(name="a", value="1", why="because it is so", source="https://example.com")
    page = Page([advice], "#")
    with pytest.raises(ValueError, match="leaves out a"):
        page.text()
    page.set("a = {}", "a")
    assert "# Because it is so [1].\na = 1" in page.text()


def test_redis_pys_settings_are_keywords_that_it_has() -> None:
    """A misspelt one would raise here."""
    import redis

    file = redis_py.config(ACR.replace(auth="none")).files[0]
    made: dict[str, Any] = {}
    exec(compile(file.text, file.name, "exec"), made)
    client = made["client"]
    connection = client.connection_pool.make_connection()
    assert isinstance(connection, redis.SSLConnection)
    assert connection.socket_timeout == 5


@pytest.mark.parametrize("library", ["redis-py", "Celery", "Django"])
def test_the_code_for_entra_makes_its_provider(library: str) -> None:
    """By redis-entraid's own factory; nobody logs in here."""
    from redis.credentials import CredentialProvider

    file = find(library).config(ACR.replace(auth="entra")).files[0]
    made: dict[str, Any] = {}
    exec(compile(file.text, file.name, "exec"), made)
    provider = {
        "redis-py": lambda: made["client"].connection_pool.connection_kwargs["credential_provider"],
        "Celery": made.get("credentials", dict),
        "Django": lambda: made["CACHES"]["default"]["OPTIONS"]["credential_provider"],
    }[library]()
    assert isinstance(provider, CredentialProvider)
