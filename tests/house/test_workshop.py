"""The workshop: what is locked, who may import whom, and whether the pages are fresh."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from docs import build_causes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
LOCKS = ("dev", "lab")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PURE = ("service", "evidence", "causes", "diagnosis")
TRAVELLING = ("service", "evidence", "probes", "vantage")


def call(*command: str, cwd: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with *environ* on top of our own environment."""
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def modules_of(*rooms: str) -> list[Path]:
    """Return every module of these rooms."""
    return [path for room in rooms for path in sorted((SOURCE / "refused" / room).rglob("*.py"))]


def name_of(path: Path) -> str:
    """Return a path below ``src`` as the test's name."""
    return path.relative_to(SOURCE).as_posix()


# --- what is locked -------------------------------------------------------------------------------


def pins(lock: str) -> dict[str, Version]:
    """Read a lock: the version of each distribution."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
    return {
        name: Version(version)
        for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE)
    }


def declared(*, extra: str, group: str) -> Iterator[Requirement]:
    """Give what pyproject.toml asks for in an extra and in a dependency group."""
    yield from map(Requirement, PROJECT["project"]["optional-dependencies"][extra])
    for entry in PROJECT["dependency-groups"][group]:
        if isinstance(entry, dict):
            yield from map(Requirement, PROJECT["dependency-groups"][entry["include-group"]])
        else:
            yield Requirement(entry)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes(lock: str) -> None:
    """An entry is a name, a version, perhaps a marker, and then hashes alone."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
    entries = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()

    for entry in entries:
        assert re.fullmatch(
            r"[\w.-]+==[\w.]+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*", entry
        ), entry


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_does_not_say_where_to_fetch(lock: str) -> None:
    """Where packages come from is the business of whoever installs them."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")

    assert "//" not in text
    assert not re.search(r"^\s*-(?!-hash=)", text, re.MULTILINE)


@pytest.mark.parametrize(("lock", "group"), [("dev", "dev"), ("lab", "build")])
def test_a_lock_answers_what_the_project_asks_for(lock: str, group: str) -> None:
    """Who changes pyproject.toml runs `make lock`."""
    locked = pins(lock)

    for wish in declared(extra="lab", group=group):
        assert wish.name in locked, wish
        assert wish.specifier.contains(locked[wish.name]), wish


def test_the_lab_runs_on_what_was_tested() -> None:
    """Whatever `make demo` installs, the tests have run with."""
    assert pins("lab").items() <= pins("dev").items()


def test_the_main_path_needs_nothing() -> None:
    """Installing refused installs refused and nothing else."""
    assert PROJECT["project"]["dependencies"] == []


def test_no_registry_is_named() -> None:
    """No tracked file names the host of a package registry."""
    # Written in two halves, lest this file be the one that is found.
    hosts = [
        "py" + "pi.org",
        "python" + "hosted.org",
        "npm" + "js.org",
        "yarn" + "pkg.com",
        "crates" + ".io",
        "ruby" + "gems.org",
        "proxy.golang" + ".org",
        "nuget" + ".org",
        "conda" + ".anaconda.org",
    ]
    tracked = call("git", "ls-files", "-z")
    if tracked.returncode:
        pytest.skip("needs a git checkout")

    named = [
        (name, host)
        for name in tracked.stdout.rstrip("\0").split("\0")
        if (ROOT / name).is_file()
        for host in hosts
        if host in (ROOT / name).read_text("utf-8", errors="replace").lower()
    ]

    assert named == []


# --- who may import whom --------------------------------------------------------------------------

# What is planted where, and the contract that has to notice.
PLANTS = [
    ("service/planted.py", "subprocess", "pure"),
    ("evidence/planted.py", "ssl", "pure"),
    ("causes/planted.py", "socket", "pure"),
    ("diagnosis/planted.py", "threading", "pure"),
    ("service/planted.py", "refused.evidence.planted", "rooms"),
    ("causes/planted.py", "refused.probes.planted", "rooms"),
    ("evidence/planted.py", "refused.lab.planted", "rooms"),
    ("report/planted.py", "refused.cli.planted", "rooms"),
    ("vantage/planted.py", "refused.api", "rooms"),
    ("client/__init__.py", "refused.service.planted", "rooms"),
    ("probes/planted.py", "refused.causes.planted", "probes"),
    ("probes/planted.py", "refused.diagnosis.planted", "probes"),
    ("probes/planted.py", "refused.lab.planted", "probes"),
    ("lab/planted.py", "refused.evidence.planted", "lab"),
    ("lab/planted.py", "refused.probes.planted", "lab"),
    ("lab/planted.py", "refused.report.planted", "lab"),
    ("report/planted.py", "refused.lab.planted", "twin"),
    ("causes/planted.py", "refused.causes.planted_too", "causes"),
]


def planted(folder: Path, *plants: tuple[str, str]) -> Path:
    """Copy the tree to *folder* and plant imports in it, each in a module of its own."""
    shutil.copytree(SOURCE, folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for place, imported in plants:
        path = folder / "src" / "refused" / place
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(f"import {imported}\n")
    for _, imported in plants:
        if imported.endswith(("planted", "planted_too")):
            (folder / "src" / f"{imported.replace('.', '/')}.py").touch()
    return folder


def linted(folder: Path, contract: str) -> str:
    """Return what import-linter says of one contract."""
    script = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = (sys.executable, "-c", script, "--no-cache", "--no-logo", "--contract", contract)
    said = call(*command, cwd=folder, PYTHONPATH=str(folder / "src"), COLUMNS="500")
    return said.stdout + said.stderr


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Plant everything in one copy, and return what each contract has to say of it."""
    copy = planted(tmp_path_factory.mktemp("planted"), *(plant[:2] for plant in PLANTS))
    return {contract: linted(copy, contract) for contract in {plant[2] for plant in PLANTS}}


@pytest.mark.parametrize(("place", "imported", "contract"), PLANTS)
def test_a_planted_import_is_caught(
    place: str, imported: str, contract: str, verdicts: Mapping[str, str]
) -> None:
    """The contract that forbids the import names the line."""
    importer = "refused." + place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    assert f"{importer} -> {imported} (l." in verdicts[contract]


def test_a_new_room_has_to_find_its_place(tmp_path: Path) -> None:
    """A package that the contracts do not know is not simply let through."""
    copy = planted(tmp_path, ("attic/__init__.py", "sys"))

    assert "refused.attic" in linted(copy, "rooms")


DEEDS = {"open", "print", "input"}
CLOCKS = {"now", "utcnow", "today"}


@pytest.mark.parametrize("path", modules_of(*PURE), ids=name_of)
def test_who_judges_does_nothing_else(path: Path) -> None:
    """What import-linter cannot see: no file is opened, no clock is asked, nothing is printed."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                assert not {"urllib.request", "os.path"} & {name.name for name in names}
            case ast.ImportFrom(module=module):
                assert module != "urllib.request"
            case ast.Call(func=ast.Name(id=name)):
                assert name not in DEEDS, f"line {node.lineno}"
            case ast.Call(func=ast.Attribute(attr=name)):
                assert name not in CLOCKS, f"line {node.lineno}"


# --- what travels to remote hosts -----------------------------------------------------------------


@pytest.mark.parametrize("path", modules_of(*TRAVELLING), ids=name_of)
def test_what_travels_is_written_for_python_3_8(path: Path) -> None:
    """Hosts of long standing have no newer one."""
    ast.parse(path.read_text("utf-8"), feature_version=(3, 8))


def test_what_travels_loads_on_python_3_8() -> None:
    """Not only the syntax has to be there, every name that a module uses as it loads as well."""
    found = call("tools/find-python", "3.8")
    if found.returncode:
        pytest.skip("needs Python 3.8")
    names = [
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for path in modules_of(*TRAVELLING)
    ]
    script = f"import sys, importlib; sys.path.insert(0, {str(SOURCE)!r})\n" + "\n".join(
        f"importlib.import_module({name!r})" for name in names
    )

    loaded = call(found.stdout.strip(), "-I", "-S", "-B", "-c", script)

    assert loaded.stderr == ""


# --- the pages ------------------------------------------------------------------------------------


def test_the_pages_of_the_causes_are_fresh() -> None:
    """Who changes a cause runs `make docs`."""
    assert build_causes.stale() == []


def test_a_stale_page_is_named(tmp_path: Path) -> None:
    """A page that is missing and one that is left over are both stale."""
    (tmp_path / "the-cause-that-was.md").write_text("# gone")

    assert {"index.md", "the-cause-that-was.md"} <= set(build_causes.stale(tmp_path))


def test_a_docstring_falls_into_its_sections() -> None:
    """A heading stands at the margin with its text indented below."""
    lead, sections = build_causes.split(
        "It is wrong.\n\nWhat is wrong\n    A letter.\n\n    And\n      a digit.\nSources\n    x\n"
    )

    assert lead == "It is wrong."
    assert sections == {"What is wrong": "A letter.\n\nAnd\n  a digit.", "Sources": "x"}


@pytest.mark.parametrize(
    ("docstring", "page"),
    [
        ("``mtu-blackhole``", "[`mtu-blackhole`](mtu-blackhole.md)"),
        ("``mtu``", "`mtu`"),
        (":mod:`refused.causes`", "`refused.causes`"),
        ("see https://example.org/a_b.", "see <https://example.org/a_b>."),
        ("<https://example.org/>", "<https://example.org/>"),
    ],
)
def test_a_docstring_becomes_markdown(docstring: str, page: str) -> None:
    """The few marks that docstrings use have their like in Markdown."""
    assert build_causes.markdown(docstring, ["mtu-blackhole"]) == page


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """No link is broken, no page is left out."""
    built = call(
        *(sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"),
        *("--site-dir", str(tmp_path / "site")),
    )

    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    assert (tmp_path / "site" / "causes" / "index.html").is_file()


# --- the test bench itself ------------------------------------------------------------------------

STORY = """
import os
import pytest

@pytest.fixture(scope="session")
def early():
    return dict(os.environ)

def test_clean(early):
    for environ in (early, os.environ):
        assert not {"NO_COLOR", "https_proxy", "AZURE_CLIENT_ID", "REFUSED_NO_SKIP"} & set(environ)
        assert not os.path.exists(environ["AZURE_CONFIG_DIR"])
        with pytest.raises(OSError):
            os.makedirs(environ["AZURE_CONFIG_DIR"])

def test_missing():
    pytest.skip("needs a tool")

def test_old():
    pytest.skip("needs Python 3.8")

@pytest.mark.xfail
def test_known():
    assert False

@pytest.mark.shared
def test_shared(shared):
    assert shared.is_dir()
"""
WHOLE = 'import pytest\npytest.importorskip("no_such_module_anywhere")\n'


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize(
    ("strict", "outcome"),
    [("0", "1 passed, 4 skipped, 1 xfailed"), ("1", "1 passed, 1 skipped, 1 xfailed")],
)
def test_a_skip_is_a_failure_where_nothing_may_be_missing(
    strict: str, outcome: str, workers: str, tmp_path: Path
) -> None:
    """REFUSED_NO_SKIP lets through what a CI machine cannot have, and nothing else."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    (tmp_path / "tests" / "test_story.py").write_text(STORY)
    (tmp_path / "tests" / "test_whole.py").write_text(WHOLE)

    ran = call(
        *(sys.executable, "-m", "pytest", "-n", workers, "--continue-on-collection-errors"),
        cwd=tmp_path,
        NO_COLOR="1",
        https_proxy="http://127.0.0.1:9",
        AZURE_CLIENT_ID="me",
        REFUSED_NO_SKIP=strict,
        REFUSED_SHARED=str(tmp_path / "nowhere"),
    )

    assert ran.returncode == int(strict), ran.stdout
    assert outcome in ran.stdout
    if strict == "1":
        for place in ("test_missing", "test_shared", "test_whole.py"):
            assert re.search(
                rf"^(FAILED|ERROR) .*{place} - .*may not be skipped here: ",
                ran.stdout,
                re.MULTILINE,
            ), place


def copy_recipes(folder: Path) -> None:
    """Copy what make reads."""
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)


def test_a_second_run_installs_nothing(tmp_path: Path) -> None:
    """The environment is made anew when a lock changes, and not before."""
    copy_recipes(tmp_path)
    ready = tmp_path / ".venv" / ".ready-dev"
    ready.parent.mkdir()
    ready.touch()

    assert "pip install" not in call("make", "-n", "test", cwd=tmp_path).stdout

    os.utime(ready, (0, 0))
    assert "--require-hashes" in call("make", "-n", "test", cwd=tmp_path).stdout


def test_no_environment_is_thrown_away(tmp_path: Path) -> None:
    """Make removes what it takes for a half-way product; the environments are none."""
    copy_recipes(tmp_path)

    said = call("make", "-n", "-k", "test-all", "OWN=3.11", cwd=tmp_path).stdout

    assert "touch .venv-3.12/.ready-dev" in said
    assert not re.search(r"^rm ", said, re.MULTILINE)


@pytest.mark.parametrize("script", [".ci/run", "tools/find-python"])
def test_a_script_can_be_read_by_its_shell(script: str) -> None:
    """A slip in a script that runs rarely is found before it runs."""
    shell = (ROOT / script).read_text().partition("\n")[0].rpartition("/")[2].split()[-1]

    assert call(shell, "-n", script).stderr == ""


def test_a_python_that_is_not_there_is_named() -> None:
    """Whoever has none reads what to do."""
    sought = call("tools/find-python", "3.99")

    assert (sought.returncode, sought.stdout) == (1, "")
    assert "no Python 3.99" in sought.stderr


# --- what is shipped ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, offline."""
    folder = tmp_path_factory.mktemp("wheel")
    built = call(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--no-index", "--wheel-dir", str(folder), str(ROOT)),
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("refused-*.whl")
    return path


def test_the_wheel_holds_every_module(wheel: Path) -> None:
    """What is in the source tree is in the wheel, and nothing of the tests is."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert packed == {
        name_of(path)
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_byte_code_is_there_from_the_start(wheel: Path, tmp_path: Path) -> None:
    """PYTHONDONTWRITEBYTECODE in somebody's environment does not slow every start."""
    installed = call(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"),
        *("--target", str(tmp_path), str(wheel)),
        PYTHONDONTWRITEBYTECODE="1",
    )

    assert installed.returncode == 0, installed.stderr
    for path in (tmp_path / "refused").rglob("*.py"):
        assert list((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")), path
