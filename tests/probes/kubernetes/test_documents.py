"""Manifests come from anywhere: what is no manifest is said in one line with its place, and nothing unfolds without end."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from refused.probes.kubernetes.documents import BadManifest, parse, read

if TYPE_CHECKING:
    from pathlib import Path

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"


def test_every_document_says_where_it_begins() -> None:
    """Of what Helm prints, by the lines of the whole."""
    text = f"# a comment\n---\n{POD}---\n# Source: x.yaml\n{POD}"

    assert [each.source for each in parse(text, "all.yaml")] == ["all.yaml:3", "all.yaml:8"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Pod\n\tname: a\n", "x.yaml:2: not YAML: found"),
        ("a: 1\nb: [1, 2\nc: 3\n", "x.yaml:3: not YAML:"),
        ("a: 1\n b: 2\n", "x.yaml:2: not YAML: mapping values are not allowed"),
        ("a: *nobody\n", "x.yaml:1: not YAML: found undefined alias"),
        ("a: 1\nb: {{ .Values.host }}\nc: {{- end }}\n", "a template of Helm"),
        ("spec:\n{{- if .Values.on }}\n  a: 1\n{{- end }}\n", "x.yaml:3: a template of Helm"),
        (
            "a: !!python/object/apply:os.system ['true']\n",
            "x.yaml:1: not YAML: could not determine",
        ),
        ("a: &b [*b]\n", "x.yaml:1: an alias that contains itself"),
        ("ok: 1\nbad: \x07\n", "x.yaml:2: not YAML that can be read"),
        ("[" * 3000 + "]" * 3000, "x.yaml:1: not YAML: exceeded maximum nesting depth"),
        ("a:\n" + "".join(f"{'  ' * n}b:\n" for n in range(1, 120)), "nested too deeply"),
    ],
)
def test_a_mistake_is_said_in_one_line_with_its_place(text: str, said: str) -> None:
    """File and line, and what is wrong."""
    with pytest.raises(BadManifest) as wrong:
        parse(text, "x.yaml")

    assert said in str(wrong.value)
    assert "\n" not in str(wrong.value)
    assert len(str(wrong.value)) < 300


def test_a_billion_laughs_are_not_laughed() -> None:
    """Ten lines that unfold to ten thousand million values are refused before they are."""
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 11)]

    with pytest.raises(BadManifest, match="unfolds to more than 1000000 values"):
        parse("\n".join(lines), "lol.yaml")


def test_a_few_aliases_are_what_people_write() -> None:
    """Labels are often written once and used thrice."""
    text = "labels: &l {app: a}\nmetadata: {labels: *l}\nspec: {selector: {<<: *l, tier: b}}\n"

    (document,) = parse(text, "x.yaml")

    assert document.data["spec"]["selector"] == {"app": "a", "tier": "b"}


def test_json_with_a_mistake_says_its_line(tmp_path: Path) -> None:
    """It is read as JSON, not as the YAML that it may happen to be."""
    file = tmp_path / "x.json"
    file.write_text('{"kind": "Pod",\n 7}')

    with pytest.raises(BadManifest, match=r"x\.json:2: not JSON"):
        read([str(file)])


def test_a_folder_is_read_in_order_less_what_must_be_rendered(tmp_path: Path) -> None:
    """A chart's templates and patches of an overlay are no manifests."""
    (tmp_path / "b.yaml").write_text(POD)
    (tmp_path / "a.yml").write_text(POD)
    (tmp_path / "notes.txt").write_text("not: [read")
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("name: x\n")
    (chart / "templates" / "x.yaml").write_text("{{ .Values }}")
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text("resources: [../base]\npatches: [{path: p.yaml}]\n")
    (overlay / "p.yaml").write_text("kind: Deployment\n")
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "kustomization.yaml").write_text("kind: Kustomization\nresources: [x.yaml]\n")
    (plain / "x.yaml").write_text(POD)

    documents, gaps = read([str(tmp_path)])

    names = [each.source.removeprefix(f"{tmp_path}/") for each in documents]
    assert names == ["a.yml:1", "b.yaml:1", "plain/x.yaml:1"]
    assert [each.how_to_see.partition(" | ")[0] for each in gaps] == [
        f"helm template {chart}",
        f"kubectl kustomize {overlay}",
    ]


def test_what_helm_prints_comes_by_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a byte-order mark, too, as some shells add one."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf" + POD.encode())))

    documents, _ = read(["-"])

    assert documents[0].source == "standard input:1"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"x" * ((16 << 20) + 1), "larger than 16 MiB"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    """A picture, a core dump, a terabyte."""
    file = tmp_path / "x.yaml"
    file.write_bytes(content)

    with pytest.raises(BadManifest, match=said):
        read([str(file)])


def test_a_file_that_is_not_there_is_named() -> None:
    """With the system's own words."""
    with pytest.raises(BadManifest, match=r"nowhere\.yaml: cannot be read: No such file"):
        read(["nowhere.yaml"])


values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(values, min_size=1, max_size=3))
def test_what_was_written_is_read(documents: list[Any]) -> None:
    """By the library's own writer, and as JSON."""
    text = yaml.safe_dump_all(documents, explicit_start=True)

    assert [each.data for each in parse(text, "x.yaml")] == documents
    assert parse(json.dumps(documents[0]), "x.json")[0].data == documents[0]


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else comes out of it."""
    try:
        parse(text, "x.yaml")
    except BadManifest as wrong:
        assert str(wrong).startswith("x.yaml:")  # noqa: PT017 - both ends are right
