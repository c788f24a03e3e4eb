"""The proof that a compiled form answers as the model it was made of.

Rows that tell a compiled form from the model it was made of: each threshold, level, gap and extreme, and each leaf.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from risk.modeling import fitting
from risk.modeling._levels import UNKNOWN
from risk.modeling._linear_form import BESIDE, CUT, LOGGED
from risk.modeling._tree_form import Trees, inputs_of
from risk.modeling.compiled import Compiled, form_of
from risk.modeling.encoding import FAR
from risk.modeling.metrics import Array, Codes, Floats, Kinds

CLOSE = 1e-9
SHUFFLES = 2
SINGLE = 500  # rows that are asked one by one too
EXTREMES = (0.0, -0.0, 1.0, -1.0, 1e-300, 0.5, 1e6, -1e6, 1e15, -1e15)
LARGEST_LOGARITHM = 34.0  # of a number that a regression may meet: beyond it, scikit-learn refuses some
LARGEST = float(np.finfo(np.float64).max)


def proved(estimator: Any, kinds: Kinds) -> Compiled | str:
    """Return the compiled form of a fitted model where it is proved; else why scikit-learn has to answer."""
    try:
        form = form_of(estimator, kinds)
        found = fault(form, estimator, kinds)
    except Exception as error:  # another version of scikit-learn, or an older program, may have made it otherwise
        return f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)
    return found or form


def fault(form: Compiled, estimator: Any, kinds: Kinds) -> str | None:
    """Return where a form differs from its model; None where it is proved."""
    pipeline = fitting.parts(estimator)[0]
    inputs = inputs_of(pipeline)[0] if isinstance(form.form, Trees) else []
    columns = _rows(form, _edges(pipeline, inputs) if inputs else {})
    frame = fitting.features(pd.DataFrame({name: pd.Series(it, dtype=object) for name, it in columns.items()}), kinds)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        stated = fitting.risks_of(estimator, frame)
    singly = np.array([form.risk(row) for row in islice(zip(*columns.values(), strict=True), SINGLE)])
    for how, found in (("many rows", form.risks(columns)), ("one row", singly)):
        distance = float(np.abs(found - stated[: len(found)]).max())
        if not distance <= CLOSE:
            return f"its risks of {how} differ by {distance:.1e} from those of the model"
    if isinstance(form.form, Trees) and _wrong_leaves(form.form, form.names, pipeline, inputs):
        return "it takes another leaf than the model"
    return None


def _rows(form: Compiled, edges: Mapping[str, list[float]]) -> dict[str, list[Any]]:
    """Every value that may tell, of all columns at once: each column's in a shuffled order, twice."""
    asked = {name: _values(form, place, edges) for place, name in enumerate(form.names)}
    n_rows, draw = max(map(len, asked.values())), np.random.default_rng(0)
    orders = {name: [draw.permutation(n_rows) for _ in range(SHUFFLES)] for name in asked}
    return {name: [it[at % len(it)] for order in orders[name] for at in order.tolist()] for name, it in asked.items()}


def _values(form: Compiled, place: int, edges: Mapping[str, list[float]]) -> list[Any]:
    codes = form.levels[place]
    if codes is not None:
        return list(dict.fromkeys([*codes, None, UNKNOWN, ""]))
    if isinstance(form.form, Trees):
        return [None, *EXTREMES, LARGEST, -LARGEST, *_beside(edges.get(form.names[place], []))]
    cuts = [
        float(np.expm1(min(limit, LARGEST_LOGARITHM)) if term.how == LOGGED else limit)
        for term in form.form.terms if term.place == place
        for cut in [(FAR if term.how == BESIDE else CUT) * term.scale]
        for limit in (term.mean - cut, term.mean, term.mean + cut)
    ]  # fmt: skip
    return [None, *EXTREMES, *_beside(cuts)]


def _edges(pipeline: Any, inputs: Sequence[tuple[str, Floats | float]]) -> dict[str, list[float]]:
    """The thresholds of each number that trees see as it is."""
    joined = np.concatenate([one.nodes for (one,) in pipeline[-1]._predictors])
    joined = joined[joined["is_leaf"] == 0]
    found = [np.unique(joined["num_threshold"][joined["feature_idx"] == at]).tolist() for at in range(len(inputs))]
    return {name: limits for (name, _), limits in zip(inputs, found, strict=True)}


def _beside(edges: Sequence[float]) -> list[float]:
    """The edges with the next floats below and above."""
    found = [*edges, *np.nextafter(edges, -np.inf), *np.nextafter(edges, np.inf)] if edges else []
    return [float(it) for it in found]


# --- the leaves of trees ----------------------------------------------------------------------------------------------


def _wrong_leaves(
    form: Trees, names: Sequence[str], pipeline: Any, inputs: Sequence[tuple[str, Floats | float]]
) -> bool:
    """Whether some row that leads to a leaf, lies at a threshold or is missing there, finds another leaf."""
    grown = pipeline[-1]
    known, place = grown._bin_mapper.make_known_categories_bitsets()
    predictors = [one for (one,) in grown._predictors]
    rows, tree = _leading([it.nodes for it in predictors], [it.raw_left_cat_bitsets for it in predictors], inputs)
    ends = np.searchsorted(tree, np.arange(len(predictors) + 1))
    parts = zip(predictors, ends, ends[1:], strict=False)
    stated = np.concatenate([it.predict(rows[start:end], known, place, 1) for it, start, end in parts])
    columns: list[Array] = [np.zeros(0)] * len(names)
    for at, (name, levels) in enumerate(inputs):
        columns[list(names).index(name)] = (
            _codes(rows[:, at], levels) if isinstance(levels, np.ndarray) else rows[:, at]
        )
    return bool((form.leaf_values(columns, tree) != stated).any())


def _codes(column: Floats, levels: Floats) -> Codes:
    """The level of each of these values; missing is the first level that is NaN."""
    order = np.argsort(levels, kind="stable")
    return order[np.minimum(np.searchsorted(levels[order], column), len(levels) - 1)]


def _leading(
    nodes: Sequence[Array], bitsets: Sequence[Array], inputs: Sequence[tuple[str, Floats | float]]
) -> tuple[Floats, Codes]:
    """Rows in the order of the trees, with the tree of each: one for every leaf, two more at each split.

    A row goes left by the threshold itself and right by the next float; where levels have numbers, by the nearest.
    """
    joined, sizes = np.concatenate(nodes), [len(it) for it in nodes]
    tree, first = np.repeat(np.arange(len(nodes)), sizes), np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
    sets = np.concatenate([it[:, :2] for it in bitsets]).astype(np.uint64)
    bitset = joined["bitset_idx"] + np.repeat(np.cumsum([0, *map(len, bitsets)])[:-1], sizes)
    blank = np.array([it[0] if isinstance(it, np.ndarray) else it for _, it in inputs], dtype=np.float64)
    rows, allowed = np.tile(blank, (len(joined), 1)), np.tile([_bits(it) for _, it in inputs], (len(joined), 1))
    splits = joined["is_leaf"] == 0
    for depth in range(int(joined["depth"].max())):
        here = np.flatnonzero(splits & (joined["depth"] == depth))
        at, limit, by_level = (joined[name][here] for name in ("feature_idx", "num_threshold", "is_categorical"))
        of_levels = np.flatnonzero(by_level)
        words = sets[bitset[here[of_levels]]]
        lefts = words[:, 0] | words[:, 1] << np.uint64(32)
        for side, some in (("left", lefts), ("right", ~lefts)):
            child = first[here] + joined[side][here]
            rows[child], allowed[child] = rows[here], allowed[here]
            rows[child, at] = limit if side == "left" else np.nextafter(limit, np.inf)
            _to_levels(rows, child, at, inputs, upwards=side == "right")
            place = child[of_levels], at[of_levels]
            allowed[place] &= some
            rows[place] = np.bitwise_count((allowed[place] & -allowed[place]) - np.uint64(1))
    at, each = joined["feature_idx"][splits], np.arange(int(splits.sum()))
    missing, below = rows[splits], rows[splits]
    missing[each, at], below[each, at] = blank[at], np.nextafter(joined["num_threshold"][splits], -np.inf)
    _to_levels(below, each, at, inputs, upwards=False)
    made, trees_of = (
        np.concatenate([rows[~splits], missing, below]),
        np.concatenate([tree[~splits], *[tree[splits]] * 2]),
    )
    for number, (_, levels) in enumerate(inputs):
        if isinstance(levels, np.ndarray):
            made[~np.isin(made[:, number], levels), number] = blank[number]
    order = np.argsort(trees_of, kind="stable")
    return made[order], trees_of[order]


def _bits(levels: Floats | float) -> np.uint64:
    """The codes that levels have, as bits."""
    found = levels[levels < 64].astype(np.uint64) if isinstance(levels, np.ndarray) else np.zeros(0, dtype=np.uint64)
    return np.uint64(np.bitwise_or.reduce(np.uint64(1) << found))


def _to_levels(
    rows: Floats, here: Codes, at: Codes, inputs: Sequence[tuple[str, Floats | float]], *, upwards: bool
) -> None:
    """Let the new values of inputs that levels have be numbers of levels: the nearest above, or below."""
    for number, (_, levels) in enumerate(inputs):
        if isinstance(levels, np.ndarray) and not np.isnan(levels).all():
            known, some = np.unique(levels[~np.isnan(levels)]), here[at == number]
            place = np.searchsorted(known, rows[some, number], side="left" if upwards else "right") - (not upwards)
            rows[some, number] = known[np.clip(place, 0, len(known) - 1)]
