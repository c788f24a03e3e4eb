"""The house under test: the laws of docs/explanation/architecture.md, sizes, names, and what a script's head says."""

from __future__ import annotations

import ast
import importlib
import re
import statistics
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from risk import command
from risk.disk import paths
from tests.conftest import Project, table

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = {path.stem: path for path in sorted(ROOT.glob("*.py"))}
ROOMS = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sorted((ROOT / "risk").rglob("*.py"))}
MODULES = SCRIPTS | ROOMS
TESTS = sorted((ROOT / "tests").rglob("*.py"))

GROUND = ("risk", "settings", "disk")  # seen by all but the pure two
PURE = ("modeling", "drift")  # arrays and values in, frozen results out
# each sees what is before it
ROW = ("", "reading", "engine", "dataset", "proposal", "registry", "decision", "backtest", "lists", "report", "service")
MAY_IMPORT = {
    "fullprocess": {"apicalls", "deployment", "diagnostics", "ingestion", "reporting", "scoring", "training"},
    "reporting": {"diagnostics"},
    "wsgi": {"app"},
    "apicalls": {"app"},
}
GATHERING = ("risk.report.accounts", "risk.report.status", "risk.report.subject", "risk.report.erase_command")
FILES = {"duckdb", "io.open", "os", "pathlib", "risk.disk.files", "shutil", "subprocess", "tempfile"}
LINES = 39_406


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text())


@cache
def imported(name: str) -> frozenset[str]:
    """Return what a module imports anywhere in it: lazily, and for types, too."""
    found: set[str] = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def functions(name: str) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree(name)) if isinstance(node, ast.FunctionDef))


def lines(node: ast.FunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def head(name: str) -> str:
    return ast.get_docstring(tree(name)) or ""


def size(path: Path) -> int:
    return len(path.read_text().splitlines())


# --- the law ----------------------------------------------------------------------------------------------------------


def package(room: str) -> str:
    """Return the package of a file in risk/, a blank text for the ground."""
    return ROOMS[room].parent.name if ROOMS[room].parent.name not in GROUND else ""


def may_import(room: str, other: str) -> bool:
    here, there = package(room), package(other)
    if here == there:
        return True
    if other.rpartition(".")[2].startswith("_") or there == "simulation":
        return False
    if here in PURE:
        return other in ("risk.errors", "risk.text") or there in PURE[: PURE.index(here)]
    if there in PURE:
        return here != ""
    return here == "simulation" or ROW.index(there) < ROW.index(here)


@pytest.mark.parametrize("room", ROOMS)
def test_a_file_imports_the_ground_the_pure_two_and_packages_to_its_left(room: str) -> None:
    others = imported(room) & set(MODULES)
    relative = [node for node in ast.walk(tree(room)) if isinstance(node, ast.ImportFrom) and node.level]

    assert not relative
    assert not [other for other in others if other in SCRIPTS or not may_import(room, other)]


def test_a_package_defines_its_subject_and_imports_nothing() -> None:
    faces = [name for name, path in ROOMS.items() if path.name == "__init__.py"]

    assert not [name for name in faces if imported(name) or len(head(name)) < 40]


def test_no_import_goes_in_a_circle() -> None:
    waiting = {name: set(imported(name) & set(MODULES)) - {name} for name in MODULES}

    while free := [name for name, needs in waiting.items() if not needs]:
        waiting = {name: needs - set(free) for name, needs in waiting.items() if name not in free}

    assert not waiting


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_imports_only_the_scripts_it_may(name: str) -> None:
    assert imported(name) & set(SCRIPTS) <= MAY_IMPORT.get(name, set())


@pytest.mark.parametrize("room", [room for room in ROOMS if package(room) and room not in GATHERING])
def test_below_the_scripts_only_what_gathers_for_people_takes_all_settings(room: str) -> None:
    whole = re.compile(r"\bSettings\b")
    told = [node.annotation for node in ast.walk(tree(room)) if isinstance(node, ast.arg | ast.AnnAssign)]

    assert not [it for it in told if it and whole.search(ast.unparse(it))]


@pytest.mark.parametrize("room", [room for room in ROOMS if package(room) in PURE])
def test_a_file_of_a_pure_package_touches_no_files(room: str) -> None:
    calls = [node.func for node in ast.walk(tree(room)) if isinstance(node, ast.Call)]

    assert not imported(room) & FILES
    assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "open"]


@pytest.mark.parametrize("name", ["app", *(room for room in ROOMS if package(room) == "service")])
def test_the_service_decides_nothing_and_reads_no_dataset(name: str) -> None:
    others = {package(other) for other in imported(name) & set(ROOMS) - {"risk.dataset.outcomes", "risk.dataset"}}

    assert not others & {"dataset", "decision", "drift", "backtest"}


@pytest.mark.parametrize("name", MODULES)
def test_a_file_holds_one_idea(name: str) -> None:
    assert size(MODULES[name]) <= 250


def test_a_class_name_exists_once() -> None:
    names = [node.name for name in MODULES for node in ast.walk(tree(name)) if isinstance(node, ast.ClassDef)]

    assert not {name for name in names if names.count(name) > 1}


def test_functions_are_short() -> None:
    lengths = sorted(lines(node) for name in MODULES for node in functions(name))

    assert statistics.median(lengths) <= 10
    assert lengths[len(lengths) * 9 // 10] <= 35


def test_the_code_does_not_grow_unnoticed() -> None:
    assert sum(size(path) for path in MODULES.values()) <= LINES


def test_the_whole_process_fits_one_screen() -> None:
    (found,) = (node for node in functions("fullprocess") if node.name == "full_process")

    assert lines(found) <= 45


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != "wsgi"])
def test_a_scripts_head_says_what_it_reads_and_writes(name: str) -> None:
    assert re.search(r"\bReads: +\S", head(name))
    assert re.search(r"\bWrites: +\S", head(name))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_named_for_what_it_holds(name: str) -> None:
    assert not set(re.split(r"[._]", name)) & {"utils", "util", "common", "helpers", "helper", "core", "misc"}


@pytest.mark.parametrize("room", [room for room in ROOMS if package(room)])
def test_a_file_of_a_package_prints_nothing(room: str) -> None:
    calls = [node.func for node in ast.walk(tree(room)) if isinstance(node, ast.Call)]

    assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]


def test_a_test_file_has_a_name_of_its_own() -> None:
    names = [path.name for path in TESTS if path.name.startswith("test_")]

    assert not {name for name in names if names.count(name) > 1}


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_a_test_is_named_by_a_sentence(path: Path) -> None:
    names = re.findall(r"^ *def test_(\w+)", path.read_text(), re.MULTILINE)

    assert not [name for name in names if len(name.split("_")) < 3]


def test_no_file_names_a_folder_of_one_machine() -> None:
    tracked = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    foreign = re.compile(r"(?<![\w.{}])/" + r"(?:home|root|work|Users|farm)/\w")

    paths = [ROOT / name for name in tracked.stdout.splitlines() if not name.endswith((".csv", ".lock"))]
    found = [path.name for path in paths if path.is_file() and foreign.search(path.read_text(errors="replace"))]

    assert paths
    assert not found


# --- a stage writes only where its head says --------------------------------------------------------------------------

FOLDERS = {
    "output_folder_path": "ingesteddata",
    "output_model_path": "models",
    "folder of the models": "models",
    "prod_deployment_path": "production_deployment",
    "journal.jsonl": "production_deployment",
}
STAGES = ("ingestion", "training", "scoring", "deployment", "reporting", "diagnostics", "apicalls")
OF_EVERY_RUN = {f"production_deployment/{name}" for name in (paths.JOURNAL, paths.LOCK)}


def promised(name: str) -> set[str]:
    """Return the folders in which the head of a script says that it writes."""
    writes = " ".join(head(name).partition("Writes:")[2].split())
    return {folder for words, folder in FOLDERS.items() if words in writes}


def state(root: Path) -> dict[str, tuple[int, int, int]]:
    """Return inode, mtime and size of every file and link below a folder."""
    found = [path for path in root.rglob("*") if path.is_symlink() or path.is_file()]
    seen = [(path, path.lstat()) for path in found]
    return {str(path.relative_to(root)): (at.st_ino, at.st_mtime_ns, at.st_size) for path, at in seen}


def changes(project: Project, work: Callable[[], object]) -> set[str]:
    """Return the names below the project that came, went or changed during some work that went well."""
    before = state(project.root)
    said = work()
    after = state(project.root)
    assert getattr(said, "code", 0) == 0, said
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


@pytest.fixture
def company(project: Project) -> Project:
    """A project with enough clients for a model, and its test data."""
    project.drop("sourcedata/clients.csv", table(400))
    project.drop("testdata/testdata.csv", table(100, seed=1, first=5000))
    return project


@pytest.mark.slow
def test_a_stage_writes_only_below_the_folders_that_its_head_names(company: Project) -> None:
    for name in STAGES:
        changed = changes(company, lambda name=name: company.run(name))  # type: ignore[misc]

        outside = {it for it in changed - OF_EVERY_RUN if it.split("/")[0] not in promised(name)}
        assert not outside, name
        assert changed or name == "diagnostics", name


def test_a_stage_of_the_whole_process_does_not_write_the_journal_itself(company: Project) -> None:
    run = command.run_of(company.settings, "fullprocess")

    for name, act in {"ingestion": "ingest", "training": "train", "scoring": "judge"}.items():
        work = getattr(importlib.import_module(name), act)
        changed = changes(company, lambda work=work: work(company.settings, run))  # type: ignore[misc]
        assert changed, name
        assert not changed & OF_EVERY_RUN, name


@pytest.mark.slow
def test_the_whole_process_writes_only_below_its_three_folders(company: Project) -> None:
    changed = changes(company, lambda: company.run("fullprocess"))

    assert {name.split("/")[0] for name in changed} == {"ingesteddata", "models", "production_deployment"}


@pytest.mark.slow
def test_a_practice_run_writes_only_below_the_practice_models(company: Project) -> None:
    company.drop("practicedata/clients.csv", table(400, seed=2))

    changed = changes(company, lambda: company.run("fullprocess", "--practice"))

    assert {name.split("/")[0] for name in changed} == {"practicemodels"}


@pytest.mark.slow
def test_a_question_writes_nothing(company: Project) -> None:
    company.run("fullprocess")
    company.drop("sourcedata/more.csv", table(100, seed=3, first=1000))
    questions = [("fullprocess", "--status"), ("fullprocess", "--dry-run"), ("deployment", "--list")]
    questions += [("scoring", "--production"), ("ingestion", "--rejected"), ("diagnostics", "--json")]

    for name, word in questions:
        assert not changes(company, lambda name=name, word=word: company.run(name, word)), word  # type: ignore[misc]
