"""The codecs start fast, and run where only an old Python is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "src"
MODULES = ["addresses", "dns_message", "first_bytes", "resp", "tls_records", "x509"]
# Each of them would be felt at every start.
HEAVY = {
    "asyncio", "dataclasses", "datetime", "decimal", "encodings.idna", "enum", "hashlib", "inspect",
    "ipaddress", "logging", "re", "socket", "ssl", "typing",
}  # fmt: skip


def _run(python: str, script: str) -> str:
    command = [
        python,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{script}",
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("module", MODULES)
def test_a_codec_loads_nothing_heavy(module: str) -> None:
    """Bare Python has none of these, and neither has it afterwards."""
    loaded = _run(
        sys.executable, f"import refused.probes.wire.{module}\nprint(*sorted(sys.modules))"
    ).split()

    assert f"refused.probes.wire.{module}" in loaded
    assert not HEAVY & set(loaded)


def _old_python() -> str | None:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [*map(str, pyenv.glob("versions/3.8.*/bin/python")), shutil.which("python3.8")]
    for python in filter(None, found):
        # pyenv leaves programs on the path that only say that there is none.
        said = subprocess.run([python, "-V"], capture_output=True, text=True, check=False)
        if said.stdout.startswith("Python 3.8."):
            return python
    return None


def test_the_codecs_run_on_python_3_8(certificate: bytes) -> None:
    """Hosts of long standing have no newer one: every codec is used once."""
    python = _old_python()
    if python is None:
        pytest.skip("needs Python 3.8")
    said = _run(
        python,
        f"""
from refused.probes.wire import dns_message, first_bytes, resp, tls_records, x509

query = bytearray(dns_message.build_query("b\\u00fccher.example", 1, 7))
query[2] |= 0x80
print(dns_message.parse_response(bytes(query), 7, "b\\u00fccher.example", 1).rcode)
decoder = resp.Decoder()
decoder.feed(b"%1\\r\\n+a\\r\\n*2\\r\\n,1.5\\r\\n(12\\r\\n-ERR no\\r\\n")
print(decoder.next().value, decoder.next().value)
try:
    decoder.feed(b"SSH-2.0-x")
    decoder.next()
except resp.NotResp as stranger:
    print(stranger.protocol, stranger.first_bytes)
print(resp.parse_cluster_slots([[0, 5, [b"h", 1, b"id"]]])[0].slots)
node = [b"ip", b"h", b"port", 1]
print(resp.parse_cluster_shards([[b"slots", [0, 5], b"nodes", [node]]])[0].host)
print(resp.parse_cluster_nodes("id h:1@2 master - 0 0 1 connected 0-5")[0].health)
print(len(resp.parse_info("a:b")), len(resp.parse_client_list("a=b")), resp.encode("PING"))
print(first_bytes.printable(bytes(3)), tls_records.parse_alert(bytes([21, 3, 3, 0, 2, 2, 40])))
print(first_bytes.identify(tls_records.tiny_hello("b\\u00fccher.example")))
print(x509.parse_certificate(bytes.fromhex("{certificate.hex()}")).names)
""",
    )

    assert said.splitlines() == [
        "0",
        "{'a': [1.5, 12]} RedisError('ERR no')",
        "ssh SSH-2.0-x",
        "((0, 5),)",
        "h",
        "online",
        r"1 1 b'*1\r\n$4\r\nPING\r\n'",
        r"\x00\x00\x00 ('fatal', 'handshake_failure')",
        "tls",
        "('cache.example', '::1')",
    ]


@pytest.fixture
def certificate() -> bytes:
    """The DER of a certificate for ``cache.example`` and ``::1``."""
    import ssl

    import trustme

    issued = trustme.CA().issue_cert("cache.example", "::1")
    return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())
