from __future__ import annotations

import gc
import json
import os
import shutil
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from app import create_app
from risk.disk import files, journal, paths
from risk.disk.paths import LIST_COLUMNS
from risk.errors import DataError
from risk.service import live
from risk.service.predictions import LiveState
from risk.settings.settings import Settings
from tests.conftest import Project
from tests.installation import HOSTILE, deploy, lay_out, report


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return lay_out(tmp_path)


@pytest.fixture
def watch(settings: Settings) -> Iterator[live.Watch]:
    watch = live.Watch(settings.production, settings.models, settings.schema)
    yield watch
    watch.stop()


@pytest.mark.slow
def test_nothing_is_live_before_a_run(watch: live.Watch) -> None:
    watch.poll()

    assert watch.live == LiveState()


@pytest.mark.slow
def test_a_release_and_a_report_are_loaded(settings: Settings, watch: live.Watch) -> None:
    deploy(settings, "1-aa")
    report(settings, "1", "1-aa")

    watch.poll()

    now = watch.live
    assert now.model is not None
    assert now.shown is not None
    assert (now.model.name, now.shown.release, now.shown.number, now.faults) == ("1-aa", "1-aa", "1", ())
    assert now.shown.report == b"%PDF-1.4 test %%EOF"


@pytest.mark.slow
def test_what_has_not_moved_is_not_loaded_again(settings: Settings, watch: live.Watch) -> None:
    deploy(settings, "1-aa")
    watch.poll()
    former = watch.live

    watch.poll()
    same = watch.live
    report(settings, "1", "1-aa")
    watch.poll()

    assert same is former
    assert watch.live.model is former.model


@pytest.mark.slow
def test_the_thread_swaps_in_a_new_release(settings: Settings, watch: live.Watch) -> None:
    deploy(settings, "1-aa")
    before = watch.live.model

    deploy(settings, "2-bb", threshold=0.5)
    patience = time.monotonic() + 20
    while watch.live.model is before and time.monotonic() < patience:
        time.sleep(0.02)

    assert watch.live.model is not None
    assert (watch.live.model.name, watch.live.model.card.threshold) == ("2-bb", 0.5)


@pytest.mark.slow
def test_a_foreign_model_leaves_the_proven_one_in_place(settings: Settings, watch: live.Watch) -> None:
    deploy(settings, "1-aa")
    watch.poll()

    folder = deploy(settings, "2-bb")
    (folder / paths.MODEL).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    watch.poll()

    assert watch.live.model is not None
    assert watch.live.model.name == "1-aa"
    assert "cannot be used" in watch.live.faults[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", [paths.SNAPSHOT, paths.CLIENT_RISKS])
def test_a_torn_report_leaves_the_former_in_place(settings: Settings, watch: live.Watch, name: str) -> None:
    report(settings, "1", None)
    watch.poll()

    folder = report(settings, "2", None)
    (folder / name).write_bytes(b'{"x",,,\nx\n')
    watch.poll()

    assert watch.live.shown is not None
    assert watch.live.shown.number == "1"
    assert "cannot be shown" in watch.live.faults[0]


@pytest.mark.slow
def test_a_fork_watches_for_itself(settings: Settings, watch: live.Watch) -> None:
    deploy(settings, "1-aa")
    watch.start()

    child = os.fork()
    if child == 0:
        deploy(settings, "2-bb")
        now = watch.live.model
        os._exit(0 if now and now.name == "2-bb" else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.slow
def test_what_is_loaded_is_spared_by_the_collector_until_the_watch_ends(settings: Settings, watch: live.Watch) -> None:
    deploy(settings, "1-aa")

    watch.poll()
    spared = gc.get_freeze_count()
    watch.stop()

    assert spared > 10_000
    assert gc.get_freeze_count() == 0


@pytest.mark.slow
def test_reports_that_cannot_be_looked_at_are_a_fault(settings: Settings, watch: live.Watch) -> None:
    deploy(settings, "1-aa")
    settings.models.mkdir(exist_ok=True)
    (settings.models / paths.REPORTS).write_text("a file where the folder should be")

    watch.poll()

    assert watch.live.shown is None
    assert watch.live.torn == "the newest report cannot be shown: Not a directory"


@pytest.mark.slow
def test_a_swap_walks_over_nothing_old_and_lets_the_former_release_go(
    settings: Settings, watch: live.Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAUSE", 3_600.0)  # else the thread may look between the release and its report
    deploy(settings, "1-aa")
    report(settings, "1", "1-aa")
    watch.poll()
    assert watch.live.model
    former = [weakref.ref(it) for it in (watch.live.model, watch.live.model.estimator, watch.live.shown)]
    contract, spared, at_collection = watch.live.contract, gc.get_freeze_count(), list[int]()
    monkeypatch.setattr("gc.collect", lambda: at_collection.append(gc.get_freeze_count()))

    deploy(settings, "2-bb")
    report(settings, "2", "2-bb")
    watch.poll()

    assert watch.live.model.name == "2-bb"
    assert watch.live.contract is contract
    assert len(at_collection) == 1
    assert at_collection[0] > spared / 2
    assert [it() for it in former] == [None, None, None]


def test_clients_are_read_as_they_are_named(settings: Settings) -> None:
    folder = report(settings, "1", "1-aa")

    clients = live.load_shown(folder).clients

    assert clients.names == ["acme, inc.", HOSTILE, "=1+1", "zeta//one"]
    expected = {"rank": 3, "client": "=1+1", "risk": 0.4, "prediction": 1, "owner": "Ann", "value": 10.5}
    assert clients.row(clients.places["=1+1"]) == expected | {"period": "2026-08", "band": "raised"}


def test_blank_cells_of_the_list_are_unknown() -> None:
    clients = live.load_clients("rank,client,risk,prediction,owner,value,period\n1,a,0.5,1,,,\n")

    row = clients.row(0)

    assert (row["owner"], row["value"], row["period"]) == (None, None, None)


def test_a_rank_is_one_more_than_the_clients_with_a_higher_risk() -> None:
    lines = "".join(f"{rank},c{rank},{risk},1,,,\n" for rank, risk in enumerate([0.9, 0.5, 0.5, 0.1], 1))
    clients = live.load_clients("rank,client,risk,prediction,owner,value,period\n" + lines)

    ranks = clients.ranks(np.array([1.0, 0.9, 0.7, 0.5, 0.0]))

    assert ranks == [1, 1, 2, 2, 5]


def test_ranks_are_told_by_all_digits_and_an_older_list_by_those_it_has() -> None:
    text = "rank,client,risk,prediction,owner,value,period\n1,a,0.5000,1,,,\n2,b,0.5000,1,,,\n"

    exact, older = live.load_clients(text, [0.50001, 0.49999]), live.load_clients(text)

    assert (exact.ranks(np.array([0.5])), older.ranks(np.array([0.5]))) == ([2], [1])
    assert exact.row(1)["risk"] == 0.49999
    with pytest.raises(DataError, match=r"2 clients, .* 1"):
        live.load_clients(text, [0.5])


def test_an_installation_is_known_by_its_production_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)

    found = {live.instance(tmp_path / name / "production") for name in ("", "link", "other/..")}

    assert len(found) == 1
    assert live.instance(tmp_path / "elsewhere") not in found
    assert len(found.pop()) == 16


@pytest.mark.slow
def test_a_journal_that_another_hand_changed_is_told_and_its_backup_mends_it(
    settings: Settings, watch: live.Watch
) -> None:
    deploy(settings, "1-aa")
    path = settings.production / paths.JOURNAL
    for number in (1, 2):
        journal.append(path, {"kind": "run", "run": number})
    backup = path.read_bytes()
    watch.poll()
    sound = watch.live

    path.write_bytes(backup.replace(b'"run": 1', b'"run": 11'))
    watch.poll()
    broken = watch.live
    path.write_bytes(backup)
    watch.poll()

    assert (sound.wrong, watch.live.wrong) == ((), ())
    assert "line 4: it does not follow" in broken.wrong[0]
    assert broken.model is sound.model


@pytest.mark.slow
def test_a_release_that_another_hand_made_live_is_told_until_it_is_put_right(
    settings: Settings, watch: live.Watch
) -> None:
    former = deploy(settings, "1-aa")
    newer = deploy(settings, "2-bb")
    watch.poll()
    sound = watch.live.wrong

    files.turn(settings.production / paths.CURRENT, former)
    watch.poll()
    turned = watch.live
    files.turn(settings.production / paths.CURRENT, newer)
    watch.poll()

    assert (sound, watch.live.wrong) == ((), ())
    assert "it names 1-aa, but the journal's last deployment is 2-bb" in turned.wrong[0]
    assert turned.model is not None
    assert turned.model.name == "1-aa"


@pytest.mark.slow
def test_a_new_line_of_the_journal_loads_nothing_again(settings: Settings, watch: live.Watch) -> None:
    deploy(settings, "1-aa")
    report(settings, "1", "1-aa")
    watch.poll()
    former = watch.live

    journal.append(settings.production / paths.JOURNAL, {"kind": "run", "run": 1})
    watch.poll()

    assert watch.live.shown is former.shown
    assert watch.live.model is former.model


def rewrite(folder: Path) -> None:
    """Put another model of the same shape there, with a card that names it: consistent, and not what was made."""
    model, card = folder / paths.MODEL, folder / paths.CARD
    content = model.read_bytes() + b" "
    model.write_bytes(content)
    card.write_text(json.dumps(json.loads(card.read_text()) | {"sha256": files.digest(content)}))


def cut(folder: Path) -> None:
    path = folder / paths.MODEL
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.slow
@pytest.mark.parametrize("damage", [rewrite, cut, shutil.rmtree, lambda folder: (folder / paths.MODEL).unlink()])
def test_a_damaged_live_model_is_told_while_the_proven_one_answers_until_it_is_put_back(
    settings: Settings, watch: live.Watch, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = deploy(settings, "1-aa")
    shutil.copytree(folder, tmp_path / "backup")
    watch.poll()
    proven = watch.live

    damage(folder)
    watch.poll()
    damaged = watch.live
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(tmp_path / "backup", folder)
    watch.poll()

    assert "1-aa" in damaged.faults[0]
    assert str(tmp_path) not in damaged.faults[0]
    assert damaged.model is proven.model
    assert (watch.live.wrong, watch.live.model) == ((), proven.model)


@pytest.mark.slow
def test_a_release_whose_model_and_card_were_rewritten_together_is_not_opened(
    settings: Settings, watch: live.Watch
) -> None:
    rewrite(deploy(settings, "1-aa"))

    watch.poll()

    assert watch.live.model is None
    assert "its SHA-256 is not the one that the journal names" in watch.live.faults[0]


@pytest.mark.slow
def test_a_release_of_which_no_line_tells_is_not_opened(settings: Settings, watch: live.Watch) -> None:
    deploy(settings, "1-aa")
    (settings.production / paths.JOURNAL).unlink()

    watch.poll()

    assert watch.live.model is None
    assert "no line of the journal tells of this release" in watch.live.faults[0]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["production_deployment/releases", "models/reports/1"])
def test_what_comes_back_is_taken_up_by_the_thread_within_two_seconds(
    settings: Settings, watch: live.Watch, place: str
) -> None:
    deploy(settings, "1-aa")
    report(settings, "1", "1-aa")
    away = (settings.root / place).rename(settings.root / "away")
    before = watch.live.faults

    away.rename(settings.root / place)
    patience = time.monotonic() + 2
    while watch.live.wrong and time.monotonic() < patience:
        time.sleep(0.02)

    assert "is missing" in before[0]
    assert str(settings.root) not in before[0]
    assert watch.live.wrong == ()
    assert watch.live.model is not None
    assert watch.live.shown is not None


@pytest.mark.slow
def test_a_fault_of_the_list_names_no_client(settings: Settings, watch: live.Watch) -> None:
    folder = report(settings, "1", None)
    (folder / paths.CLIENT_RISKS).write_text(",".join(LIST_COLUMNS) + "\n1,x,Acme Ltd,1,,,\n")

    watch.poll()

    assert "cannot be shown" in watch.live.faults[0]
    assert "Acme" not in watch.live.faults[0]


WIPED = {
    "the journal": ("production_deployment/journal.jsonl", "journal.jsonl: the journal is missing"),
    "the dataset": ("ingesteddata/current", "ingesteddata/current: the link is missing"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("lost", "told"), WIPED.values(), ids=WIPED)
def test_a_wiped_folder_is_told_by_health_and_every_page(
    deployed: Project, monkeypatch: pytest.MonkeyPatch, lost: str, told: str
) -> None:
    monkeypatch.setattr(live, "PAUSE", 0.01)
    app = create_app(deployed.settings)
    asked, path = app.test_client(), deployed.root / lost
    assert asked.get("/health").json["status"] == "ok"

    path.rename(deployed.root / "lost")
    app.extensions["rooms"].watch.poll()

    health = asked.get("/health")
    assert (health.status_code, health.json["status"]) == (503, "faulty")
    assert health.json["detail"].startswith(f"no run can work: {told}")
    assert str(deployed.root) not in health.json["detail"]
    for page in ("/", "/clients", "/trackrecord", "/model", "/drift", "/data", "/runs"):
        assert told in asked.get(page, headers={"Accept": "text/html"}).text
    assert asked.post("/prediction", json=[{}]).status_code != 503
    (deployed.root / "lost").rename(path)
    app.extensions["rooms"].watch.poll()
    assert asked.get("/health").json["status"] == "ok"
    app.extensions["rooms"].watch.stop()


@pytest.mark.slow
def test_a_wiped_folder_is_known_without_a_look_at_the_dataset(deployed: Project) -> None:
    settings = deployed.settings
    link = files.resolve(settings.ingested / paths.CURRENT)
    assert link
    (link / paths.MANIFEST).write_text("torn")
    watch = live.Watch(settings.production, settings.models, settings.schema, ingested=settings.ingested)

    watch.poll()

    assert watch._live.wrong == ()
