"""The journal can never be changed, so it holds no client's name: not in warnings, refusals, errors or decisions."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from app import create_app
from risk.disk import paths
from tests.conftest import FIVE_KEYS, HEADER, Project, table

NAME = "Müller-Lüdenscheid"  # in Unicode normal form C here; its twin is in form D
TWIN = "Mu\u0308ller-Lu\u0308denscheid"

FILES = {
    "twins": f"{HEADER}\n{NAME},1,2,3,0\n{TWIN},1,2,3,0\n",
    "no header": f"{NAME},1,2,3,0\n{NAME} 2,1,2,3,0\n",
    "a header among others": f'{HEADER},"{NAME}"\nc1,1,2,3,0,x\n',
    "a column that is not ours": f"{NAME}\n",
    "names under a number": HEADER + "\n" + f"c1,{NAME},2,3,0\n" * 30,
    "names as outcomes": f"{HEADER}\nc1,1,2,3,{NAME}\n",
    "too many fields": HEADER + "\n" + f"{NAME},1,2,3,0,9\n" * 3,
    "another separator": HEADER.replace(",", ";") + f"\n{NAME};1;2;3;0\n",
    "a quote that is never closed": f'{HEADER}\n"{NAME},1,2,3,0\n',
    "a control character": f"{HEADER}\n{NAME}\x07,1,2,3,0\n",
    "a name that is too long": f"{HEADER}\n{NAME * 400},1,2,3,0\n",
    "a header below": f"{NAME}\n{HEADER}\nc1,1,2,3,0\n",
    "a header twice": f'{HEADER},"{NAME}","{NAME}"\nc1,1,2,3,0,x,y\n',
    "Latin-1": f"{HEADER}\n{NAME},1,2,3,0\n".encode("latin-1"),
    "a good file": f"{HEADER}\n{NAME},1,2,3,0\n",
}


def holds_name(path: Path) -> bool:
    content = path.read_bytes().decode()
    return any(part in content for part in ("denscheid", "denscheid".upper(), "M\\u00fc", "Müller", "Mu\u0308ller"))


@pytest.mark.slow
def test_no_file_of_clients_brings_a_name_into_the_journal(deployed: Project) -> None:
    for number, content in enumerate(FILES.values()):
        deployed.drop(f"sourcedata/dataset{number + 2}.csv", content)

    said = deployed.run("fullprocess")
    deployed.run("ingestion")
    journal = deployed.root / "production_deployment" / paths.JOURNAL

    assert said.code == 4
    assert "denscheid" in deployed.text("models/snapshot.json")
    assert "denscheid" in deployed.text("ingesteddata/rejected.csv")
    assert not holds_name(journal)
    assert "denscheid" not in said.out


SHOWN = ["/", "/health", "/history", "/releases", "/diagnostics", "/releases/1/card", "/ready"]


@pytest.fixture
def elsewhere(project: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Path]:
    """Return a deployed project whose folders all lie elsewhere on the machine, and where."""
    home = tmp_path_factory.mktemp("machine") / "deep"
    names = {key: str(home / Path(name).name) for key, name in FIVE_KEYS.items()}
    for name in ("sourcedata", "testdata"):
        (home / name).mkdir(parents=True)
    project.configure(**names)
    (home / "sourcedata/dataset1.csv").write_text(table(400))
    (home / "testdata/testdata.csv").write_text(table(100, seed=9, first=90_000))
    assert project.run("fullprocess", whole=True).code == 0
    return project, home


def shown_by(project: Project, home: Path) -> dict[str, str]:
    """Return what the journal, the snapshot and the service show."""
    app = create_app(project.settings)
    client = app.test_client()
    told = {path: client.get(path).text for path in SHOWN}
    app.extensions["rooms"].watch.stop()
    papers = ("production_deployment/journal.jsonl", "models/snapshot.json", "models/apireturns.txt")
    return told | {name: (home / name).read_text() for name in papers}


def another_release_is_live(home: Path) -> None:
    shutil.copytree(
        next((home / "production_deployment/releases").iterdir()), home / "production_deployment/releases/9-ab"
    )
    (home / "production_deployment/current").unlink()
    (home / "production_deployment/current").symlink_to("releases/9-ab")


HARMS: dict[str, Callable[[Path], object]] = {
    "another release is live": another_release_is_live,
    "a client file": lambda home: (home / "sourcedata/dataset1.csv").write_text("x\n"),
    "no verdict": lambda home: (home / "models/verdict.json").unlink(),
    "the live model": lambda home: (home / "production_deployment/current/trainedmodel.pkl").write_text("x"),
    "the model on the desk": lambda home: (home / "models/trainedmodel.pkl").write_text("x"),
    "a test file": lambda home: (home / "testdata/testdata.csv").write_text("x\n"),
}


@pytest.mark.slow
def test_no_folder_of_the_machine_is_shown_by_journal_snapshot_and_service(
    elsewhere: tuple[Project, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    project, home = elsewhere
    kept = shutil.copytree(home, tmp_path_factory.mktemp("kept") / "home", symlinks=True)

    shown: dict[tuple[str, str], str] = {}
    for what, harm in HARMS.items():
        shutil.rmtree(home)
        shutil.copytree(kept, home, symlinks=True)
        harm(home)
        (home / "sourcedata/dataset2.csv").write_text(table(300, seed=2, first=5000, turned=True))
        for script in ("fullprocess", "deployment", "scoring"):
            project.run(script)
        shown |= {(what, name): text for name, text in shown_by(project, home).items()}

    told = [where for where, text in shown.items() for it in (home.parent, project.root) if f"{it}/" in text]
    assert told == []
    assert len(shown) == len(HARMS) * (len(SHOWN) + 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"source": {"url": "sqlite:///{far}/crm.db", "table": "clients", "watermark": "at"}},
        {"source": {"url": "postgresql://u@h/d", "table": "c", "watermark": "at", "password_file": "{far}/secret"}},
        {"server": {"token_file": "{far}/token"}},
    ],
)
def test_a_run_that_fails_over_a_file_outside_journals_no_folder_of_the_machine(
    project: Project, tmp_path_factory: pytest.TempPathFactory, settings: dict[str, dict[str, str]]
) -> None:
    pytest.importorskip("sqlalchemy")
    far = tmp_path_factory.mktemp("far")
    project.configure(**json.loads(json.dumps(settings).replace("{far}", str(far))))
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))
    project.drop("sourcedata/dataset1.csv", table(400))

    said = project.run("fullprocess", whole=True)
    journal = project.text("production_deployment/journal.jsonl")

    assert said.code in (1, 2)
    assert str(far) in said.err
    assert str(far.parent) not in journal
    assert '"outcome": "failed"' in journal


@pytest.mark.slow
def test_no_folder_of_the_machine_is_shown_before_the_first_run(project: Project, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    project.configure(input_folder_path=str(tmp_path / "far"))

    page = create_app(project.settings).test_client().get("/").text

    assert str(tmp_path) not in page
    assert "<code>far</code>" in page


def test_status_names_what_a_warning_counts_and_quotes_no_file(project: Project) -> None:
    project.configure(schema={"period": "month"})
    head = HEADER.replace(",", ",month,", 1)
    for month in ("2026-01", "2062-01"):
        project.drop(f"sourcedata/of{month}.csv", f"{head}\nc1,{month},1,2,3,0\n,,,,,\n")
    project.drop("sourcedata/twins.csv", f"{head}\n{NAME},2026-01,1,2,3,0\n{TWIN},2026-01,1,2,3,0\n")
    project.drop("sourcedata/wide.csv", f'{head},"{NAME}"\nc2,2026-01,1,2,3,0,x\nc2,2026-01,4,2,3,0,x\n')

    project.run("ingestion")
    shown = project.run("fullprocess", "--status").out

    assert "warning:  of2062-01.csv: month lies in the future in 1 row (the last: 2062-01)" in shown
    assert "warning:  of2026-01.csv: 1 blank line of separators is skipped" in shown
    assert "warning:  wide.csv: 1 row repeats a client and period" in shown
    assert "warning:  twins.csv: 1 client is told from another only by what cannot be seen" in shown
    assert "warning:  wide.csv: there is a warning; the report of the run says it" in shown
    assert "denscheid" not in shown.casefold()
    assert not holds_name(project.root / "production_deployment" / paths.JOURNAL)


def test_a_run_that_fails_over_a_row_names_no_client(deployed: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed.drop("sourcedata/dataset2.csv", f"{HEADER}\n{NAME},1,2,3,0\n")

    def fail(*_: object, **__: object) -> None:
        raise ValueError(f"could not convert {NAME!r}")

    monkeypatch.setattr("risk.lists.call_list.ranked", fail)
    said = deployed.run("fullprocess")

    assert said.code == 1
    assert not holds_name(deployed.root / "production_deployment" / paths.JOURNAL)


def test_what_a_database_says_of_a_row_stays_out_of_the_journal(project: Project) -> None:
    pytest.importorskip("sqlalchemy")
    with sqlite3.connect(project.root / "clients.db") as database:
        columns = ", ".join(f"{name} text" for name in HEADER.split(","))
        database.execute(f"create table clients ({columns}, updated_at text)")
        database.execute(f"insert into clients values ('{NAME}', '1', '2', '3', '0', '2026-01-01')")
    query = "select * from clients where json_extract('{}', corporation) is null"
    project.configure(source={"url": "sqlite:///clients.db", "query": query, "watermark": "updated_at"})

    said = project.run("fullprocess", whole=True)

    assert said.code == 1
    assert "denscheid" in said.err
    assert not holds_name(project.root / "production_deployment" / paths.JOURNAL)


@pytest.mark.slow
def test_a_reason_that_names_a_client_is_refused_and_not_kept(project: Project) -> None:
    project.drop("testdata/testdata.csv", table(200, seed=9, first=90_000))
    project.drop("sourcedata/dataset1.csv", table(400))
    project.run("ingestion")
    project.run("training")
    project.run("scoring")

    refused = project.run("deployment", "--force", "c00007 complained to the board")
    taken = project.run("deployment", "--force", "the board asked for it, see c000071")

    assert (refused.code, taken.code) == (2, 0)
    assert "names a client" in refused.err
    assert "c00007 " not in project.text("production_deployment/journal.jsonl")
