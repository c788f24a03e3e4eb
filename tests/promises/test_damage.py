"""Files that another hand has damaged: each is one line that names it, in a run and in --status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from risk.dataset import manifest
from risk.disk import paths
from risk.errors import DataError
from risk.registry import releases
from risk.service import live
from tests.conftest import Installations, Project, deploy, table

VERSION, RELEASE = "ingesteddata/current", "production_deployment/current"


def deploy_twice(project: Project) -> None:
    deploy(project)
    project.drop("sourcedata/dataset2.csv", table(300, seed=2, first=1000, turned=True))
    for name, *words in (["ingestion"], ["training"], ["scoring"], ["deployment", "--force", "we must"]):
        assert project.run(name, *words).code == 0
    assert len(releases.all_of(project.settings.production)) == 2


@pytest.fixture
def deployed(installations: Installations, tmp_path: Path) -> Project:
    """A project with two releases."""
    return installations.copy(deploy_twice, tmp_path)


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


def renamed(told: dict[str, Any]) -> None:
    told["entries"][0]["contents"][0]["n_red"] = told["entries"][0]["contents"][0].pop("n_read")


CHANGES: list[Callable[[dict[str, Any]], object]] = [
    renamed,
    dict.clear,
    lambda told: told.pop("entries"),
    lambda told: told["counts"].clear(),
    lambda told: told.update(counts=None),
    lambda told: told.update(entries=[3]),
    lambda told: told["entries"][0].update(contents=[None]),
    lambda told: told["entries"][0]["contents"][0].update(n_read="many"),
]


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_damaged_manifest_is_one_error_that_names_the_file(
    deployed: Project, change: Callable[[dict[str, Any]], object]
) -> None:
    path = deployed.root / VERSION / paths.MANIFEST
    edit(path, change)

    with pytest.raises(DataError) as error:
        manifest.read(path.parent)

    assert str(path) in str(error.value)
    assert "restore it from a backup" in str(error.value)


def test_a_damaged_manifest_of_the_dataset_fails_the_run_and_is_told_by_status(deployed: Project) -> None:
    edit(deployed.root / VERSION / paths.MANIFEST, renamed)
    deployed.drop("sourcedata/dataset3.csv", table(60, seed=3, first=5000))

    run, status = deployed.run("fullprocess"), deployed.run("fullprocess", "--status")

    assert run.code == 1
    assert "unexpected" not in run.err
    assert "manifest.json" in run.err
    assert "restore it from a backup" in run.err
    assert (status.code, status.err) == (1, "")
    assert "damaged:" in status.out
    assert "manifest.json" in status.out


def test_a_damaged_manifest_of_the_live_release_fails_the_run_and_is_told_by_status(deployed: Project) -> None:
    (deployed.root / RELEASE / paths.MANIFEST).write_text("{}")
    deployed.drop("sourcedata/dataset3.csv", table(60, seed=3, first=5000))

    run, status = deployed.run("fullprocess"), deployed.run("fullprocess", "--status")

    assert run.code == 1
    assert "unexpected" not in run.err
    assert "manifest.json" in run.err
    assert (status.code, status.err) == (1, "")
    assert "damaged:" in status.out


@pytest.mark.slow
@pytest.mark.parametrize("content", ["{}", "{", None])
def test_a_damaged_manifest_of_an_old_release_stops_no_run_and_keeps_every_part(
    deployed: Project, content: str | None
) -> None:
    first = releases.all_of(deployed.settings.production)[0]
    assert first.name != releases.name_of(deployed.settings.production)
    path = first.folder / paths.MANIFEST
    path.write_text(content) if content else path.unlink()
    stray = deployed.drop(f"ingesteddata/{paths.PARTS}/it-may-be-of-the-old-one.parquet", "x")
    deployed.drop("sourcedata/dataset3.csv", table(60, seed=3, first=5000))

    run, status = deployed.run("fullprocess"), deployed.run("fullprocess", "--status")

    assert run.code == 0, run
    assert "no part is tidied away" in run.err
    assert stray.exists()
    assert status.code == 1
    assert f"damaged:  {path}" in status.out


# --- a status of what is damaged ------------------------------------------------------------------------------------


def looped(production: Path) -> None:
    (production / paths.CURRENT).unlink()
    (production / paths.CURRENT).symlink_to(paths.CURRENT)


def in_place_of(name: str) -> Callable[[Path], None]:
    def put(production: Path) -> None:
        (production / paths.CURRENT / name).unlink()
        (production / paths.CURRENT / name).mkdir()

    return put


def written(name: str, content: str) -> Callable[[Path], None]:
    return lambda production: (production / paths.CURRENT / name).write_text(content) and None


DAMAGES = {
    "a link to itself": looped,
    "a folder for the verdict": in_place_of(paths.VERDICT),
    "a folder for the card": in_place_of(paths.CARD),
    "a folder for the manifest": in_place_of(paths.MANIFEST),
    "a number for the packages": written(paths.CARD, '{"packages": 3}'),
    "no version of a package": written(paths.CARD, '{"packages": {"python": null}}'),
    "a list for the verdict": written(paths.VERDICT, "[1]"),
    "a list for the card": written(paths.CARD, "[1]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_status_reports_every_damage_of_the_live_release(deployed: Project, damage: Callable[[Path], None]) -> None:
    damage(deployed.settings.production)

    status, run = deployed.run("fullprocess", "--status"), deployed.run("fullprocess")
    watch = live.Watch(deployed.settings.production, deployed.settings.models, deployed.settings.schema)
    watch.poll()

    assert (status.code, status.err) == (1, "")
    assert "damaged:" in status.out or "warning:" in status.out
    assert run.code == 1
    assert "unexpected" not in run.err
    assert watch._live.wrong


@pytest.mark.parametrize("told", [3, None, [], {"python": None}, {"python": 3}, {3: "1.0"}])
def test_packages_that_are_no_versions_give_no_warning(told: object) -> None:
    assert releases.other_versions(told) is None


@pytest.mark.slow
def test_a_missing_link_fails_the_run_until_it_is_put_back(deployed: Project) -> None:
    production = deployed.settings.production
    live_one = releases.name_of(production)
    (production / paths.CURRENT).unlink()

    run, status = deployed.run("fullprocess"), deployed.run("fullprocess", "--status")
    deploying = deployed.run("deployment", "--force", "it must be")
    back = deployed.run("deployment", "--rollback", "2")

    assert (run.code, status.code, deploying.code, back.code) == (1, 1, 1, 0)
    assert f"the link is missing; the journal's last deployment is {live_one}" in run.err
    assert "put it back with python deployment.py --rollback 2" in run.err
    assert "it names no release, but" in status.out
    assert releases.name_of(production) == live_one
    assert len(releases.all_of(production)) == 2
    assert deployed.run("fullprocess").code == 0
    assert deployed.run("fullprocess", "--status").code == 0


def test_a_reason_is_not_journaled_for_what_is_live_already(deployed: Project) -> None:
    said = deployed.run("deployment", "--force", "a reason of its own")

    assert "live already" in said.out
    assert "a reason of its own" not in deployed.text("production_deployment/journal.jsonl")
