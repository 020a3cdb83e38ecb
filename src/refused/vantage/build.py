"""Build the single file that looks from places where nothing is installed but Python.

The file is plain text of ASCII letters, so that it can be pasted into a console. It holds the sources
that `refused.vantage.agent` needs, found by following its imports, and an importer that takes them
from memory: it writes no file and no byte code. The same sources give the same bytes.

The module stays at home.
"""

from __future__ import annotations

import ast
import base64
import threading
import zlib
from importlib.util import find_spec
from json import dumps

from refused import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Tuple

ENTRY = "refused.vantage.agent"
# What an import of these would mean stays undone over there: they need what is at home.
AT_HOME = ("refused.vantage.build", "refused.vantage.remote", "refused.vantage.saved")
LARGEST_BYTES = 300_000
OLDEST = (3, 8)

_HEAD = '''\
#!/usr/bin/env python3
"""refused {version}, in one file: finds out why a Redis connection fails, from where this runs.

    python3 FILE [options] TARGET > bundle.json      (--help says more)

It needs Python 3.8 or newer and nothing else, changes nothing and leaves nothing behind. What it
prints is judged where refused is installed: refused diagnose @bundle.json
Its sources: python3 FILE --sources. Apache-2.0.
"""
import sys

if sys.version_info < (3, 8):
    sys.exit("refused: this needs Python 3.8 or newer, and this is " + sys.version.split()[0])
sys.dont_write_bytecode = True
if sys.argv[0] != "-c" and sys.path and not sys.flags.isolated:
    # Whatever else lies in this file's folder is none of its modules.
    del sys.path[0]

import base64
import json
import zlib
from importlib.util import spec_from_loader

_SOURCES = json.loads(zlib.decompress(base64.b85decode("".join("""
{parcel}
""".split()))))


class _Parcel(object):
    """Imports the modules in _SOURCES, and leaves all others to Python."""

    def find_spec(self, name, path=None, target=None):
        if name not in _SOURCES:
            return None
        return spec_from_loader(name, self, origin="refused-agent", is_package=_SOURCES[name][0])

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        code = compile(_SOURCES[name][1], "refused-agent/" + name, "exec", dont_inherit=True)
        exec(code, module.__dict__)

    def get_source(self, name):
        return _SOURCES[name][1]


if sys.argv[1:] == ["--sources"]:
    for _name in sorted(_SOURCES):
        print("# ----- " + _name)
        print(_SOURCES[_name][1])
    sys.exit(0)
sys.meta_path.insert(0, _Parcel())

from {entry} import main

sys.exit(main())
'''
_WIDTH = 100


# Places are reached side by side, and Python 3.11 parses in one thread at a time: two of them end in
# a SystemError (https://github.com/python/cpython/issues/106905).
_building = threading.Lock()
_built: List[bytes] = []


def build() -> bytes:
    """Return the file; it is made once, for as many places as there are.

    Raises:
        RuntimeError: It would be larger than :data:`LARGEST_BYTES`: something was imported that
            does not travel.
    """
    with _building:
        if not _built:
            _built.append(_build())
        return _built[0]


def _build() -> bytes:
    sources = {name: [is_package, text] for name, is_package, text in sorted(_modules())}
    packed = zlib.compress(dumps(sources, sort_keys=True, separators=(",", ":")).encode(), 9)
    letters = base64.b85encode(packed).decode()
    lines = [letters[at : at + _WIDTH] for at in range(0, len(letters), _WIDTH)]
    made = (
        _HEAD.replace("{version}", __version__)
        .replace("{entry}", ENTRY)
        .replace("{parcel}", "\n".join(lines))
        .encode("ascii")
    )
    if len(made) > LARGEST_BYTES:
        raise RuntimeError(f"the single file has {len(made)} bytes, more than {LARGEST_BYTES}")
    return made


def _modules() -> Iterator[Tuple[str, bool, str]]:
    """Give name, whether it is a package, and text of every module of ours that *ENTRY* may import."""
    found: Dict[str, None] = {}
    waiting: List[str] = [ENTRY]
    while waiting:
        name = waiting.pop()
        if name in found or name in AT_HOME:
            continue
        source = _source(name)
        if source is None:
            continue  # a name inside a module, not a module
        found[name] = None
        is_package, text = source
        yield name, is_package, text
        parent = name.rpartition(".")[0]
        waiting += [parent] if parent else []
        waiting += _imported(ast.parse(text))


def _source(name: str) -> Tuple[bool, str] | None:
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        return None
    get_source = getattr(spec.loader, "get_source", None) if spec is not None else None
    if spec is None or get_source is None:
        return None
    text = get_source(name)
    return None if text is None else (spec.submodule_search_locations is not None, text)


def _imported(tree: ast.AST) -> List[str]:
    """Return the names of ours that a module imports anywhere, for type checkers alone excepted."""
    names: List[str] = []
    waiting: List[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and _is_for_checkers(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
            names += [f"{node.module}.{each.name}" for each in node.names]
        waiting += ast.iter_child_nodes(node)
    return [name for name in names if name == "refused" or name.startswith("refused.")]


def _is_for_checkers(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"
