from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from app import create_app
from risk.modeling.compiled import Compiled
from risk.service.live import Watch
from risk.service.predictions import LiveState, listed, predicted
from risk.service.problems import Problem
from risk.service.requests import Ids, RequestedRows
from risk.settings.settings import load
from tests.installation import deploy, lay_out, report

CLIENTS = [{"activity": n, "size": 3, "sector": "bank", "company": f"c{n}"} for n in range(0, 90, 3)]


def state(root: Path, shown: str | None) -> LiveState:
    settings = lay_out(root)
    deploy(settings, "2-bb")
    if shown:
        report(settings, "1", shown)
    watch = Watch(settings.production, settings.models, settings.schema)
    watch.poll()
    return watch.live


def rows(now: LiveState) -> RequestedRows:
    assert now.contract is not None
    asked = now.contract.read_json(json.dumps(CLIENTS).encode())
    assert isinstance(asked, RequestedRows)
    return asked


@pytest.mark.slow
def test_predictions_are_those_of_the_model_file(tmp_path: Path) -> None:
    now = state(tmp_path, "2-bb")
    asked = rows(now)

    answer = predicted(now, asked)

    assert now.model is not None
    assert answer["predictions"] == now.model.estimator.predict(asked.frame).tolist()
    assert len(set(answer["predictions"])) == 2
    assert np.allclose(answer["risks"], now.model.estimator.predict_proba(asked.frame)[:, 1])
    assert answer["clients"] == [client["company"] for client in CLIENTS]
    assert (answer["release"], answer["threshold"], answer["warnings"]) == ("2-bb", 0.4, [])


@pytest.mark.slow
@pytest.mark.parametrize(("shown", "told"), [("1-aa", "1-aa"), (None, "no report")])
def test_ranks_are_unknown_while_the_list_is_of_another_release(tmp_path: Path, shown: str | None, told: str) -> None:
    now = state(tmp_path, shown)

    answer = predicted(now, rows(now))

    assert set(answer["ranks"]) == {None}
    assert told in answer["warnings"][0]["message"]


def test_ids_are_answered_from_the_list_by_the_release_that_made_it(tmp_path: Path) -> None:
    now = state(tmp_path, "1-aa")

    answer = listed(now, Ids(["zeta//one", "acme, inc."]))

    assert (answer["release"], answer["risks"], answer["ranks"]) == ("1-aa", [0.1, 0.9], [4, 1])
    assert answer["predictions"] == [0, 1]
    assert "1-aa" in answer["warnings"][0]["message"]


@pytest.mark.slow
def test_an_unknown_id_refuses_the_whole_request(tmp_path: Path) -> None:
    now = state(tmp_path, "2-bb")

    with pytest.raises(Problem) as caught:
        listed(now, Ids(["acme, inc.", "nobody"]))

    assert (caught.value.status, caught.value.row, caught.value.field) == (422, 1, "ids")


@pytest.mark.slow
def test_the_compiled_form_answers_as_the_estimator_does(tmp_path: Path) -> None:
    now = state(tmp_path, "2-bb")
    asked = rows(now)
    assert now.model is not None

    assert isinstance(now.model.compiled, Compiled)
    assert predicted(now, asked)["risks"] == pytest.approx(now.model.risks(asked.frame).tolist(), abs=1.1e-12)


@pytest.mark.slow
def test_a_model_that_cannot_be_compiled_is_answered_by_scikit_learn_and_health_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("risk.registry.model.proved", lambda *_: "it is not made as the families are")
    now = state(tmp_path, "2-bb")
    asked = rows(now)
    assert now.model is not None

    health = create_app(load(tmp_path / "config.json")).test_client().get("/health")

    assert predicted(now, asked)["risks"] == now.model.risks(asked.frame).tolist()
    assert (health.status_code, health.json["status"]) == (200, "ok")
    assert (health.json["compiled"], health.json["not_compiled"]) == (False, "it is not made as the families are")


@pytest.mark.slow
def test_health_says_that_a_proved_form_answers(tmp_path: Path) -> None:
    state(tmp_path, "2-bb")

    health = create_app(load(tmp_path / "config.json")).test_client().get("/health").json

    assert (health["compiled"], health["not_compiled"]) == (True, None)
