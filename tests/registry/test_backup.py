"""Backup and restore by the command line: whole, proven, into empty folders alone, and while a run is at work."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import stat
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import killing
import pytest

import fullprocess
from risk.disk import files, journal, paths
from risk.errors import UsageError
from risk.registry import backup, releases
from tests.conftest import Project, table

ROOMS = ("ingesteddata", "models", "production_deployment")


class Elsewhere(Project):
    """A folder that a backup is restored into: nothing is made in it."""

    def __init__(self, root: Path):
        self.root = root


@pytest.fixture
def saved(deployed: Project) -> Path:
    """A backup of a project with outcomes, after its first run."""
    deployed.drop("outcomes/calls.csv", "client,date,result\nc00001,2026-11-02,reached\n")
    file = deployed.root / "backup.tar.gz"
    said = deployed.run("fullprocess", "--backup", str(file))
    assert said.code == 0, said.err
    return file


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    (tmp_path / "elsewhere").mkdir()
    return Elsewhere(tmp_path / "elsewhere")


def kept(root: Path) -> dict[str, bytes]:
    """Everything that a backup holds of a folder: bytes of files, targets of links."""
    found = {}
    tops = [root / room for room in (*ROOMS, "outcomes", "config.json")]
    left_out = (paths.LOCK, paths.TICK, paths.SIGNATURES, paths.JOURNAL)
    for path in sorted(path for top in tops for path in (top, *top.rglob("*"))):
        if path.is_symlink():
            found[str(path.relative_to(root))] = os.readlink(path).encode()
        elif path.is_file() and path.name not in left_out and paths.FINGERPRINTS not in path.parts:
            found[str(path.relative_to(root))] = path.read_bytes()
    return found


def members(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]


def pack(file: Path, content: dict[str, bytes], change: Callable[[tarfile.TarInfo], object] = id) -> Path:
    with tarfile.open(file, "w:gz") as tar:
        for name, of in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(of)
            change(info)
            tar.addfile(info, io.BytesIO(of if info.isreg() else b""))
    return file


@pytest.mark.parametrize(("name", "told"), [("", "it is a folder"), ("absent", "there is no such file")])
def test_what_is_no_file_is_not_restored(elsewhere: Elsewhere, tmp_path: Path, name: str, told: str) -> None:
    said = elsewhere.run("fullprocess", "--restore", str(tmp_path / name))

    assert (said.code, said.err) == (1, f"{tmp_path / name}: {told}. Nothing was restored. Name a backup, a .tar.gz.\n")


@pytest.mark.parametrize("lost", ["current", "releases"])
def test_what_has_lost_its_live_release_is_not_backed_up(deployed: Project, lost: str) -> None:
    (deployed.root / "production_deployment" / lost).rename(deployed.root / "gone")

    said = deployed.run("fullprocess", "--backup", str(deployed.root / "backup.tar.gz"))

    assert (said.code, "missing" in said.err) == (1, True)
    assert not (deployed.root / "backup.tar.gz").exists()


def test_a_backup_holds_everything_but_inputs_and_is_its_owners_alone(deployed: Project, saved: Path) -> None:
    names = set(members(saved))

    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert {paths.CONFIG, "outcomes/calls.csv", f"production_deployment/{paths.JOURNAL}", "backup.json"} <= names
    assert not [it for it in names if it.startswith(("sourcedata", "testdata")) or it.endswith((".lock", paths.TICK))]
    assert [path.name for path in deployed.root.iterdir() if path.name.startswith(".")] == []


def test_what_is_restored_is_what_was_there_and_the_next_run_goes_on(
    deployed: Project, saved: Path, elsewhere: Elsewhere
) -> None:
    before = kept(deployed.root)

    said = elsewhere.run("fullprocess", "--restore", str(saved))
    restored, checks = kept(elsewhere.root), [elsewhere.run(it, "--verify") for it in ("diagnostics", "ingestion")]
    for name in ("sourcedata", "testdata"):
        shutil.copytree(deployed.root / name, elsewhere.root / name, dirs_exist_ok=True)
    elsewhere.drop("sourcedata/dataset2.csv", table(60, seed=2, first=1000))
    run = elsewhere.run("fullprocess", "--json")

    assert said.code == 0, said.err
    assert "No backup holds the files of sourcedata and testdata" in said.out
    assert restored == before
    assert [it.code for it in checks] == [0, 0], checks
    assert (run.code, run.json["run"]) == (0, 2), run.err
    assert run.json["release"] == releases.name_of(deployed.settings.production)
    acts = [it for it in journal.read(elsewhere.root / "production_deployment" / paths.JOURNAL) if it["kind"] == "act"]
    assert [it["act"] for it in acts] == ["restore"]


def test_secrets_stay_out_and_owner_only_files_stay_owner_only(deployed: Project, elsewhere: Elsewhere) -> None:
    deployed.configure(server={"token_file": "production_deployment/token"})
    deployed.drop("production_deployment/token", "x" * 40)
    key = deployed.drop("production_deployment/register.key", b"k" * 32)
    key.chmod(0o600)
    file = deployed.root / "b.tar.gz"

    assert deployed.run("fullprocess", "--backup", str(file)).code == 0
    assert elsewhere.run("fullprocess", "--restore", str(file)).code == 0

    assert "production_deployment/token" not in members(file)
    restored = elsewhere.root / "production_deployment/register.key"
    assert (restored.read_bytes(), stat.S_IMODE(restored.stat().st_mode)) == (b"k" * 32, 0o600)
    for name in ("ingesteddata", "production_deployment"):
        assert stat.S_IMODE((elsewhere.root / name).stat().st_mode) == 0o700


@pytest.mark.parametrize("place", ["backup.tar.gz", "models/b.tar.gz", "nowhere/b.tar.gz"])
def test_a_backup_overwrites_nothing_and_lies_in_no_folder_that_it_copies(
    deployed: Project, saved: Path, place: str
) -> None:
    before = saved.read_bytes()

    said = deployed.run("fullprocess", "--backup", str(deployed.root / place))

    assert (said.code, "Nothing was written." in said.err) == (2, True)
    assert saved.read_bytes() == before


@pytest.mark.parametrize(
    "name", ["models/x", "ingesteddata/current", f"production_deployment/{paths.JOURNAL}", "outcomes/o"]
)
def test_a_backup_is_restored_into_empty_folders_alone(saved: Path, elsewhere: Elsewhere, name: str) -> None:
    path = elsewhere.root / name
    path.parent.mkdir()
    path.write_text("somebody's")

    said = elsewhere.run("fullprocess", "--restore", str(saved))

    assert (said.code, "a backup is restored into empty folders alone" in said.err) == (2, True)
    assert name in said.err
    assert [it for it in elsewhere.root.rglob("*") if it.is_file()] == [path]


def test_beside_settings_with_other_folders_it_is_restored_to_these(saved: Path, elsewhere: Elsewhere) -> None:
    told = json.loads(members(saved)[paths.CONFIG])
    (elsewhere.root / "config.json").write_text(json.dumps(told | {"output_model_path": "desk"}))
    for folder in ("ingesteddata", "desk"):
        (elsewhere.root / folder).mkdir()
        (elsewhere.root / folder / ".gitkeep").touch()

    said = elsewhere.run("fullprocess", "--restore", str(saved))

    assert said.code == 0, said.err
    assert (elsewhere.root / "desk" / paths.CALL_LIST).exists()
    assert elsewhere.run("diagnostics", "--verify").code == 0


def test_other_settings_than_the_backups_are_refused(saved: Path, elsewhere: Elsewhere) -> None:
    told = json.loads(members(saved)[paths.CONFIG])
    (elsewhere.root / "config.json").write_text(json.dumps(told | {"capacity": {"calls_per_week": 3}}))

    said = elsewhere.run("fullprocess", "--restore", str(saved))

    assert (said.code, "it is not that of the backup (other capacity)" in said.err) == (2, True)
    assert [it.name for it in elsewhere.root.iterdir()] == ["config.json"]


def test_settings_in_a_backup_that_name_a_folder_elsewhere_are_refused(saved: Path, elsewhere: Elsewhere) -> None:
    content = members(saved)
    told = json.loads(content[paths.CONFIG]) | {"output_model_path": str(elsewhere.root.parent / "outside")}
    foreign = _with(content, paths.CONFIG, json.dumps(told).encode())
    pack(saved.with_name("foreign.tar.gz"), foreign)

    said = elsewhere.run("fullprocess", "--restore", str(saved.with_name("foreign.tar.gz")))

    assert (said.code, "name a folder elsewhere" in said.err) == (2, True)
    assert not (elsewhere.root.parent / "outside").exists()


def _with(content: dict[str, bytes], name: str, of: bytes) -> dict[str, bytes]:
    """The members with one more or changed, and a listing that says so."""
    listing = json.loads(content["backup.json"])
    listing["files"][name] = files.digest(of)
    rest = {key: it for key, it in content.items() if key != "backup.json"}
    return rest | {name: of, "backup.json": json.dumps(listing).encode()}


def as_link(info: tarfile.TarInfo) -> None:
    if info.name == "models/evil":
        info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc", 0


def as_hard_link(info: tarfile.TarInfo) -> None:
    as_link(info)
    info.type = tarfile.LNKTYPE if info.name == "models/evil" else info.type


EVIL: dict[str, tuple[str, Callable[[tarfile.TarInfo], object]]] = {
    "above": ("models/../../evil", id),
    "absolute": ("/tmp/evil", id),
    "another folder": ("sourcedata/evil.csv", id),
    "through a link": ("production_deployment/current/evil", id),
    "a lock": ("production_deployment/fullprocess.lock", id),
    "a link": ("models/evil", as_link),
    "a hard link": ("models/evil", as_hard_link),
}


@pytest.mark.parametrize(("name", "change"), EVIL.values(), ids=EVIL)
def test_a_member_that_would_land_elsewhere_is_refused(
    saved: Path, elsewhere: Elsewhere, name: str, change: Callable[[tarfile.TarInfo], object]
) -> None:
    file = pack(saved.with_name("evil.tar.gz"), _with(members(saved), name, b"evil"), change)

    said = elsewhere.run("fullprocess", "--restore", str(file))

    assert said.code == 1
    assert "Nothing was restored." in said.err
    assert list(elsewhere.root.iterdir()) == []


def test_a_link_that_leads_out_is_refused(saved: Path, elsewhere: Elsewhere) -> None:
    content = members(saved)
    listing = json.loads(content["backup.json"])
    listing["links"]["models/reports/current"] = "../../../../etc"
    file = pack(saved.with_name("evil.tar.gz"), content | {"backup.json": json.dumps(listing).encode()})

    said = elsewhere.run("fullprocess", "--restore", str(file))

    assert (said.code, list(elsewhere.root.iterdir())) == (1, [])


def test_any_damage_is_one_sentence_and_nothing_is_restored(saved: Path, elsewhere: Elsewhere) -> None:
    whole = saved.read_bytes()
    damaged = [whole[:n] for n in (0, 5, len(whole) // 2, len(whole) - 1)]
    for place in range(12, len(whole), len(whole) // 12):
        damaged.append(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    damaged += [b"no archive", gzip.compress(b"no tar"), gzip.compress(bytes(10_240))]
    file = saved.with_name("damaged.tar.gz")

    for content in damaged:
        file.write_bytes(content)
        said = elsewhere.run("fullprocess", "--restore", str(file))

        assert (said.code, said.err.count("\n")) == (1, 1), said.err
        assert "Nothing was restored." in said.err
        assert "unexpected" not in said.err
        assert list(elsewhere.root.iterdir()) == []


def test_in_an_empty_folder_no_settings_need_be_named(
    saved: Path, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(elsewhere.root)
    monkeypatch.delenv("RISK_CONFIG", raising=False)

    code = fullprocess.main(["--restore", str(saved)])

    assert code == 0
    assert (elsewhere.root / "production_deployment" / paths.CURRENT).is_symlink()


def test_two_backups_at_once_are_fine_and_of_one_name_one_is_made(deployed: Project, tmp_path: Path) -> None:
    settings = deployed.settings
    rooms = backup.rooms(settings.ingested, settings.models, settings.production)
    place = backup.Installed(settings.source_file, rooms, settings.outcomes)
    left = deployed.drop(f"{paths.UNFINISHED}c.tar.gz.1.1", "killed", age=3600)

    def make(name: str) -> object:
        try:
            return backup.make(place, tmp_path / name)
        except UsageError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(make, ("a.tar.gz", "b.tar.gz", "c.tar.gz", "c.tar.gz")))

    assert sum(isinstance(it, str) for it in told) <= 1
    assert len({frozenset(members(tmp_path / f"{name}.tar.gz")) for name in "abc"}) == 1
    assert not left.exists()
    assert list(tmp_path.glob(f"{paths.UNFINISHED}*")) == []


def test_practice_is_not_backed_up(deployed: Project) -> None:
    said = deployed.run("fullprocess", "--practice", "--backup", str(deployed.root / "b.tar.gz"))

    assert (said.code, "practice is neither backed up nor restored" in said.err) == (2, True)


def test_a_run_refuses_what_is_half_restored(deployed: Project) -> None:
    (deployed.settings.production / paths.RESTORING).write_text("{}")
    deployed.drop("sourcedata/dataset2.csv", table(60, seed=2, first=1000))

    said, status = deployed.run("fullprocess"), deployed.run("fullprocess", "--status")

    assert (said.code, status.code) == (1, 1)
    assert "a backup is being restored here, or that was cut off" in said.err


# --- killed, and while a run is at work -------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_restore_killed_anywhere_is_begun_again_by_the_next(deployed: Project, saved: Path, tmp_path: Path) -> None:
    killing.warm()
    expected, killed = kept(deployed.root), 0
    for number in range(1, 400, 23):
        target = Elsewhere(tmp_path / f"at-{number}")
        target.root.mkdir()
        first = killing.run(target, "--restore", str(saved), meet=killing.kill_at(target.root, number))
        killed += first is None
        if first is None and (target.root / "config.json").exists():
            assert killing.run(target).code == 1  # no run takes it for an installation

        said = killing.run(target, "--restore", str(saved))

        assert said.code == 0 or "restored into empty folders alone" in said.err, (number, said.err)
        assert kept(target.root) == expected, number
        assert not (target.root / "production_deployment" / paths.RESTORING).exists()
        assert killing.run(target, "--verify", script="diagnostics").code == 0
        shutil.rmtree(target.root)
    assert killed >= 5


@pytest.mark.slow
def test_a_backup_during_a_run_is_of_one_instant_and_its_restore_is_continued(tmp_path: Path) -> None:
    story = killing.next_run()
    project, root, shelf = story.project, story.project.root, tmp_path / "backups"
    shelf.mkdir()
    at = [it.operations[0].number for it in story.recording.states[:: len(story.recording.states) // 9]]
    killing.put_back(root, story.before)

    def meet(operation: killing.Operation) -> None:
        if operation.number in at:
            said = project.run("fullprocess", "--backup", str(shelf / f"{operation.number}.tar.gz"))
            assert said.code == 0, said.err

    said = killing.run(project, meet=meet)
    made = sorted(shelf.iterdir())

    assert said.code == 0
    assert len(made) >= 8
    for file in made:
        target = Elsewhere(tmp_path / file.name.partition(".")[0])
        target.root.mkdir()
        for name in ("sourcedata", "testdata"):
            shutil.copytree(root / name, target.root / name)
        assert killing.run(target, "--restore", str(file)).code == 0
        checked = killing.run(target, "--verify", script="diagnostics")
        assert checked.code == 0, (file.name, checked.out)
        run = killing.run(target, "--json")
        assert run.code in (0, 4), (file.name, run.err)
        assert killing.read(target.root, killing.PRODUCTION) == killing.read(root, killing.PRODUCTION), file.name
        assert killing.read(target.root, killing.DATASET) == killing.read(root, killing.DATASET), file.name
        assert killing.run(target, "--verify", script="diagnostics").code == 0
        shutil.rmtree(target.root)
