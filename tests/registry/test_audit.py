from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from risk.disk import files, journal, paths
from risk.registry import audit, releases
from tests.conftest import Project, Said, table

RELEASE = "production_deployment/current"
JOURNAL = "production_deployment/journal.jsonl"


def verify(project: Project) -> Said:
    return project.run("diagnostics", "--verify")


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


@pytest.mark.slow
def test_what_runs_have_written_is_sound(deployed: Project) -> None:
    deployed.drop("sourcedata/dataset2.csv", table(300, seed=2, first=1000, turned=True))
    assert deployed.run("fullprocess").code == 0
    deployed.run("training")
    deployed.run("scoring")
    assert deployed.run("deployment", "--force", "we must").code == 0
    assert deployed.run("deployment", "--rollback", "1").code == 0

    said = verify(deployed)

    assert (said.code, said.err) == (0, "")
    n_lines = len(deployed.text(JOURNAL).splitlines())
    n_releases = len(list((deployed.root / "production_deployment/releases").iterdir()))
    assert said.out.startswith(f"sound: {n_lines} lines")
    assert f"{n_releases} releases" in said.out


def test_an_empty_installation_is_sound(project: Project) -> None:
    assert verify(project).out.startswith("sound: 0 lines, 0 releases")


def test_verifying_writes_nothing(deployed: Project) -> None:
    before = deployed.seen()

    verify(deployed)

    assert deployed.seen() == before


@pytest.mark.parametrize(
    "name", [paths.MODEL, paths.CARD, paths.LEARNED_RISKS, paths.LATEST_SCORE, paths.VERDICT,
             paths.MANIFEST, paths.INGESTED_FILES, paths.MODEL_CARD],
)  # fmt: skip
def test_a_changed_or_missing_paper_of_a_release_is_named(deployed: Project, name: str) -> None:
    path = deployed.root / RELEASE / name
    content = path.read_bytes()

    path.write_bytes(content + b" ")
    changed = verify(deployed)
    path.unlink()
    missing = verify(deployed)

    assert (changed.code, missing.code) == (1, 1)
    assert f"{name}: its SHA-256 is not the one that" in changed.out
    assert f"{name}: the file is missing" in missing.out


def test_a_release_whose_papers_were_all_made_anew_differs_from_the_journal(deployed: Project) -> None:
    folder = deployed.root / RELEASE
    (folder / paths.MODEL).write_bytes(b"another model")
    digest = files.digest(b"another model")
    edit(folder / paths.CARD, lambda card: card.update(sha256=digest))
    edit(folder / paths.VERDICT, lambda verdict: verdict.update(model=digest))

    said = verify(deployed)

    assert f"{paths.MODEL}: its SHA-256 is not the one that the journal names" in said.out
    assert "it judges another model than the journal names" in said.out


def test_a_manifest_of_another_dataset_than_the_model_was_trained_on_is_named(deployed: Project) -> None:
    edit(deployed.root / RELEASE / paths.MANIFEST, lambda told: told.update(number=9))

    said = verify(deployed)

    assert "manifest.json: it is of dataset 9-" in said.out
    assert "but its model was of 1-" in said.out


def test_a_changed_line_of_the_journal_is_named_and_the_rest_is_verified_too(deployed: Project) -> None:
    path = deployed.root / JOURNAL
    path.write_text(path.read_text().replace('"forced": false', '"forced": true', 1))
    (deployed.root / RELEASE / paths.LATEST_SCORE).write_text("1.0\n")

    said = verify(deployed)

    assert said.code == 1
    assert "line 2: it does not follow" in said.out
    assert f"{paths.LATEST_SCORE}: its SHA-256" in said.out


def test_a_journal_that_is_no_json_is_one_fault(deployed: Project) -> None:
    with (deployed.root / JOURNAL).open("a") as file:
        file.write("not json\n")

    said = verify(deployed)

    assert said.code == 1
    assert "is not JSON" in said.out


def test_a_release_that_is_gone_or_that_no_line_tells_of_is_named(deployed: Project) -> None:
    shelf = deployed.root / "production_deployment/releases"
    next(shelf.iterdir()).rename(shelf / "7-abcabcabcabc")

    said = verify(deployed)

    assert "the release is missing" in said.out
    assert "7-abcabcabcabc: no line of the journal tells of this release" in said.out


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cut", "written anew"])
def test_a_journal_that_was_cut_or_written_anew_is_told_by_the_reports(deployed: Project, how: str) -> None:
    deployed.drop("sourcedata/dataset2.csv", table(30, seed=5, first=7_000))
    deployed.run("fullprocess")
    assert verify(deployed).code == 0
    path = deployed.root / JOURNAL
    records = [json.loads(line) for line in path.read_text().splitlines()]
    path.unlink()
    for record in records[:1] if how == "cut" else records:
        others = {key: value for key, value in record.items() if key != "previous"}
        journal.append(path, others | ({"user": "somebody else"} if how == "written anew" else {}))

    said = verify(deployed)

    assert journal.fault(path) is None
    assert f"journal.jsonl: it had {len(records) - 1} lines when report 2 was made" in said.out
    assert said.code == 1


def test_a_file_under_a_conventional_name_is_told_and_made_a_link_again(deployed: Project) -> None:
    path = deployed.root / "production_deployment/trainedmodel.pkl"
    path.unlink()
    path.write_bytes(b"foreign")

    assert f"{path}: it is not the link to what is current" in verify(deployed).out
    said = deployed.run("fullprocess")

    assert (said.code, path.is_symlink()) == (0, True)
    assert verify(deployed).code == 0


def test_the_report_names_the_last_line_of_the_journal(deployed: Project) -> None:
    lines = (deployed.root / JOURNAL).read_bytes().split(b"\n")[:-2]
    text = " ".join(page.extract_text() for page in PdfReader(deployed.root / "models/report.pdf").pages)

    assert f"the journal had {len(lines)} lines" in " ".join(text.split())
    assert hashlib.sha256(lines[-1]).hexdigest() in text


@pytest.mark.slow
def test_a_link_that_was_turned_by_hand_is_named(deployed: Project) -> None:
    production = deployed.root / "production_deployment"
    first = releases.name_of(production)
    releases.publish(production, "b" * 64, {}, {"action": "deploy", "model": "b" * 64})
    files.turn(production / "current", production / "releases" / str(first))

    faults = audit.check(production, deployed.root / "ingesteddata", deployed.root / "models/reports").faults
    status = deployed.run("fullprocess", "--status")
    deployed.drop("sourcedata/dataset2.csv", table(30, seed=5, first=7_000))
    deployed.run("fullprocess")

    assert (status.code, "warning:  " in status.out, f"it names {first}" in status.out) == (1, True, True)
    told = journal.runs(deployed.root / JOURNAL)[-1]["warnings"]
    assert any("but the journal's last deployment is 2-bbbbbbbbbbbb" in warning for warning in told)
    assert any(f"it names {first}, but the journal's last deployment is 2-bbbbbbbbbbbb" in fault for fault in faults)


@pytest.mark.parametrize("moved", [True, False])
def test_a_deployment_under_way_is_no_fault(deployed: Project, moved: bool) -> None:
    production = deployed.root / "production_deployment"
    (live,) = releases.all_of(production)
    journal.append(production / "journal.jsonl", {"kind": "intent", "action": "rollback", "release": live.name})
    if not moved:
        journal.append(production / "journal.jsonl", {"kind": "abandoned", "release": live.name})

    assert verify(deployed).code == 0


def test_a_release_of_an_older_program_is_verified_by_what_it_has(deployed: Project) -> None:
    path = deployed.root / JOURNAL
    records = [json.loads(line) for line in path.read_text().splitlines()]
    path.unlink()
    for record in records:
        journal.append(path, {key: it for key, it in record.items() if key not in ("papers", "previous")})
    (deployed.root / RELEASE / paths.MODEL_CARD).unlink()
    edit(deployed.root / "models/reports/1/snapshot.json", lambda told: told.pop("journal"))

    assert verify(deployed).code == 0


@pytest.mark.slow
def test_a_part_of_a_former_version_with_one_changed_byte_is_named(deployed: Project) -> None:
    (part,) = (deployed.root / "ingesteddata/parts").glob("*.parquet")
    deployed.drop("sourcedata/dataset1.csv", table(300, seed=3))
    assert deployed.run("fullprocess").code == 0
    content = bytearray(part.read_bytes())
    content[100] ^= 1
    part.write_bytes(bytes(content))

    changed = verify(deployed)
    part.unlink()
    missing = verify(deployed)

    assert f"{part.name}: its SHA-256 is not that of the manifest of 1-" in changed.out
    assert f"{part.name}: the part is missing" in missing.out


def test_a_version_under_another_name_and_a_torn_manifest_are_named(deployed: Project) -> None:
    (version,) = (deployed.root / "ingesteddata/versions").iterdir()
    edit(version / paths.MANIFEST, lambda told: told.update(input_folder="elsewhere"))
    renamed = verify(deployed)
    (version / paths.MANIFEST).write_text("{")

    torn = verify(deployed)

    assert f"{version.name}: its name is not that of its manifest" in renamed.out
    assert "manifest.json: it is missing, torn or of another program" in torn.out


@pytest.mark.parametrize("content", ["[]", "{}", '{"entries": 7}', '{"entries": [{}]}', "null", '"x"'])
def test_no_manifest_is_so_foreign_that_verifying_breaks(deployed: Project, content: str) -> None:
    (deployed.root / RELEASE / paths.MANIFEST).write_text(content)

    said = verify(deployed)

    assert said.code == 1
    assert "unexpected" not in said.err


def test_json_tells_counts_and_faults(deployed: Project) -> None:
    sound = deployed.run("diagnostics", "--verify", "--json").json
    (deployed.root / RELEASE / paths.MODEL_CARD).unlink()
    broken = deployed.run("diagnostics", "--verify", "--json").json

    assert (sound["sound"], sound["n_releases"], sound["faults"]) == (True, 1, [])
    assert not broken["sound"]
    assert len(broken["faults"]) == 1
