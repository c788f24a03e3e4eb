from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV

from risk.disk import files, paths
from risk.errors import ModelError
from risk.modeling import allowed_names, families, fitting, selection
from risk.modeling.compiled import Compiled
from risk.registry import model
from tests.conftest import Project
from tests.modeling.test_many_levels import KINDS as TOWN_KINDS
from tests.modeling.test_many_levels import taught as taught_of_towns
from tests.modeling.test_many_levels import towns
from tests.modeling.test_selection import KINDS, world


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with a real model and its card."""
    x, left = world(300)
    taught = selection.teach(x, left, np.arange(300).astype(str), np.zeros(300), np.zeros(300, dtype=bool), KINDS)
    content = model.pack(taught, x, left)
    (tmp_path / paths.MODEL).write_bytes(content)
    (tmp_path / paths.CARD).write_bytes(files.as_json(asdict(card(files.digest(content), taught.threshold))))
    return tmp_path


def card(sha256: str, threshold: float) -> model.Card:
    facts: dict[str, Any] = dict.fromkeys(model.Card.__dataclass_fields__, "")
    facts |= {"sha256": sha256, "features": KINDS, "threshold": threshold, "why": None, "scores": {}, "packages": {}}
    return model.Card(**facts)


class Evil:
    """What a hostile file would do when it is opened."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("executed",)


def test_a_model_opens_with_its_card_and_answers(desk: Path) -> None:
    found = model.load(desk)

    risks = found.risks(pd.DataFrame({"size": [3.0], "balance": [0.1], "plan": ["yearly"], "more": [1]}))

    assert 0 < risks[0] < 1
    assert found.name == desk.name


def test_a_card_of_an_older_program_opens_whatever_else_it_says(desk: Path) -> None:
    path = desk / paths.CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | {"segments": {"by": "size", "segments": []}}))

    assert model.load(desk).card == model.read_card(desk)
    assert not hasattr(model.read_card(desk), "segments")


def test_a_truncated_file_is_not_opened(desk: Path) -> None:
    path = desk / paths.MODEL
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(ModelError, match="truncated or foreign and was not opened"):
        model.load(desk)


def test_a_foreign_pickle_is_never_executed_even_with_a_card(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    content = pickle.dumps(Evil())
    (desk / paths.MODEL).write_bytes(content)
    (desk / paths.CARD).write_bytes(files.as_json(asdict(card(files.digest(content), 0.5))))

    with pytest.raises(ModelError, match=r"names posix\.mkdir"):
        model.load(desk)

    assert not (desk / "executed").exists()


def test_a_missing_column_is_named(desk: Path) -> None:
    with pytest.raises(ModelError, match="no column 'balance'"):
        model.load(desk).risks(pd.DataFrame({"size": [1.0]}))


def test_a_missing_or_foreign_card_is_said(desk: Path) -> None:
    (desk / paths.CARD).write_text(json.dumps({"anything": 1}))
    with pytest.raises(ModelError, match="not a card of this program"):
        model.load(desk)

    (desk / paths.CARD).unlink()

    with pytest.raises(ModelError, match=r"no model card; run python training\.py"):
        model.load(desk)
    assert not model.whole(desk)


def names_in(content: bytes) -> set[tuple[str, str]]:
    """Return every class and function (module, name) that a model file names."""
    named: set[tuple[str, str]] = set()

    class Listening(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            named.add((module, name))
            return super().find_class(module, name)

    Listening(io.BytesIO(content)).load()
    return named


def packed(choice: str, n: int = 800) -> bytes:
    """Return the file of a model of a family, of rows in which values are missing."""
    x, left = world(n)
    x.loc[::7, "size"] = np.nan
    nobody, none = np.arange(n).astype(str), np.zeros(n, dtype=bool)
    return model.pack(selection.teach(x, left, nobody, np.zeros(n), none, KINDS, choice), x, left)


def fitted_by_rate(family: families.Family) -> Any:
    """Return a model that knows the levels of a column by their rates."""
    x, left = towns(1_000, 60, 1.0)
    return fitting.fit(family.with_rates or family, TOWN_KINDS, x, left)


@pytest.mark.slow
def test_every_name_on_the_allow_list_is_needed() -> None:
    for family in families.KNOWN:
        named = names_in(packed(family.name)) | names_in(pickle.dumps(fitted_by_rate(family)))

        assert named <= allowed_names.SHARED | family.named
        assert {name for _, name in family.named - named} == set()

    assert allowed_names.SHARED.union(allowed_names.OWN, *(family.named for family in families.KNOWN)) == model._ALLOWED
    assert not {name for _, name in model._ALLOWED} & {"partial", "getattr", "eval", "exec", "import_module", "load"}


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["logistic", "quadratic"])
def test_a_model_that_knows_levels_by_their_rates_opens_and_is_the_same_in_every_fit(desk: Path, choice: str) -> None:
    x, left = towns(3_000, 300, 1.5)
    made = taught_of_towns(x, left, choice)
    content = model.pack(made, x, left)
    (desk / paths.MODEL).write_bytes(content)
    told = replace(card(files.digest(content), 0.5), features=TOWN_KINDS, encoding=made.encoding)
    (desk / paths.CARD).write_bytes(files.as_json(asdict(told)))

    opened = model.load(desk)

    assert opened.card.encoding == families.BY_RATE
    assert (opened.risks(x) == fitting.risks_of(made.estimator, x)).all()
    assert model.pack(taught_of_towns(x, left, choice), x, left) == content


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["logistic", "quadratic", "boosting"])
def test_equal_rows_give_equal_bytes_in_every_process(choice: str) -> None:
    program = f"import test_model, hashlib; print(hashlib.sha256(test_model.packed({choice!r})).hexdigest())"
    here = Path(__file__).parent
    told = os.environ | {"PYTHONPATH": f"{here.parents[1]}:{here}", "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"}

    found = subprocess.run([sys.executable, "-c", program], env=told, capture_output=True, text=True, check=True)

    assert found.stdout.strip() == hashlib.sha256(packed(choice)).hexdigest()


@pytest.mark.slow
def test_a_boosting_model_is_a_plain_object_that_answers_by_column_names(desk: Path) -> None:
    content = packed("boosting")
    (desk / paths.MODEL).write_bytes(content)
    (desk / paths.CARD).write_bytes(files.as_json(asdict(card(files.digest(content), 0.5))))
    x, _ = world(50)

    opened, plain = model.load(desk), pickle.loads(content)

    risks = opened.risks(x[["plan", "balance", "size"]].assign(more=1))
    assert np.round(plain.predict_proba(x)[:, 1], 12).tolist() == risks.tolist()
    assert plain.predict(x).tolist() == (plain.predict_proba(x)[:, 1] >= plain.threshold).astype(int).tolist()
    assert isinstance(opened.taught, CalibratedClassifierCV)


def test_a_model_gives_the_same_bytes_whether_or_not_another_was_opened_before(desk: Path) -> None:
    x, left = world(300)
    nobody, none = np.arange(300).astype(str), np.zeros(300, dtype=bool)
    model.load(desk)

    again = model.pack(selection.teach(x, left, nobody, np.zeros(300), none, KINDS), x, left)

    assert again == (desk / paths.MODEL).read_bytes()


@pytest.mark.slow
def test_very_many_rows_are_rated_by_the_compiled_form_to_the_same_12_digits(
    deployed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = model.load(deployed.root / "models")
    frame = pd.DataFrame(np.random.default_rng(3).lognormal(4, 1, (3_000, 3)), columns=list(found.card.features))
    whole = found.risks(frame)

    monkeypatch.setattr(model, "MANY", 1_000)  # and all at once

    assert isinstance(found.compiled, Compiled)
    assert (found.risks(frame) == whole).all()
