"""Compiled forms answer as their models do, and one that does not is refused."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as drawn
from hypothesis import strategies as st

from risk.modeling import families, fitting
from risk.modeling.compiled import Compiled, form_of
from risk.modeling.compiled_proof import fault, proved
from risk.modeling.families import NOTHING, Family, Size
from risk.modeling.fitting import Sigmoid
from risk.modeling.metrics import Floats

KINDS = {"size": "numeric", "balance": "numeric", "plan": "categorical", "shop": "categorical", "same": "numeric"}
FAMILIES = [it for family in families.KNOWN for it in (family, family.with_rates) if it]
EACH = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: f"{family.name} {family.encoding}".strip())
ODD = (0.0, -0.0, -5.0, 1e-300, 1e15, -1e15, 3.0, None)


def world(n: int = 1_500, seed: int = 0) -> tuple[pd.DataFrame, Floats]:
    """Clients with gaps, levels that are missing, rare or look like numbers, and a column that never varies."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": np.where(draw.random(n) < 0.1, np.nan, draw.lognormal(3, 1, n).round(1)),
            "balance": np.where(draw.random(n) < 0.1, np.nan, draw.normal(0, 1, n)),
            "plan": draw.choice(["1", "01", "1.0", None], n),
            "shop": draw.choice([*map(str, range(70)), None], n),
            "same": 3.0,
        }
    )
    pull = 0.8 * np.log1p(frame["size"]).fillna(3) + frame["balance"].fillna(0) - 1.5 * (frame["plan"] == "1")
    left = (draw.random(n) < 1 / (1 + np.exp(pull - 2))).astype(float).to_numpy()
    return fitting.features(frame, KINDS), left


_MADE: dict[str, Any] = {}


def made(family: Family) -> Any:
    key = family.name + family.encoding
    if key not in _MADE:
        fitted = fitting.fit(family, KINDS, *world(), Size(16.0, 25) if family.stages else None)
        _MADE[key] = fitting.calibrated(fitted, Sigmoid(-1.3, 0.2)) if family.calibrated else fitted
    return _MADE[key]


def compiled(family: Family) -> Compiled:
    found = proved(made(family), KINDS)
    assert isinstance(found, Compiled), found
    return found


def lists(frame: pd.DataFrame) -> dict[str, list[Any]]:
    return {name: [None if pd.isna(it) else it for it in frame[name].tolist()] for name in frame}


@EACH
def test_a_form_answers_rows_that_the_model_never_saw_as_the_model_does(family: Family) -> None:
    frame, _ = world(400, seed=7)

    risks = compiled(family).risks(lists(frame))

    stated = fitting.risks_of(made(family), frame)
    assert np.abs(risks - stated).max() <= 1.1e-12
    assert len(set(risks.tolist())) > 50


@EACH
def test_one_row_is_answered_as_among_many(family: Family) -> None:
    form, (frame, _) = compiled(family), world(200, seed=8)
    columns = lists(frame)

    singly = [float(form.risks({name: [it[row]] for name, it in columns.items()})[0]) for row in range(200)]

    assert np.abs(np.array(singly) - form.risks(columns)).max() <= 1.1e-12


@pytest.mark.slow
@EACH
@given(st.lists(st.tuples(
    st.sampled_from(ODD) | st.floats(-1e6, 1e6), st.sampled_from(ODD) | st.floats(-50, 50),
    st.sampled_from(["1", "01", "1.0", "1.", "one", "", None]), st.sampled_from(["0", "69", "70", "00", None]),
    st.sampled_from([3.0, 2.0, None]),
), min_size=1, max_size=30))  # fmt: skip
@drawn(max_examples=15, deadline=None)
def test_whatever_a_row_holds_the_form_answers_as_the_model(family: Family, rows: list[tuple[Any, ...]]) -> None:
    columns = {name: list(it) for name, it in zip(KINDS, zip(*rows, strict=True), strict=True)}
    frame = pd.DataFrame({name: pd.Series(it, dtype=object) for name, it in columns.items()})

    risks = compiled(family).risks(columns)

    stated = fitting.risks_of(made(family), fitting.features(frame, KINDS))
    assert np.abs(risks - stated).max() <= 1e-11


@pytest.mark.slow
def test_trees_are_added_as_scikit_learn_adds_them() -> None:
    family, (frame, _) = families.KNOWN[-1], world(3_000, seed=9)

    for n_rows in (1, 5, 7, 15, 17, 3_000):
        some = frame[:n_rows]
        assert (compiled(family).risks(lists(some)) == fitting.risks_of(made(family), some)).all()


@pytest.mark.slow
def test_the_share_of_leavers_alone_and_a_table_of_blanks_are_compiled_too() -> None:
    x, left = world()
    blank = x.assign(size=np.nan, balance=np.nan)

    shares = fitting.fit(families.KNOWN[0], KINDS, x, left, Size(NOTHING))
    trees = fitting.fit(families.KNOWN[-1], {"size": "numeric"}, blank, left, Size(4.0, 25))

    assert isinstance(proved(shares, KINDS), Compiled)
    assert isinstance(proved(trees, {"size": "numeric"}), Compiled)


def altered(form: Compiled, path: str, change: Any) -> Compiled:
    """Return a form of which one figure is another."""
    inner = copy.deepcopy(form.form)
    value = getattr(inner, path)
    return dataclasses.replace(form, form=dataclasses.replace(inner, **{path: change(value)}))


@pytest.mark.slow
@EACH
def test_a_form_of_which_one_figure_is_altered_is_refused(family: Family) -> None:
    form, model = compiled(family), made(family)

    if family.stages:
        at, first = next((at, it) for at, it in enumerate(form.form.columns) if it.limits)  # type: ignore[union-attr]
        moved = dataclasses.replace(first, limits=(*first.limits[:-1], float(np.nextafter(first.limits[-1], np.inf))))
        wrong = [
            altered(form, "columns", lambda it: (*it[:at], moved, *it[at + 1 :])),
            altered(form, "leaves", lambda it: np.append(it[:-1], it[-1] + 1e-6)),
            altered(form, "start", lambda it: it + 1e-6),
        ]
    else:
        wrong = [
            altered(form, "weights", lambda it: (*it[:-1], it[-1] + 1e-4)),
            altered(form, "terms", lambda it: (dataclasses.replace(it[0], missing=it[0].missing + 1e-3), *it[1:])),
            altered(form, "levels", lambda it: ((it[0][0], (*it[0][1][:-1], it[0][1][-1] + 1e-4)), *it[1:])),
        ]
    other = [dataclasses.replace(form, sigmoid=Sigmoid(form.sigmoid.slope, form.sigmoid.offset + 1e-6))]

    assert fault(form, model, KINDS) is None
    for tampered in (*wrong, *other):
        assert fault(tampered, model, KINDS) is not None


@pytest.mark.slow
def test_every_leaf_of_every_tree_is_proved() -> None:
    family = families.KNOWN[-1]
    form, model = compiled(family), made(family)
    n_leaves = len(form.form.leaves)  # type: ignore[union-attr]

    unseen = []
    for leaf in range(0, n_leaves, 7):
        other = altered(form, "leaves", lambda it, leaf=leaf: np.where(np.arange(n_leaves) == leaf, it + 1e-3, it))
        unseen += [leaf] if fault(other, model, KINDS) is None else []

    assert not unseen


def test_what_is_made_in_another_way_is_not_compiled() -> None:
    fitted = copy.deepcopy(made(families.KNOWN[0]))
    fitted[0].named_transformers_["plain"].steps.insert(0, ("own", fitted[0].named_transformers_["plain"][0]))

    assert isinstance(proved(fitted, KINDS), str)
    assert "no pipeline" in str(proved(object(), KINDS))
    with pytest.raises(ValueError, match="no pipeline"):
        form_of(object(), KINDS)


@EACH
def test_numbers_too_large_for_the_form_give_no_risk(family: Family) -> None:
    columns = {"size": [1e308], "balance": [-1e308], "plan": ["1"], "shop": [None], "same": [1e308]}

    for n_rows in (1, 20):
        risks = compiled(family).risks({name: it * n_rows for name, it in columns.items()})
        assert len(risks) == n_rows
        assert (np.isnan(risks) | ((risks >= 0) & (risks <= 1))).all()
