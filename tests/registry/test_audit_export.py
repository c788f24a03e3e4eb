"""The audit export: whoever changes, drops, adds or swaps anything in it is found by a bare Python elsewhere."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from risk.disk import files, paths
from risk.registry import audit_export, verify_export
from tests.conftest import Installations, Project, Said, table

JOURNAL = "production_deployment/journal.jsonl"


def history(project: Project) -> None:
    """Leave a real history: two runs, a refused file, refused rows, a forced deployment and a rollback."""
    project.drop("sourcedata/dataset1.csv", table(300))
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))
    assert project.run("fullprocess").code == 0
    project.drop("sourcedata/broken.csv", "c77777\nc77778\n")
    bad = table(300, seed=2, first=1000, turned=True) + "c88888,abc,1,1,0\nc88889,,,,perhaps\n"
    project.drop("sourcedata/dataset2.csv", bad)
    assert project.run("fullprocess").code in (0, 4)
    project.run("training")
    project.run("scoring")
    assert project.run("deployment", "--force", "we must").code == 0
    assert project.run("deployment", "--rollback", "1").code == 0


@pytest.fixture
def company(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(history, tmp_path)


def export(project: Project, name: str = "audit.zip") -> Said:
    said = project.run("diagnostics", "--audit-export", str(project.root / name), "--json")
    assert said.code == 0, said.err
    return said


def unpacked(project: Project, name: str = "audit.zip") -> Path:
    """Return the folder that the export was unpacked into, outside the project."""
    folder = project.root.parent / f"{project.root.name}-auditor" / Path(name).stem
    with zipfile.ZipFile(project.root / name) as packed:
        packed.extractall(folder)
    return folder


def verify(place: Path, *hashes: str, by: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the verifier of an export by a bare Python in a folder of its own."""
    program = by or place / "verify.py"
    words = [sys.executable, "-I", "-S", str(program), str(place), *hashes]
    return subprocess.run(words, capture_output=True, text=True, cwd=program.parent, env={}, check=False)


def faults(place: Path) -> list[str]:
    """Return what the verifier finds; what it cannot even read is a fault too."""
    try:
        return verify_export.faults(place, [], [])
    except Exception as error:
        return [repr(error)]


def forged(folder: Path, change: Callable[[list[bytes]], object]) -> None:
    """Change the lines of the journal, and all digests of the export so that they fit."""
    path = folder / JOURNAL
    lines = path.read_bytes().split(b"\n")[:-1]
    change(lines)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    fitted(folder, journal={"lines": len(lines), "sha256": files.digest(lines[-1])})


def fitted(folder: Path, journal: dict[str, object] | None = None, **kept: str | None) -> None:
    """Make all digests of the export fit its members, and name others of what is `kept` (None: it is named no more)."""
    told = json.loads((folder / "digests.json").read_bytes())
    found = (path for path in folder.rglob("*") if path.is_file() and path.name not in ("digests.json", "seal.txt"))
    told["members"] = {path.relative_to(folder).as_posix(): files.digest_file(path) for path in found}
    told["journal"] |= journal or {}
    told["kept"] |= {name: digest for name, digest in told["members"].items() if name in told["kept"]} | kept
    told["kept"] = {name: digest for name, digest in told["kept"].items() if digest}
    (folder / "digests.json").write_bytes(files.as_json(told))
    (folder / "seal.txt").write_text(files.digest_file(folder / "digests.json"))


def test_a_bare_python_outside_the_project_finds_an_export_sound(company: Project) -> None:
    told = export(company).json
    folder = unpacked(company)
    own = shutil.copy(folder / "verify.py", company.root.parent / "own-verify.py")

    for place in (folder, company.root / "audit.zip"):
        said = verify(place, told["last_line"], told["seal"], by=Path(own))
        assert (said.returncode, said.stderr, said.stdout) == (0, "", "")
    assert verify(folder).returncode == 0
    assert told["lines"] == len(company.text(JOURNAL).splitlines())


def test_the_verifier_is_short_and_needs_nothing_of_ours(company: Project) -> None:
    text = audit_export.VERIFIER.read_text()

    assert len(text.splitlines()) <= 40
    assert "risk" not in text
    assert {
        line.split()[1] for line in text.splitlines() if line.startswith(("import", "from"))
    } <= sys.stdlib_module_names


def test_it_holds_what_proves_every_decision(company: Project) -> None:
    export(company)

    with zipfile.ZipFile(company.root / "audit.zip") as packed:
        names = set(packed.namelist())
        told = json.loads(packed.read("digests.json"))
    releases = [it.name for it in (company.root / "production_deployment/releases").iterdir()]
    versions = [it.name for it in (company.root / "ingesteddata/versions").iterdir()]
    assert len(releases) >= 2
    for name in releases:
        assert f"manifests/release-{name}.json" in names
        for paper in (paths.CARD, paths.VERDICT, paths.MODEL_CARD, paths.LATEST_SCORE):
            assert f"production_deployment/releases/{name}/{paper}" in names
    assert {f"manifests/dataset-{name}.json" for name in versions} <= names
    on_disk = {
        f"{top}/{path.relative_to(company.root / top)}": files.digest_file(path)
        for top in ("ingesteddata", "models", "production_deployment")
        for path in (company.root / top).rglob("*")
        if path.is_file() and not path.is_symlink() and "current" not in path.relative_to(company.root / top).parts
    }
    left_out = {f"production_deployment/{name}" for name in (paths.LOCK, paths.TICK)}
    assert told["kept"].keys() | {JOURNAL} | left_out >= on_disk.keys()
    assert {name: on_disk[name] for name in told["kept"]} == told["kept"]


def test_an_equal_state_gives_equal_bytes_and_nothing_is_written_beside(company: Project) -> None:
    before = company.seen()

    export(company)
    os.utime(company.root / "production_deployment/journal.jsonl", (0, 0))
    export(company, "again.zip")

    assert (company.root / "audit.zip").read_bytes() == (company.root / "again.zip").read_bytes()
    assert company.seen().keys() - before.keys() == {"audit.zip", "again.zip"}
    assert all(company.seen()[name] == content for name, content in before.items())


def test_it_names_no_client_and_quotes_no_row(company: Project) -> None:
    export(company)

    with zipfile.ZipFile(company.root / "audit.zip") as packed:
        content = b"\n".join(packed.read(name) for name in packed.namelist())
    clients = {line.split(",")[0] for line in company.text("sourcedata/dataset2.csv").splitlines()[1:]}
    assert len(clients) > 300
    assert not [name for name in (*clients, "c77777", "c77778", "perhaps") if name.encode() in content]


@pytest.mark.slow
def test_each_of_a_thousand_changed_bytes_is_found(company: Project) -> None:
    export(company)
    folder, draw = unpacked(company), random.Random(17)
    members = sorted(path for path in folder.rglob("*") if path.is_file())
    sizes = [path.stat().st_size for path in members]

    missed = []
    for path in draw.choices(members, sizes, k=900) + draw.choices(members, k=100):
        content = path.read_bytes()
        at = draw.randrange(len(content))
        path.write_bytes(content[:at] + bytes([content[at] ^ draw.randrange(1, 256)]) + content[at + 1 :])
        missed += [] if faults(folder) else [f"{path} at {at}"]
        path.write_bytes(content)

    assert not missed
    assert not faults(folder)


@pytest.mark.slow
def test_each_of_a_thousand_changed_bytes_of_the_zip_is_found(company: Project) -> None:
    export(company)
    path, draw = company.root / "audit.zip", random.Random(18)
    content = path.read_bytes()

    missed = []
    for at in [*(draw.randrange(len(content)) for _ in range(900)), *range(len(content) - 100, len(content))]:
        path.write_bytes(content[:at] + bytes([content[at] ^ draw.randrange(1, 256)]) + content[at + 1 :])
        missed += [] if faults(path) else [at]

    assert not missed


@pytest.mark.slow
def test_every_line_that_is_dropped_added_or_swapped_is_found_though_all_digests_fit(company: Project) -> None:
    told = export(company).json
    whole = unpacked(company)
    n_lines = told["lines"]

    def found(change: Callable[[list[bytes]], object]) -> list[str]:
        folder = whole.with_name("forged")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        forged(folder, change)
        return verify_export.faults(folder, [told["last_line"]], [])

    assert not found(lambda lines: None)
    for n in range(n_lines):
        assert found(lambda lines, n=n: lines.pop(n)), f"dropped {n}"  # type: ignore[misc]
        assert found(lambda lines, n=n: lines.insert(n, lines[n])), f"doubled {n}"  # type: ignore[misc]
        for m in range(n):
            assert found(lambda lines, n=n, m=m: lines.insert(m, lines.pop(n))), f"{n} before {m}"  # type: ignore[misc]


def test_a_member_that_is_added_dropped_or_swapped_is_found(company: Project) -> None:
    export(company)
    folder = unpacked(company)
    members = sorted(path for path in folder.rglob("*") if path.is_file())

    (folder / "more.txt").write_text("")
    assert faults(folder)
    (folder / "more.txt").unlink()
    for path, other in pairwise(members):
        content, others = path.read_bytes(), other.read_bytes()
        path.unlink()
        assert faults(folder), path
        path.write_bytes(others)
        other.write_bytes(content)
        assert faults(folder) or content == others, path
        path.write_bytes(content)
        other.write_bytes(others)
    assert not faults(folder)


RELEASES = "production_deployment/releases"


@pytest.mark.parametrize("paper", [paths.VERDICT, paths.CARD, paths.MODEL_CARD, paths.LATEST_SCORE])
def test_papers_of_two_releases_that_are_swapped_are_found_by_the_last_line_alone(company: Project, paper: str) -> None:
    last_line = export(company).json["last_line"]
    folder = unpacked(company)
    one, other = sorted(folder.glob(f"{RELEASES}/*/{paper}"))[:2]
    content, others = one.read_bytes(), other.read_bytes()
    assert content != others

    one.write_bytes(others)
    other.write_bytes(content)
    fitted(folder)

    told = verify_export.faults(folder, [last_line], [])
    assert [f"/{paper}: not as its line tells" in it for it in told] == [True, True]


def test_models_of_two_releases_that_are_swapped_are_found_by_the_last_line_alone(company: Project) -> None:
    last_line = export(company).json["last_line"]
    folder = unpacked(company)
    kept = json.loads((folder / "digests.json").read_bytes())["kept"]
    one, other = sorted(name for name in kept if name.startswith(RELEASES) and name.endswith(paths.MODEL))[:2]

    for change in ({one: kept[other], other: kept[one]}, {one: None}):
        fitted(folder, **change)
        assert f"{one}: not as its line tells" in verify_export.faults(folder, [last_line], [])


def test_what_no_line_of_the_journal_tells_is_found_by_the_seal(company: Project) -> None:
    told = export(company).json
    whole = unpacked(company)

    for path in [*whole.glob("manifests/*.json"), *whole.glob("models/*.json")]:
        folder = whole.with_name("forged")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        (folder / path.relative_to(whole)).write_text("{}")
        fitted(folder)
        assert verify_export.faults(folder, [told["last_line"], told["seal"]], []), path


def test_a_zip_whose_members_are_in_another_order_is_found(company: Project) -> None:
    export(company)
    path = company.root / "audit.zip"
    with zipfile.ZipFile(path) as packed:
        members = [(info, packed.read(info)) for info in packed.infolist()]

    with zipfile.ZipFile(path, "w") as packed:
        for info, content in reversed(members):
            packed.writestr(info, content)

    assert faults(path) == ["the zip was changed around its members"]


@pytest.mark.slow
def test_papers_that_an_erasure_rewrote_are_those_that_its_line_tells(company: Project) -> None:
    assert company.run("ingestion", "--erase", "c00007", "--reason", "request 7").code == 0

    last_line = export(company).json["last_line"]

    assert '"replaced": {"' in company.text(JOURNAL)
    assert verify(company.root / "audit.zip", last_line, by=audit_export.VERIFIER).returncode == 0


def test_a_release_that_is_forged_with_all_digests_of_the_export_is_found_by_the_journal(company: Project) -> None:
    verdict = next((company.root / "production_deployment/releases").glob("1-*")) / paths.VERDICT
    verdict.write_text(verdict.read_text().replace('"deploy": true', '"deploy": false'))

    export(company)

    assert any("verdict.json: not as its line tells" in it for it in faults(unpacked(company)))


def test_a_history_that_is_rewritten_whole_is_found_only_by_the_hash_that_was_kept(company: Project) -> None:
    kept = export(company).json["last_line"]
    path, previous, lines = company.root / JOURNAL, "0" * 64, []
    for line in path.read_bytes().splitlines():
        record = json.loads(line) | {"previous": previous, "user": "nobody"}
        lines.append(json.dumps(record, ensure_ascii=False).encode())
        previous = files.digest(lines[-1])
    path.write_bytes(b"".join(line + b"\n" for line in lines))

    export(company, "forged.zip")

    assert verify(company.root / "forged.zip", by=audit_export.VERIFIER).returncode == 0
    said = verify(company.root / "forged.zip", kept, by=audit_export.VERIFIER)
    assert (said.returncode, kept in said.stderr) == (1, True)


def test_a_hash_that_was_kept_is_a_line_of_every_later_export(company: Project) -> None:
    kept = export(company).json["last_line"]
    company.run("deployment", "--rollback", "2")

    export(company, "later.zip")

    assert verify(company.root / "later.zip", kept, by=audit_export.VERIFIER).returncode == 0


def test_a_file_named_by_a_year_holds_the_lines_of_that_year(company: Project) -> None:
    lines = company.text(JOURNAL).splitlines()
    year = json.loads(lines[-1])["at"][:4]

    told = export(company, f"{year}.zip").json

    assert (told["year"], told["lines"]) == (year, len(lines))
    assert verify(company.root / f"{year}.zip", told["last_line"], by=audit_export.VERIFIER).returncode == 0


def test_a_year_without_lines_is_refused_with_the_years_that_have_some(company: Project) -> None:
    said = company.run("diagnostics", "--audit-export", str(company.root / "1999.zip"))

    year = json.loads(company.text(JOURNAL).splitlines()[-1])["at"][:4]
    assert (said.code, said.out) == (2, "")
    assert f"the journal has no line of 1999. Nothing was written. It has lines of {year}." in said.err
    assert not (company.root / "1999.zip").exists()


def test_without_a_line_of_the_journal_there_is_nothing_to_export(project: Project) -> None:
    said = project.run("diagnostics", "--audit-export", str(project.root / "audit.zip"))

    assert (said.code, "the journal has no line yet. Nothing was written." in said.err) == (2, True)


@pytest.mark.parametrize("name", ["audit.tar", "there.zip"])
def test_a_file_that_is_there_or_no_zip_is_not_written(project: Project, name: str) -> None:
    project.drop("there.zip", "mine")

    said = project.run("diagnostics", "--audit-export", str(project.root / name))

    assert (said.code, "Nothing was written" in said.err) == (2, True)
    assert project.text("there.zip") == "mine"
