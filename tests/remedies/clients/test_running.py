"""Generated code is run, to the letter, against a cache of the lab, over TLS.

In a network namespace of its own the cache has the service's own name, addresses and ports; who
vouches for its certificate is told by the environment, as a machine's trust store would.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from refused.remedies.clients import find
from refused.remedies.clients.wanted import Wanted

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.timeout(240),
]  # a cache's first test waits for all its clients

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
NODE = ROOT / "tests" / "tools" / "redis-clients"
PREDIS = Path("/usr/share/php/Predis/Autoloader.php")
CACHES = {
    "acr": Wanted(
        host="contoso.redis.cache.windows.net", port=6380, tls=True, service="acr", auth="key"
    ),
    "acr-cluster": Wanted(
        host="contoso.redis.cache.windows.net",
        port=6380,
        tls=True,
        service="acr",
        auth="key",
        cluster=True,
        shards=3,
    ),
    "amr": Wanted(
        host="fabrikam.westeurope.redis.azure.net",
        port=10000,
        tls=True,
        service="amr",
        auth="key",
        policy="EnterpriseCluster",
    ),
    "amr-cluster": Wanted(
        host="fabrikam.westeurope.redis.azure.net",
        port=10000,
        tls=True,
        service="amr",
        auth="key",
        policy="OSSCluster",
        cluster=True,
        shards=2,
    ),
}

# In the place of Entra ID: azure-identity is told which token it gets; redis-entraid is the real one.
_IDENTITY_PYTHON = """\
import os, time
import azure.identity
from azure.core.credentials import AccessToken
token = AccessToken(os.environ["REDIS_TOKEN"], int(time.time()) + 3600)
azure.identity.DefaultAzureCredential.get_token = lambda *_, **__: token
"""
_PYTHON = """\
from redis_client import client
assert client.ping()
for key in "abcdefgh":
    client.set(key, key)
    assert client.get(key) == key.encode()
print("PONG")
"""
_CELERY = """\
from celery import Celery
app = Celery("shop")
app.config_from_object("celeryconfig")
broker = app.connection_for_write()
broker.ensure_connection(max_retries=1)
assert broker.default_channel.client.ping()
app.send_task("shop.pay")
app.backend.set("key", "value")
assert app.backend.get("key") == b"value"
print("PONG")
"""
_DJANGO = """\
import runpy
from django.conf import settings
settings.configure(CACHES=runpy.run_path("settings.py")["CACHES"])
from django.core.cache import cache
cache.set("key", "value")
assert cache.get("key") == "value"
print("PONG")
"""
_NODE = """\
const made = require('./redis-client.js');
(async () => {
  await made.connected;
  const client = made.connect ? await made.connect() : made.client;
  for (const key of 'abcdefgh') {
    await client.set(key, key);
    if ((await client.get(key)) !== key) throw new Error(key);
  }
  console.log(client.ping ? await client.ping() : 'PONG');
  process.exit(0);
})().catch((error) => {
  console.log(error.message);
  process.exit(1);
});
"""
_PHP = """\
<?php
LOAD
require 'redis_client.php';
$redis = redis_client();
foreach (str_split('abcdefgh') as $key) {
    $redis->set($key, $key);
    if ($redis->get($key) !== $key) { echo "wrong"; exit(1); }
}
echo 'PONG';
"""
_RUBY = """\
require "./redis_client"
redis = new_redis
%w[a b c d e f].each do |key|
  redis.set(key, key)
  raise key unless redis.get(key) == key
end
puts redis.ping
"""
_PREDIS = "require 'Predis/Autoloader.php'; Predis\\Autoloader::register();"
_WITH_CA = ("php", "-d", "openssl.cafile={ca}", "run.php")
PROGRAMS = {
    "redis-py": ("run.py", _PYTHON, (sys.executable, "run.py")),
    "celery": ("run.py", _CELERY, (sys.executable, "run.py")),
    "django": ("run.py", _DJANGO, (sys.executable, "run.py")),
    "ioredis": ("run.js", _NODE, ("node", "run.js")),
    "node-redis": ("run.js", _NODE, ("node", "run.js")),
    "phpredis": ("run.php", _PHP.replace("LOAD", ""), _WITH_CA),
    "predis": ("run.php", _PHP.replace("LOAD", _PREDIS), _WITH_CA),
    "redis-rb": ("run.rb", _RUBY, ("ruby", "run.rb")),
}
# Code for Entra ID that can be run where somebody gives it a token.
ENTRA = ("redis-py", "celery", "django", "ioredis", "node-redis", "phpredis", "predis", "redis-rb")
_IDENTITY = """\
exports.DefaultAzureCredential = class {
  async getToken(scope) {
    if (scope !== 'https://redis.azure.com/.default') throw new Error(scope);
    return { token: process.env.REDIS_TOKEN, expiresOnTimestamp: Date.now() + 3600000 };
  }
};
"""
_NO_CLUSTER = ("celery", "django")
CELLS = [
    (cache, name, auth)
    for cache in CACHES
    for name in PROGRAMS
    for auth in ("key", "entra")
    if not (cache.endswith("-cluster") and name in _NO_CLUSTER)
    if auth == "key" or name in ENTRA
]


@functools.cache
def node_modules() -> str:
    """Fetch the clients for Node.js where they are not there yet; the reason where it cannot be."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (NODE / "node_modules" / "@redis" / "entraid").exists():
        npm = shutil.which("npm")
        if npm is None:
            return "npm is not installed: the clients for Node.js cannot be fetched"
        fetched = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=NODE,
            capture_output=True,
            check=False,
            timeout=100,
        )
        if fetched.returncode:
            return "npm cannot fetch the clients for Node.js here"
    return ""


def missing(name: str) -> str:
    """Why a client cannot be run here; ``""`` where it can."""
    program = PROGRAMS[name][2][0]
    if program == "node":
        return node_modules()
    if shutil.which(program) is None:
        return f"{program} is not installed"
    if name == "predis" and not PREDIS.exists():
        return "Debian's php-predis is not installed"
    return ""


@functools.cache
def ran(cache: str) -> dict[str, tuple[int, str]]:
    """Bring a cache up and run every client's code against it."""
    with tempfile.TemporaryDirectory() as folder:
        stubs = Path(folder, "stubs", "@azure", "identity")
        stubs.mkdir(parents=True)
        (stubs / "index.js").write_text(_IDENTITY)
        jobs = []
        for kind, name, auth in CELLS:
            if kind != cache or missing(name):
                continue
            jobs.append(_job(Path(folder, f"{name}-{auth}"), cache, name, auth))
            if (cache, auth) == (
                "acr",
                "key",
            ):  # and once more where nobody vouches for the certificate
                blind = {**jobs[-1], "name": f"{name}-blind", "limit_s": 8}  # some try for ever
                blind["argv"] = [
                    word for word in blind["argv"] if "{ca}" not in word and word != "-d"
                ]
                none = str(Path(folder, "none.pem"))
                blind["env"] = {**blind["env"], "SSL_CERT_FILE": none, "NODE_EXTRA_CA_CERTS": none}
                Path(none).touch()
                jobs.append(blind)
        done = subprocess.run(
            ["unshare", "--net", "--mount", "--", sys.executable, str(HERE / "inside.py")],
            input=json.dumps({"cache": cache, "jobs": jobs}),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "REFUSED_LAB_INSIDE": "1"},
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[int, str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _job(folder: Path, cache: str, name: str, auth: str) -> dict[str, Any]:
    folder.mkdir()
    for each in find(name).config(CACHES[cache].replace(auth=auth)).files:
        (folder / each.name).write_text(each.text)
    file, code, argv = PROGRAMS[name]
    if auth == "entra" and file == "run.py":
        code = _IDENTITY_PYTHON + code
    (folder / file).write_text(code)
    paths = os.pathsep.join((str(folder.parent / "stubs"), str(NODE / "node_modules")))
    return {
        "name": f"{name}-{auth}",
        "argv": list(argv),
        "cwd": str(folder),
        "env": {"NODE_PATH": paths},
    }


@pytest.mark.parametrize(("cache", "name", "auth"), CELLS)
def test_the_code_connects_over_tls_and_is_answered(cache: str, name: str, auth: str) -> None:
    """As it is printed; only the key and the trusted CA come from outside."""
    why_not = missing(name)
    if why_not:
        pytest.skip(why_not)
    code, said = ran(cache)[f"{name}-{auth}"]
    assert code == 0, said
    assert "PONG" in said


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_code_verifies_the_certificate(name: str) -> None:
    """Where nobody vouches for it, no client connects."""
    why_not = missing(name)
    if why_not:
        pytest.skip(why_not)
    code, said = ran("acr")[f"{name}-blind"]
    assert code != 0, said
    assert "PONG" not in said
    assert "certificate" in said.lower() or "ssl" in said.lower() or "tls" in said.lower(), said
