"""Read manifests: files, folders, what Helm or Kustomize print; and nothing that is too large to be one.

The text comes from anywhere. Only plain data are made of it (no objects), and a file whose few lines
would unfold to more than a machine holds is refused before it is unfolded.
"""

from __future__ import annotations

import os
import sys

from refused.evidence.observations import Unseen
from refused.evidence.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

LARGEST_BYTES = 16 << 20
MOST_FILES = 2000
MOST_DOCUMENTS = 20_000
# How many values the documents of a file may hold once their aliases are unfolded.
MOST_VALUES = 1_000_000
DEEPEST = 100
_ENDINGS = (".yaml", ".yml", ".json")
_LEFT_OUT = frozenset({".git", ".github", "node_modules", ".venv", "__pycache__"})
_VANTAGE = "control-plane"


class BadManifest(ValueError):
    """A manifest cannot be read; the message is one line for people, with the file and the line."""

    for_people = True


class Document:
    """One document of a file.

    Attributes:
        data: Dictionaries, lists, texts, numbers, truth values and ``None``.
        source: ``file:line`` of its beginning.
    """

    __slots__ = ("data", "source")

    def __init__(self, data: Any, source: str) -> None:
        self.data, self.source = data, source


def read(paths: Sequence[str]) -> tuple[list[Document], list[Unseen]]:
    """Read every document of *paths*, and say what in them is no manifest yet.

    Args:
        paths: Files, folders, or ``-`` for standard input.

    Raises:
        BadManifest: One cannot be read.
    """
    documents: list[Document] = []
    gaps: list[Unseen] = []
    for path in paths:
        if path == "-":
            documents += parse(_standard_input(), "standard input")
        elif os.path.isdir(path):
            files, said = _files_in(path)
            gaps += said
            for file in files:
                documents += parse(_text_of(file), file)
        else:
            documents += parse(_text_of(path), path)
        if len(documents) > MOST_DOCUMENTS:
            raise BadManifest(f"{path}: more than {MOST_DOCUMENTS} documents; name fewer files")
    return documents, gaps


def parse(text: str, file: str) -> list[Document]:
    """Return the documents of one file.

    Raises:
        BadManifest: It is neither YAML nor JSON, or unfolds to more than anybody writes.
    """
    if file.endswith(".json"):
        return [Document(_json(text, file), f"{file}:1")]
    try:
        import yaml
    except ImportError:
        raise BadManifest("manifests need PyYAML: pip install 'refused[kubernetes]'") from None
    loader_class: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: list[Document] = []
    try:
        loader = loader_class(text)
        while loader.check_node():
            node = loader.get_node()
            line = node.start_mark.line + 1
            _measure(node, file, line)
            found.append(Document(loader.construct_document(node), f"{file}:{line}"))
            if len(found) > MOST_DOCUMENTS:
                raise BadManifest(
                    f"{file}:{line}: more than {MOST_DOCUMENTS} documents in one file"
                )
    except yaml.MarkedYAMLError as wrong:
        raise BadManifest(_said(wrong, text, file)) from None
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as wrong:
        if isinstance(wrong, BadManifest):
            raise
        said = redact(" ".join(str(wrong).split()))[:160]
        raise BadManifest(
            f"{file}:{_line_of(wrong, text)}: not YAML that can be read: {said}"
        ) from None
    return found


def _said(wrong: Any, text: str, file: str) -> str:
    mark = wrong.problem_mark or wrong.context_mark
    line = mark.line + 1 if mark is not None else 1
    lines = text.splitlines()
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    if "{{" in shown or ("{{" in text and "}}" in text):
        return (
            f"{file}:{line}: a template of Helm, not a manifest yet; give what helm template prints"
        )
    problem = redact(" ".join(str(wrong.problem or wrong.context).split()))[:120]
    return f"{file}:{line}: not YAML: {problem}"


def _line_of(wrong: Any, text: str) -> int:
    """Return the line of a mistake that has no mark: of a character that YAML forbids, its own."""
    at = getattr(wrong, "position", None)
    return text.count("\n", 0, at) + 1 if isinstance(at, int) else 1


def _json(text: str, file: str) -> Any:
    from json import JSONDecodeError, loads

    try:
        return loads(text)
    except JSONDecodeError as wrong:
        raise BadManifest(f"{file}:{wrong.lineno}: not JSON: {wrong.msg}") from None
    except RecursionError:
        raise BadManifest(f"{file}:1: nested too deeply to be a manifest") from None


def _measure(root: Any, file: str, line: int) -> None:
    """See that a document, its aliases unfolded, has an end, and how far it is.

    Raises:
        BadManifest: It has none, or is larger than anything that is written by hand.
    """
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: Any, depth: int) -> int:
        known = sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in open_nodes:
            raise BadManifest(f"{file}:{node.start_mark.line + 1}: an alias that contains itself")
        if depth > DEEPEST:
            raise BadManifest(
                f"{file}:{node.start_mark.line + 1}: nested too deeply to be a manifest"
            )
        if not isinstance(node.value, list):
            return 1
        open_nodes.add(id(node))
        total = 1
        for each in node.value:
            for part in each if isinstance(each, tuple) else (each,):
                total += size(part, depth + 1)
                if total > MOST_VALUES:
                    raise BadManifest(
                        f"{file}:{line}: unfolds to more than {MOST_VALUES} values; no manifest does"
                    )
        open_nodes.discard(id(node))
        sizes[id(node)] = total
        return total

    size(root, 0)


# --- files ---------------------------------------------------------------------------------------


def _standard_input() -> str:
    raw = sys.stdin.buffer.read(LARGEST_BYTES + 1)
    return _decoded(raw, "standard input")


def _text_of(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return _decoded(file.read(LARGEST_BYTES + 1), path)
    except OSError as gone:
        raise BadManifest(f"{path}: cannot be read: {gone.strerror}") from None


def _decoded(raw: bytes, name: str) -> str:
    if len(raw) > LARGEST_BYTES:
        raise BadManifest(f"{name}: larger than {LARGEST_BYTES >> 20} MiB, which no manifest is")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = raw.count(b"\n", 0, wrong.start) + 1
        raise BadManifest(f"{name}:{line}: not UTF-8 text") from None


def _files_in(folder: str) -> tuple[list[str], list[Unseen]]:
    """Return the manifests below *folder* in order, less what a tool must render first."""
    files: list[str] = []
    gaps: list[Unseen] = []
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if each not in _LEFT_OUT)
        if "Chart.yaml" in names:
            # A chart's files are no manifests before Helm has filled them in.
            gaps.append(_unrendered(base, "a Helm chart", f"helm template {base}"))
            folders[:] = []
            continue
        kustomized = next((each for each in _KUSTOMIZATIONS if each in names), None)
        if kustomized is not None and not _is_plain(os.path.join(base, kustomized)):
            gaps.append(_unrendered(base, "a Kustomize folder", f"kubectl kustomize {base}"))
            folders[:] = []
            continue
        files += [
            os.path.join(base, name)
            for name in sorted(names)
            if name.endswith(_ENDINGS) and name not in _KUSTOMIZATIONS
        ]
        if len(files) > MOST_FILES:
            raise BadManifest(f"{folder}: more than {MOST_FILES} files; name fewer folders")
    return files, gaps


_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


# What a kustomization may say that leaves the files beside it as they are.
_PLAIN = frozenset({"apiVersion", "kind", "metadata", "resources", "images", "commonAnnotations"})


def _is_plain(path: str) -> bool:
    """Whether a kustomization takes the files below it as they are."""
    for document in parse(_text_of(path), path):
        said = document.data
        if not isinstance(said, dict) or set(said) - _PLAIN:
            return False
        resources = said.get("resources") or ()
        if any(not isinstance(each, str) or ".." in each or ":" in each for each in resources):
            return False
    return True


def _unrendered(folder: str, what: str, command: str) -> Unseen:
    return Unseen(
        vantage=_VANTAGE,
        what=f"the manifests of {folder}",
        why=f"{folder} is {what}, which says what is deployed only once it is rendered",
        how_to_see=f"{command} | refused diagnose TARGET --manifest -",
    )
