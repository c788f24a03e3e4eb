from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from test_learning import KINDS, world

from risk import artifacts, files, learning, model
from risk.errors import ModelError


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with a real model and its card."""
    x, left = world(300)
    taught = learning.teach(x, left, np.arange(300).astype(str), np.zeros(300), np.zeros(300, dtype=bool), KINDS)
    packed = model.pack(taught, x, left)
    (tmp_path / artifacts.MODEL).write_bytes(packed)
    (tmp_path / artifacts.CARD).write_bytes(model.card_bytes(card(files.digest(packed), taught.threshold)))
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


def test_a_truncated_file_is_not_opened(desk: Path) -> None:
    path = desk / artifacts.MODEL
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(ModelError, match="truncated or foreign and was not opened"):
        model.load(desk)


def test_a_foreign_pickle_is_never_executed_even_with_a_card(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    content = pickle.dumps(Evil())
    (desk / artifacts.MODEL).write_bytes(content)
    (desk / artifacts.CARD).write_bytes(model.card_bytes(card(files.digest(content), 0.5)))

    with pytest.raises(ModelError, match=r"names posix\.mkdir"):
        model.load(desk)

    assert not (desk / "executed").exists()


def test_a_missing_column_is_named(desk: Path) -> None:
    with pytest.raises(ModelError, match="no column 'balance'"):
        model.load(desk).risks(pd.DataFrame({"size": [1.0]}))


def test_a_missing_or_foreign_card_is_said(desk: Path) -> None:
    (desk / artifacts.CARD).write_text(json.dumps({"anything": 1}))
    with pytest.raises(ModelError, match="not a card of this program"):
        model.load(desk)

    (desk / artifacts.CARD).unlink()

    with pytest.raises(ModelError, match=r"no model card; run python training\.py"):
        model.load(desk)
    assert not model.whole(desk)


def test_every_name_on_the_allow_list_is_needed(desk: Path) -> None:
    named: set[tuple[str, str]] = set()

    class Listening(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            named.add((module, name))
            return super().find_class(module, name)

    with (desk / artifacts.MODEL).open("rb") as file:
        Listening(file).load()

    assert named <= model._ALLOWED
    assert {name for _, name in model._ALLOWED - named} <= {"MissingIndicator", "slice"}


def test_a_model_gives_the_same_bytes_whether_or_not_another_was_opened_before(desk: Path) -> None:
    x, left = world(300)
    nobody, none = np.arange(300).astype(str), np.zeros(300, dtype=bool)
    model.load(desk)

    again = model.pack(learning.teach(x, left, nobody, np.zeros(300), none, KINDS), x, left)

    assert again == (desk / artifacts.MODEL).read_bytes()
