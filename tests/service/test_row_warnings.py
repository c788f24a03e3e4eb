from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from risk.modeling import reference
from risk.report.situation import level, levels
from risk.service.row_warnings import MOST, Trained, of_rows
from risk.settings.settings import load
from tests.installation import deploy, lay_out, report

KINDS = {"activity": "numeric", "sector": "categorical"}
TRAINED = Trained({"activity": (0.0, 99.5)}, {"sector": frozenset(("bank", "retail"))})


def told(activity: list[Any], sector: list[Any], trained: Trained = TRAINED) -> list[tuple[Any, ...]]:
    found = of_rows({"activity": activity, "sector": sector}, KINDS, trained)
    return [(it["row"], it["field"], it["message"]) for it in found]


@pytest.mark.parametrize("n_more", [0, 40])
def test_each_row_is_told_what_is_strange_about_it(n_more: int) -> None:
    sound = [50.0] * n_more, ["bank"] * n_more

    found = told([0, 99.5, None, -1, 1234567.5, *sound[0]], ["bank", "retail", "space", None, "bank", *sound[1]])

    assert found == [
        (2, "activity", "activity is blank; the model takes it as missing"),
        (2, "sector", "sector is 'space', which no trained row has"),
        (3, "activity", "activity is -1, outside the trained range of 0 to 99.5"),
        (3, "sector", "sector is blank; the model takes it as missing"),
        (4, "activity", "activity is 1,234,567.5, outside the trained range of 0 to 99.5"),
    ]


@pytest.mark.parametrize("n_rows", [1, 1000])
def test_what_a_card_of_an_older_program_does_not_know_is_not_told(n_rows: int) -> None:
    old = Trained({}, {})

    assert told([1e300] * n_rows, ["space"] * n_rows, old) == []
    assert len(told([None] * n_rows, ["space"] * n_rows, old)) == min(n_rows, MOST + 1)


def test_many_warnings_end_with_how_many_more_there_are() -> None:
    found = told([None] * 60_000, ["space"] * 60_000)

    assert len(found) == MOST + 1
    assert [it[0] for it in found[:4]] == [0, 0, 1, 1]
    assert found[-1] == (None, None, "… 119,900 more")


def test_a_reference_keeps_the_range_of_the_trained_rows() -> None:
    np = reference.np
    features = {
        "a": np.array([3.0, np.nan, -2.5]),
        "b": np.array([np.nan] * 3),
        "c": np.array(["x", None, "y"], object),
    }
    kinds: dict[str, reference.Kind] = {"a": "numeric", "b": "numeric", "c": "categorical"}

    kept = reference.reference(features, kinds, np.array([0.0, 1.0, 0.0]), np.array([0.1, 0.7, 0.2]))

    assert [(it.low, it.high) for it in kept.features] == [(-2.5, 3.0), (None, None), (None, None)]
    assert reference.Reference.from_dict(kept.as_dict()) == kept


def test_the_words_of_many_risks_are_those_of_each() -> None:
    edges = [0.095, 0.1, 0.245, 0.25, 0.495, 0.5, 0.745, 0.75]
    risks = [x for edge in edges for x in (edge, np_next(edge, 0), np_next(edge, 1))] + [n / 997 for n in range(998)]

    assert levels(risks) == [level(risk) for risk in risks]
    assert [levels([risk])[0] for risk in risks] == levels(risks)


def np_next(value: float, towards: float) -> float:
    return float(reference.np.nextafter(value, towards))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    yield from client_of(tmp_path_factory.mktemp("warned") / "root")


def client_of(root: Path) -> Iterator[FlaskClient]:
    settings = lay_out(root)
    deploy(settings, "1-aa", with_reference=True)
    report(settings, "1", "1-aa")
    app = create_app(load(root / "config.json"))
    yield app.test_client()
    app.extensions["rooms"].watch.stop()


@pytest.mark.parametrize("kind", ["application/json", "text/csv"])
def test_a_prediction_warns_by_row_and_stays_what_it_is(client: FlaskClient, kind: str) -> None:
    rows = [{"activity": 3, "size": 10, "sector": "bank"}, {"activity": 1e6, "size": None, "sector": "space"}]
    table = "activity,size,sector\n3,10,bank\n1000000,,space\n"

    json_body = {"json": rows} if kind == "application/json" else {"data": table, "content_type": kind}
    found = client.post("/prediction", **json_body).json  # type: ignore[arg-type]

    assert [(it["row"], it["field"]) for it in found["warnings"]] == [(1, "activity"), (1, "size"), (1, "sector")]
    assert "outside the trained range of 0 to 99" in found["warnings"][0]["message"]
    assert found["bands"] == [level(risk) for risk in found["risks"]]


def test_current_clients_have_a_band_too(client: FlaskClient) -> None:
    found = client.post("/prediction", json={"ids": ["acme, inc.", "zeta//one"]}).json

    assert (found["bands"], found["warnings"]) == (["very high", "moderate"], [])
    assert client.get("/clients?limit=1").json["clients"][0]["band"] == "very high"
