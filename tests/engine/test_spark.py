"""Spark beside DuckDB, on a real cluster of two workers: the same rows, refusals, counts, statistics, risks, list."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from risk.dataset._on_cluster import of_places
from risk.dataset.dataset import Dataset
from risk.dataset.manifest import Manifest
from risk.dataset.rated import rated
from risk.dataset.summary import facts_of
from risk.engine import _session, engines
from risk.registry import proven, releases
from tests import spark
from tests.conftest import Project, table
from tests.ingesting import current, ingest, rows_of
from tests.spark import Cluster

pytestmark = pytest.mark.extras

ROOT = Path(__file__).resolve().parents[2]
HEADER = "corporation,lastmonth_activity,lastyear_activity,number_of_employees,region,exited"
WITH_MONTH = HEADER.replace("corporation,", "corporation,month,")
FEATURES = {
    "lastmonth_activity": {"minimum": 0},
    "lastyear_activity": "numeric",
    "number_of_employees": "numeric",
    "region": "categorical",
}
PUBLISHED = ("finaldata.csv", "ingestedfiles.txt", "rejected.csv")


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    spark.need()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with spark.cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started
        _session.stop()


def clients(seed: int, n: int, *, period: bool = False, whole: bool = False) -> str:
    """A client file with duplicates, corrections, unlabelled twins and rows to refuse; a column may be whole in it."""
    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        month = f"{2025 + int(draw.integers(0, 2))}-{int(draw.integers(1, 7)):02d}," if period else ""
        amount = int(draw.integers(0, 5)) if whole else round(float(draw.lognormal(3, 2)), 3)
        year = "" if draw.random() < 0.1 else f"{float(draw.normal(0, 9)):.4f}"
        left = ("", "0", "1")[int(draw.choice(3, p=(0.3, 0.5, 0.2)))]
        region = ("North", "'s Süd", "", 'a ""b"" c')[int(draw.integers(0, 4))]
        region = f'"{region}"' if '"' in region else region
        rows.append(
            f"c{int(draw.integers(0, n // 2))},{month}{amount},{year},{int(draw.integers(0, 9))},{region},{left}"
        )
    key = "2025-01," if period else ""
    rows += [f"wide,{key}{9_007_199_254_740_993 if whole else 0.00001},,1,,0", *rows[: n // 20]]
    rows += [f"bad,{key}many,2,3,North,1", "short,1", f"gone,{key}1,2,3,North,2"]
    rows += ["later,2099-01,1,2,3,North,"] if period else []
    return "\n".join([WITH_MONTH if period else HEADER, *rows]) + "\n"


def configure(project: Project, cluster: Cluster | None, **schema: Any) -> None:
    """Write settings for DuckDB, or for a cluster that works on everything."""
    section = {"kind": "spark", "master": cluster.master, "from_mb": 0, "options": cluster.options} if cluster else {}
    project.configure(schema={"features": FEATURES, **schema}, engine=section)


def pair(root: Path, cluster: Cluster, **schema: Any) -> tuple[Project, Project]:
    """A project on DuckDB, and one on the cluster."""
    found = []
    for name, where in (("duckdb", None), ("spark", cluster)):
        (root / name).mkdir()
        found.append(Project(root / name))
        configure(found[-1], where, **schema)
    return found[0], found[1]


def told(project: Project, manifest: Manifest) -> dict[str, Any]:
    """All that a version says: bytes, counts, what became of each source, statistics; digests of rows in no order."""
    rows = rows_of(project, manifest)
    facts = ("digest", "n_read", "n_accepted", "n_refused", "n_labelled", "n_given", "n_future", "warnings")
    entries = [
        (it.path, it.state, it.n_duplicate, [[getattr(content, name) for name in facts] for content in it.contents])
        for it in manifest.entries
    ]
    published = {name: project.text(f"ingesteddata/{name}") for name in PUBLISHED}
    digests = sorted(pd.util.hash_pandas_object(rows.labelled().drop(columns="content"), index=False))
    contributions = rows.contributions() if project.settings.schema.period else {}
    return published | {
        "name": manifest.name, "counts": manifest.counts, "entries": entries, "digests": digests,
        "counted again": rows.counts(), "contributions": contributions, "summary": rows.summary(),
    }  # fmt: skip


def assert_alike(here: dict[str, Any], there: dict[str, Any]) -> None:
    for name in here:
        assert there[name] == here[name], name


@pytest.mark.parametrize("period", [False, True])
def test_both_engines_tell_the_same_to_the_last_digit(cluster: Cluster, tmp_path: Path, period: bool) -> None:
    schema = {"period": "month"} if period else {}
    both = pair(tmp_path, cluster, **schema)

    def drop(name: str, seed: int, **options: Any) -> None:
        for project in both:
            project.drop(f"sourcedata/{name}.csv", clients(seed, 900, period=period, **options))

    for seed in range(4):
        drop(f"a{seed}", seed, whole=seed % 2 == 0)
    first = [told(project, ingest(project).manifest) for project in both]
    drop("a1", 11)  # a file that changed, one that went, one that came
    drop("b", 12, whole=True)
    for project in both:
        (project.root / "sourcedata/a2.csv").unlink()
    second = [told(project, ingest(project).manifest) for project in both]

    assert_alike(*first)
    assert_alike(*second)
    pd.testing.assert_frame_equal(*(rows_of(project).labelled(200) for project in both))  # a sample
    assert first[0]["counts"] != second[0]["counts"]
    assert first[0]["rejected.csv"].count("\n") > 8


def test_sums_are_exact_and_medians_are_equal_on_both(cluster: Cluster, tmp_path: Path) -> None:
    here, there = pair(tmp_path, cluster)
    for project in (here, there):
        for seed in range(3):
            project.drop(f"sourcedata/a{seed}.csv", clients(seed, 700, whole=seed == 0))
        ingest(project)
    rows, others = rows_of(here), rows_of(there)
    numbers = [column.name for column in rows.schema.columns if column.kind == "number"]

    facts = facts_of(rows._rows, numbers, rows._with_outcome())

    found = _engine(others).facts(of_places(others._places), others.schema, others.parts, distinct=False)
    assert found == facts
    assert all(it.total.n > 0 and it.median is not None for it in facts.numbers.values())


def _engine(rows: Dataset) -> engines.Cluster:
    found = engines.cluster(rows.schema, (rows.parts / name for name in rows.manifest.parts))
    assert found is not None
    return found


@pytest.mark.parametrize("period", [False, True])
def test_risks_and_the_list_are_equal(cluster: Cluster, tmp_path: Path, period: bool) -> None:
    schema = {"period": "month"} if period else {}
    here = Project(tmp_path)
    configure(here, None, **schema)
    for seed in range(3):
        here.drop(f"sourcedata/a{seed}.csv", clients(seed, 900, period=period))
    here.drop("testdata/test.csv", clients(9, 300, period=period))
    assert here.run("fullprocess").code == 0
    release = releases.current(here.settings.production)
    assert release is not None
    scored = proven.opened(here.settings.production, release, here.settings.own)
    said = here.run("reporting")
    lists = {name: here.text(f"models/{name}") for name in ("calllist.csv", "clientrisks.csv")}
    frame, risks = rated(rows_of(here), scored.risks, is_portable=True)

    configure(here, cluster, **schema)
    others, rates = rated(rows_of(here), scored.risks, is_portable=True)
    again = here.run("reporting")

    pd.testing.assert_frame_equal(others, frame)
    np.testing.assert_array_equal(np.round(rates, 12), np.round(risks, 12))
    assert (said.code, again.code) == (0, 0), again.err
    assert {name: here.text(f"models/{name}") for name in lists} == lists


# --- many files: both workers, and kills in the middle ----------------------------------------------------------------


@pytest.fixture
def backlog(cluster: Cluster, tmp_path: Path) -> tuple[Project, Project]:
    """Two projects with a backlog of files that take a while, because each has to be read row by row."""
    here, there = pair(tmp_path, cluster)
    quoted = clients(3, 60_000).replace("North", '"North"')
    for project in (here, there):
        for number in range(6):
            project.drop(f"sourcedata/a{number}.csv", quoted.replace("\nc", f"\n{number}c"))
    return here, there


def start(project: Project) -> subprocess.Popen[bytes]:
    """Start an ingestion in a process of its own."""
    words = [sys.executable, str(ROOT / "ingestion.py"), "--config", str(project.root / "config.json")]
    with (project.root / "log.txt").open("wb") as log:
        return subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)


def is_reading(project: Project) -> bool:
    return any((project.root / "ingesteddata/parts").glob(".unfinished*/*"))


def stop(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def published(project: Project) -> list[str]:
    return [project.text(f"ingesteddata/{name}") for name in PUBLISHED]


def test_a_backlog_is_read_by_both_workers(cluster: Cluster, backlog: tuple[Project, Project]) -> None:
    here, there = backlog

    manifests = [ingest(project).manifest for project in (here, there)]

    session = _session.session(there.settings.engine)
    page = f"{session.sparkContext.uiWebUrl}/api/v1/applications/{session.sparkContext.applicationId}/executors"
    tasks = {it["id"]: it["completedTasks"] for it in spark.answer(page) if it["id"] != "driver"}
    assert len(tasks) == 2
    assert min(tasks.values()) > 0
    assert published(there) == published(here)
    assert manifests[0].counts == manifests[1].counts


def test_a_driver_that_is_killed_commits_nothing_and_the_next_run_goes_on(
    cluster: Cluster, backlog: tuple[Project, Project]
) -> None:
    here, there = backlog
    ingest(here)
    _session.stop()  # its executors hold all cores

    driver = start(there)
    spark.until(lambda: is_reading(there), "the reading")
    stop(driver)

    assert not (there.root / "ingesteddata/current").exists()
    assert start(there).wait() == 0, there.text("log.txt")
    assert published(there) == published(here)
    assert not list((there.root / "ingesteddata/parts").glob(".unfinished*"))


def test_a_worker_that_is_killed_changes_nothing(cluster: Cluster, backlog: tuple[Project, Project]) -> None:
    here, there = backlog
    ingest(here)
    _session.stop()

    driver = start(there)
    spark.until(lambda: is_reading(there), "the reading")
    cluster.kill("worker1")
    code = driver.wait()

    if code:
        assert not (there.root / "ingesteddata/current").exists()
        assert start(there).wait() == 0, there.text("log.txt")
    assert published(there) == published(here)
    assert current(there).counts == current(here).counts


def test_a_cluster_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    project = Project(tmp_path)
    options = {"spark.cores.max": "1", "spark.rpc.askTimeout": "5s"}
    project.configure(engine={"kind": "spark", "master": "spark://127.0.0.1:1", "from_mb": 0, "options": options})
    project.drop("sourcedata/a.csv", table(30))

    driver = start(project)

    assert driver.wait() == 1, project.text("log.txt")
    assert "engine: the Spark cluster did not finish its work (" in project.text("log.txt")
    assert not (project.root / "ingesteddata/current").exists()
