"""Families of one's own: they compete, are kept by exact names, and end no run when they fail."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from risk import deadline
from risk.disk import files, paths
from risk.errors import ConfigError, DeadlineError, FamilyError, ModelError
from risk.modeling import fitting
from risk.modeling.families import Family
from risk.registry import model, own_families, proven
from risk.settings.model_choice import OwnFamilies
from tests.conftest import Installations, Project, table

Serve = Callable[[Project], FlaskClient]
NAME = "my_models:make"
TREES = """
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

def make(kinds):
    numbers = [name for name, kind in kinds.items() if kind == "numeric"]
    columns = make_column_transformer((SimpleImputer(), numbers))
    return make_pipeline(columns, ExtraTreesClassifier(n_estimators=20, min_samples_leaf=5, random_state=0))
"""
OWN_CLASS = """
import numpy as np
from sklearn.linear_model import LogisticRegression

class Mine(LogisticRegression):
    def fit(self, x, y):
        return super().fit(np.log1p(x.fillna(0)), y)
    def predict_proba(self, x):
        return super().predict_proba(np.log1p(x.fillna(0)))

def make():
    return Mine(max_iter=500)
"""
FIT_FAILS = OWN_CLASS.replace("return super().fit(", "raise ValueError('ACME Corp is odd'); super().fit(")


def begin(project: Project, text: str = TREES, choice: str = NAME) -> None:
    """Write the module and name its function, and drop rows enough for it."""
    (project.root / "my_models.py").write_text(text)
    project.configure(model={"family": choice, "families": [NAME]})
    project.drop("sourcedata/dataset1.csv", table(700))
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))


def deploy_trees(project: Project) -> None:
    begin(project)
    said = project.run("fullprocess", "--json")
    assert (said.code, said.json["outcome"]) == (0, "deployed"), said.err


def deploy_own_class(project: Project) -> None:
    begin(project, OWN_CLASS)
    said = project.run("fullprocess", "--json")
    assert (said.code, said.json["outcome"]) == (0, "deployed"), said.err


@pytest.fixture
def trees(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(deploy_trees, tmp_path)


@pytest.fixture
def mine(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(deploy_own_class, tmp_path)


@pytest.fixture
def served() -> Iterator[Serve]:
    """The service of a project, which is stopped at the end: modules of two projects bear one name."""
    apps: list[Flask] = []

    def begun(project: Project) -> FlaskClient:
        apps.append(create_app(project.settings))
        return apps[-1].test_client()

    yield begun
    for app in apps:
        app.extensions["rooms"].watch.stop()


def live_model(project: Project) -> model.Model:
    settings = project.settings
    release = proven.live(settings.production, settings.own)
    assert release
    return release.model


# --- it competes, and is kept -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_family_of_ones_own_goes_live_and_its_card_tells_of_its_module(trees: Project) -> None:
    card = live_model(trees).card

    (entry,) = card.own
    assert (card.family, entry["fault"], entry["module"]) == (NAME, None, "my_models.py")
    assert entry["sha256"] == files.digest_file(trees.root / "my_models.py")
    assert ["sklearn.ensemble._forest", "ExtraTreesClassifier"] in entry["classes"]
    assert not [it for it in entry["classes"] if tuple(it) in model._ALLOWED]
    assert entry["sha256"] in (trees.root / f"production_deployment/current/{paths.MODEL_CARD}").read_text()


@pytest.mark.slow
def test_it_competes_beside_the_others(project: Project) -> None:
    begin(project, choice="auto")

    assert project.run("fullprocess").code == 0

    named = [it["name"] for it in project.json("models/trainedmodel.json")["candidates"]]
    assert named == [f"all rows, {it}" for it in ("logistic", "quadratic", "boosting", NAME)]


@pytest.mark.slow
def test_its_reasons_add_up(trees: Project) -> None:
    for call in trees.json("models/snapshot.json")["call_list"]:
        assert call["reasons"] or call["context"] or call["changed"]


@pytest.mark.slow
def test_the_service_answers_by_it_and_every_script_opens_it(trees: Project, served: Serve) -> None:
    client = served(trees)
    row = {"lastmonth_activity": 1, "lastyear_activity": 20, "number_of_employees": 3}

    answered = client.post("/prediction", json=[row])

    assert answered.status_code == 200, answered.text
    for name, *words in (("reporting",), ("scoring", "--production"), ("diagnostics", "--verify")):
        assert trees.run(name, *words).code == 0, name
    told = trees.run("diagnostics", "--predict", str(trees.root / "testdata/testdata.csv"))
    assert (told.code, len(told.out.splitlines())) == (0, 101), told.err


@pytest.mark.slow
def test_what_was_trained_by_hand_is_judged_and_deployed_by_hand(project: Project) -> None:
    begin(project)

    codes = [project.run(name).code for name in ("ingestion", "training", "scoring", "deployment", "reporting")]

    assert codes == [0] * 5
    assert live_model(project).card.family == NAME


# --- what is not opened -----------------------------------------------------------------------------------------------


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("executed",)


@pytest.mark.slow
@pytest.mark.parametrize("named", ["posix mkdir", "sklearn.utils.fixes mkdir"])
def test_a_foreign_model_is_not_executed_whatever_the_card_on_the_desk_says(
    trees: Project, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.chdir(trees.root)
    content, desk = pickle.dumps(Evil()), trees.root / "models"
    card = trees.json("models/trainedmodel.json") | {"sha256": files.digest(content)}
    card["own"][0]["classes"].append(named.split())
    (desk / paths.MODEL).write_bytes(content)
    (desk / paths.CARD).write_bytes(files.as_json(card))

    said = trees.run("scoring")
    settings, noted = trees.settings, {"card": files.digest_file(desk / paths.CARD)}
    with pytest.raises(ModelError):  # and if a run had told of the card
        proven.desk(settings.models, settings.production, settings.own, noted)

    assert said.code == 1
    assert "no run tells of this card" in said.err
    assert not (trees.root / "executed").exists()


def test_a_function_of_another_package_is_no_class_of_the_one_that_names_it() -> None:
    from sklearn.utils import _testing

    found = getattr(_testing, "check_output", os.mkdir)

    assert not own_families.may_be_named(found, "sklearn.utils._testing", "check_output")
    assert not own_families.may_be_named(np.load, "numpy", "load")
    assert own_families.may_be_named(np.log, "numpy", "log")


@pytest.mark.slow
def test_a_release_whose_family_is_not_in_the_settings_is_told_and_not_opened(trees: Project, served: Serve) -> None:
    trees.configure(model={"family": "auto"})

    said = trees.run("fullprocess")

    assert said.code == 1
    assert "model.families does not name" in said.err
    assert "--rollback" in said.err
    health = served(trees).get("/health")
    assert "my_models:make" in health.text
    assert str(trees.root) not in health.text


@pytest.mark.slow
def test_a_module_that_is_gone_is_told_and_by_force_another_model_is_made(trees: Project) -> None:
    (trees.root / "my_models.py").unlink()

    said, forced = trees.run("fullprocess"), trees.run("fullprocess", "--force", "--json")

    assert said.code == 1
    assert "my_models.py cannot be read beside config.json" in said.err
    assert forced.code in (0, 4), forced.err
    assert live_model(trees).card.family != NAME


@pytest.mark.slow
def test_a_changed_module_is_work_and_its_model_opens_where_it_holds_no_class_of_it(trees: Project) -> None:
    assert trees.run("fullprocess").out.strip() == "no new data"
    (trees.root / "my_models.py").write_text(TREES.replace("n_estimators=20", "n_estimators=30"))

    said = trees.run("fullprocess")

    assert (said.code, said.out.startswith("no drift")) == (0, True), said
    assert live_model(trees).card.family == NAME


@pytest.mark.slow
def test_a_model_that_holds_a_class_of_a_changed_module_is_not_opened(mine: Project) -> None:
    assert live_model(mine).card.own[0]["classes"] == [["my_models", "Mine"]]
    (mine.root / "my_models.py").write_text(OWN_CLASS + "# changed\n")

    said = mine.run("fullprocess")
    (mine.root / "my_models.py").write_text(OWN_CLASS)

    assert said.code == 1
    assert "my_models.py has changed since" in said.err
    assert mine.run("fullprocess").code == 0


@pytest.mark.slow
def test_a_service_goes_on_while_the_module_changes_and_tells_when_it_starts_again(
    mine: Project, served: Serve
) -> None:
    running = served(mine)
    row = [{"lastmonth_activity": 1, "lastyear_activity": 20, "number_of_employees": 3}]
    before = running.post("/prediction", json=row).json["risks"]
    (mine.root / "my_models.py").write_text(OWN_CLASS + "# changed\n")

    after, started = running.post("/prediction", json=row), served(mine)

    assert after.json["risks"] == before
    assert started.post("/prediction", json=row).status_code == 503
    assert "has changed since" in started.get("/health").text


# --- what fails -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nowhere_at_all\n", "ModuleNotFoundError in line 1: No module named 'nowhere_at_all'"),
        ("def make(:\n", "SyntaxError"),
        ("def other():\n    pass\n", "my_models.py has no function make"),
        ("def make():\n    return 7\n", "make returned int, which has no fit"),
        ("def make():\n    raise SystemExit(3)\n", "SystemExit in line 2"),
        (FIT_FAILS, "ValueError in line 7: ACME Corp is odd"),
        (OWN_CLASS.replace("return super().predict_proba(", "return np.nan * super().predict_proba("), "from 0 to 1"),
        (OWN_CLASS.replace("return super().predict_proba(", "return 2 * super().predict_proba("), "from 0 to 1"),
        (OWN_CLASS.replace("return super().predict_proba(", "return super().decision_function("), "from 0 to 1"),
        (OWN_CLASS.replace("return super().fit(", "self.f = lambda: 0; return super().fit("), "PicklingError"),
        (OWN_CLASS.replace("return super().fit(", "self.f = open; return super().fit("), "open"),
    ],
)
def test_a_family_that_fails_is_told_and_the_others_compete(project: Project, text: str, told: str) -> None:
    begin(project, text)

    said = project.run("fullprocess", "--json")

    assert (said.code, said.json["outcome"]) == (0, "deployed"), said.err
    (warned,) = [it for it in project.json("models/snapshot.json")["warnings"] if "does not compete" in it]
    assert told in said.err
    assert warned.startswith(f"The family {NAME} does not compete: ")
    card = project.json("models/trainedmodel.json")
    assert card["family"] in ("logistic", "quadratic", "boosting")
    assert card["own"][0]["fault"]
    assert "ACME" not in project.text("production_deployment/journal.jsonl") + json.dumps(card)


@pytest.mark.slow
def test_a_fixed_family_that_failed_is_not_tried_in_every_run(project: Project) -> None:
    begin(project, FIT_FAILS)
    project.run("fullprocess")
    project.drop("sourcedata/unlabelled.csv", table(300, seed=3, first=3_000, labels=False))

    said = project.run("fullprocess", "--json")

    assert (said.code, said.json["reason_to_train"]) == (0, None), said.err


def test_a_family_that_is_too_slow_is_stopped_and_the_deadline_of_the_run_stands(tmp_path: Path) -> None:
    slow = OWN_CLASS.replace("return super().fit(", "import time; time.sleep(60); return super().fit(")
    (tmp_path / "my_models.py").write_text(slow)
    (family,), _ = own_families.usable(OwnFamilies(tmp_path, (NAME,), 0.5), {"size": "numeric"})
    x, left = pd.DataFrame({"size": [1.0, 2.0]}), np.array([0.0, 1.0])

    with deadline.ended_after(500, DeadlineError("late")):
        for _ in range(2):  # the second fit has no seconds left
            with pytest.raises(FamilyError, match=r"it takes more than 0\.5 seconds"):
                fitting.fit(family, {"size": "numeric"}, x, left)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 400


@pytest.mark.parametrize(
    "name", ["make", "my_models", "my.models:make", "../x:make", "my_models:make()", ":make", "é:m"]
)
def test_a_name_that_is_no_module_and_function_is_refused(project: Project, name: str) -> None:
    project.configure(model={"families": [name]})

    with pytest.raises(ConfigError, match=r"model\.families\.0"):
        _ = project.settings


def test_a_family_that_is_not_named_cannot_be_fixed(project: Project) -> None:
    project.configure(model={"family": NAME})

    with pytest.raises(ConfigError, match=r"'my_models:make' is not known; expected one of 'auto', 'logistic'"):
        _ = project.settings


@pytest.mark.parametrize("stem", ["json", "pandas", "app"])
def test_a_module_that_is_called_like_another_one_is_told(tmp_path: Path, stem: str) -> None:
    (tmp_path / f"{stem}.py").write_text("def make():\n    pass\n")
    own = OwnFamilies(tmp_path, (f"{stem}:make",))

    able, (fault,) = own_families.usable(own, {})

    assert able == []
    assert f"another module is called {stem} too" in str(fault)
    assert getattr(sys.modules.get(stem), "__file__", "") != str(tmp_path / f"{stem}.py")


def test_a_link_that_leads_out_of_the_folder_is_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "outside_models.py").write_text("def make():\n    pass\n")
    (home / "outside_models.py").symlink_to(tmp_path / "outside_models.py")

    _, (fault,) = own_families.usable(OwnFamilies(home, ("outside_models:make",)), {})

    assert "leads out of the folder" in str(fault)


def test_a_function_may_take_the_kinds_or_nothing(tmp_path: Path) -> None:
    text = "from sklearn.dummy import DummyClassifier as D\ndef a(kinds):\n    return D()\ndef b():\n    return D()\n"
    (tmp_path / "two_models.py").write_text(text)
    own = OwnFamilies(tmp_path, ("two_models:a", "two_models:b"))

    able, faults = own_families.usable(own, {"size": "numeric"})

    assert ([it.name for it in able], faults) == (list(own.names), [])
    assert all(isinstance(it, Family) for it in able)
