"""The choice of the engine: DuckDB imports nothing of Spark, and Spark without its packages is one clear sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from risk.engine import engines
from risk.engine._backlog import AT_ONCE, grouped
from risk.engine.cluster import on_this_machine
from risk.errors import ConfigError
from risk.reading.erased import NOBODY, Erased
from risk.reading.reader import Source
from tests.conftest import Project, table

ROOT = Path(__file__).resolve().parents[2]
ON_SPARK = {"kind": "spark", "master": "local[1]"}


@pytest.fixture
def without_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the package unreachable, whether it is installed or not."""
    monkeypatch.setitem(sys.modules, "pyspark", None)


@pytest.mark.usefixtures("without_spark")
@pytest.mark.parametrize("from_mb", [0, 1000])
def test_spark_without_its_package_is_one_sentence_and_nothing_is_committed(project: Project, from_mb: int) -> None:
    project.configure(engine=ON_SPARK | {"from_mb": from_mb})
    project.drop("sourcedata/a.csv", table(20))

    said = project.run("ingestion")

    assert said.code == 2
    assert "key 'engine.kind' is 'spark', but the package pyspark is not installed. Nothing was changed." in said.err
    assert "make spark" in said.err
    assert not (project.root / "ingesteddata/current").exists()


@pytest.mark.usefixtures("without_spark")
def test_once_a_client_was_erased_files_are_read_here_for_no_worker_is_told_whom_to_refuse(project: Project) -> None:
    project.configure(engine=ON_SPARK | {"from_mb": 0})
    project.drop("sourcedata/a.csv", table(20))
    sources = [Source("a.csv", project.root / "sourcedata/a.csv")]

    read = engines.reading(project.settings.schema, sources, erased := Erased(b"k" * 32, frozenset({"d"})))

    assert getattr(read, "keywords", None) == {"erased": erased}
    with pytest.raises(ConfigError):  # the cluster is asked otherwise, also beside a register of nobody
        engines.reading(project.settings.schema, sources, Erased(b"k" * 32))
    with pytest.raises(ConfigError):
        engines.reading(project.settings.schema, sources, NOBODY)


def test_connect_names_the_package_that_it_needs_beside(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyspark", "pyarrow", "grpc"):
        monkeypatch.setitem(sys.modules, name, None)
    project.configure(engine={"kind": "spark", "master": "sc://localhost:1"})
    project.drop("sourcedata/a.csv", table(20))

    assert project.run("ingestion").code == 2


@pytest.mark.slow
def test_a_run_on_duckdb_imports_nothing_of_spark(project: Project) -> None:
    project.drop("sourcedata/a.csv", table(20))
    code = (
        "import runpy, sys\ntry:\n    runpy.run_path('ingestion.py', run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "found = [it for it in sys.modules if it.startswith(('pyspark', 'py4j', 'risk.engine.'))]\n"
        "assert set(found) == {'risk.engine.engines', 'risk.engine.cluster'}, found"
    )
    words = ["--config", str(project.root / "config.json")]

    said = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True)

    assert said.returncode == 0, said.stderr


def test_small_files_are_read_together_and_the_largest_first(tmp_path: Path) -> None:
    sizes = [10, 20, AT_ONCE, 5, AT_ONCE + 1, 7]
    sources = [Source(f"{place}.csv", tmp_path / f"{place}.csv") for place in range(len(sizes))]
    for source, size in zip(sources, sizes, strict=True):
        source.path.write_bytes(b"x" * size)

    found = grouped(sources)

    assert [[place for place, _ in group] for group in found] == [[4], [2], [0, 1], [5], [3]]
    assert all(source is sources[place] for group in found for place, source in group)


def test_a_file_that_is_gone_is_still_read_by_a_worker_who_says_so(tmp_path: Path) -> None:
    gone = Source("gone.csv", tmp_path / "gone.csv")

    assert grouped([gone]) == (((0, gone),),)


@pytest.mark.usefixtures("without_spark")
def test_what_is_thrown_away_is_worked_on_here_whatever_the_engine(project: Project) -> None:
    project.configure(engine=ON_SPARK | {"from_mb": 0})
    project.drop("sourcedata/a.csv", table(40))

    said = project.run("fullprocess", "--dry-run")

    assert said.code == 0, said.err
    assert "40 labelled rows" in said.out


def test_a_worker_is_told_neither_of_the_cluster_nor_of_its_options(project: Project) -> None:
    project.configure(engine=ON_SPARK | {"options": {"spark.hadoop.fs.s3a.secret.key": "geheim"}})
    schema = project.settings.schema

    found = on_this_machine(schema)

    assert (found.identity, found.columns) == (schema.identity, schema.columns)
    assert "geheim" not in repr(vars(found))
    assert "geheim" in repr(vars(schema))
