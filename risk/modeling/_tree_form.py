"""Fitted trees as masks of the leaves that each value leaves open: the leaf of a row is what all its values leave.

Source: Lucchese et al., QuickScorer, SIGIR (2015); here both sides of every split are masked, so one leaf remains.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from risk.modeling import _levels
from risk.modeling.metrics import Array, Codes, Floats, Marks

Masks = NDArray[np.uint64]
Levels = dict[str | None, int]
MOST_LEAVES = 64  # of a tree: the bits of a mask
FEW_ROWS = 16
CELLS = 2**16  # rows times trees at once: what stays near the processor
MOST_CELLS = 2**25  # of all masks, a quarter of a gigabyte


@dataclass(frozen=True)
class OpenLeaves:
    """What the values of one column leave open: a row of masks for each interval between limits, or for each level.

    A number's row is the count of limits below it, the row of a level that of its code in `rows`.
    """

    place: int
    masks: Masks
    limits: tuple[float, ...]
    blank: int
    rows: tuple[int, ...] | None

    def of(self, column: Array) -> Codes:
        if self.rows is not None:
            return np.array(self.rows)[column]
        found = np.searchsorted(np.array(self.limits), column)
        return np.where(np.isnan(column), self.blank, found)


@dataclass(frozen=True)
class Trees:
    """The log-odds of rows: the start, and from each tree the value of the one leaf that is left open."""

    start: float
    columns: tuple[OpenLeaves, ...]
    leaves: Floats  # of all trees, one tree after the other
    firsts: Codes  # the place of each tree's first leaf

    def one(self, row: Sequence[Any]) -> float:
        """The log-odds of one row: numbers or None, and the codes of levels."""
        masks = None
        for it in self.columns:
            value = row[it.place]
            if it.rows is not None:
                place = it.rows[value]
            else:
                place = it.blank if value is None else bisect_left(it.limits, value)
            masks = it.masks[place] if masks is None else masks & it.masks[place]
        if masks is None:
            return float(np.add.accumulate([self.start, *self.leaves[self.firsts]])[-1])
        values = self.leaves[self.firsts + np.bitwise_count(masks - _ONE)]
        values[0] += self.start
        return float(np.add.accumulate(values)[-1])

    def many(self, columns: Sequence[Array]) -> Floats:
        """The log-odds of rows: columns of numbers, NaN where missing, and of codes of levels."""
        n_rows, step = len(columns[0]), max(1, CELLS // len(self.firsts))
        places = [(it.masks, it.of(columns[it.place])) for it in self.columns]
        odds = np.empty(n_rows)
        for start in range(0, n_rows, step):
            rows = slice(start, start + step)
            odds[rows] = self._many([(masks, place[rows]) for masks, place in places], len(odds[rows]))
        return odds

    def leaf_values(self, columns: Sequence[Array], tree: Codes) -> Floats:
        """The value that one tree, another for each row, gives it."""
        open_leaves = np.full(len(tree), _ONE if not self.columns else _ALL)
        for it in self.columns:
            open_leaves &= it.masks[it.of(columns[it.place]), tree]
        return np.asarray(self.leaves[self.firsts[tree] + np.bitwise_count(open_leaves - _ONE)])

    def _many(self, places: Sequence[tuple[Masks, Codes]], n_rows: int) -> Floats:
        open_leaves = np.full((n_rows, len(self.firsts)), _ONE)
        for number, (masks, place) in enumerate(places):
            open_leaves = masks[place] if not number else np.bitwise_and(open_leaves, masks[place], out=open_leaves)
        open_leaves -= _ONE
        values = self.leaves[self.firsts + np.bitwise_count(open_leaves)]
        values[:, 0] += self.start
        if n_rows < FEW_ROWS:
            return np.asarray(np.add.accumulate(values, axis=1)[:, -1])
        found: Floats = np.add.reduce(np.ascontiguousarray(values.T), axis=0)  # one after the other, as they were grown
        return found


def trees(pipeline: Pipeline, names: Sequence[str]) -> tuple[dict[str, Levels], Trees]:
    """Return levels by column and the form of fitted trees. Raises: ValueError where they are not ours."""
    inputs, known = inputs_of(pipeline)
    grown, place = pipeline[-1], {name: at for at, name in enumerate(names)}
    _expect(isinstance(grown._preprocessor, FunctionTransformer | None) and grown.n_trees_per_iteration_ == 1)
    _expect(len(inputs) == grown.n_features_in_)
    nodes = _Nodes(grown)
    made = [nodes.values(at, place[name], what) for at, (name, what) in enumerate(inputs)]
    _expect(sum(it.masks.size for it in made if it) <= MOST_CELLS)
    start = float(np.ravel(grown._baseline_prediction)[0])
    return known, Trees(start, tuple(it for it in made if it), nodes.leaves, nodes.firsts)


def inputs_of(pipeline: Pipeline) -> tuple[list[tuple[str, Floats | float]], dict[str, Levels]]:
    """The columns that the trees see, in order, and the levels of columns: each with what every level is, or a gap."""
    table, grown = pipeline
    _expect(type(table) is ColumnTransformer and type(grown) is HistGradientBoostingClassifier)
    inputs: list[tuple[str, Floats | float]] = []
    known: dict[str, Levels] = {}
    for _, part, columns in table.transformers_:
        if hasattr(part, "categories_"):
            codes = _levels.codes(part, columns)
            known |= codes
            made = [_levels.answers(part, columns, codes, name)[:, at] for at, name in enumerate(columns)]
            inputs += [(name, it.astype(np.float64)) for name, it in zip(columns, made, strict=True)]
        elif isinstance(part, SimpleImputer):
            inputs += [(name, float(fill)) for name, fill in zip(columns, part.statistics_, strict=True)]
        elif part != "drop":
            _expect(part == "passthrough" or (isinstance(part, FunctionTransformer) and part.func is None))
            inputs += [(name, np.nan) for name in columns]
    return inputs, known


class _Nodes:
    """All splits of fitted trees side by side, with the leaves of their two sides as masks."""

    def __init__(self, grown: HistGradientBoostingClassifier) -> None:
        predictors = [one for (one,) in grown._predictors]
        found = [it.nodes for it in predictors]
        _expect(max(int(it["is_leaf"].sum()) for it in found) <= MOST_LEAVES)
        self.grown, self.n_trees = grown, len(found)
        counts = [int(it["is_leaf"].sum()) for it in found]
        self.firsts = np.cumsum([0, *counts[:-1]])
        self.leaves = np.concatenate([it["value"][it["is_leaf"] > 0] for it in found])
        masks = [_masks(it) for it in found]
        joined = np.concatenate(found)
        splits = joined["is_leaf"] == 0
        self.splits = joined[splits]
        self.tree = np.repeat(np.arange(len(found)), [len(it) for it in found])[splits]
        self.left, self.right = (np.concatenate([it[side] for it in masks])[splits] for side in (0, 1))
        bits = [(it.raw_left_cat_bitsets, len(it.raw_left_cat_bitsets)) for it in predictors]
        self.bits = np.concatenate([it for it, _ in bits])
        first = np.cumsum([0, *(n for _, n in bits)])[:-1]
        self.bitset = self.splits["bitset_idx"] + first[self.tree]

    def values(self, feature: int, place: int, what: Floats | float) -> OpenLeaves | None:
        """What the values of an input of the trees leave open; None where no tree asks for it."""
        here = self.splits["feature_idx"] == feature
        if not here.any():
            return None
        levels = what if isinstance(what, np.ndarray) else None
        if self.splits["is_categorical"][here].any():
            _expect(levels is not None and bool(self.splits["is_categorical"][here].all()))
            assert levels is not None
            return OpenLeaves(place, self._of_levels(here, feature, levels), (), 0, tuple(range(len(levels))))
        limits = np.unique(self.splits["num_threshold"][here])
        masks = self._of_numbers(here, limits)
        blank = len(limits) + 1
        if levels is None:
            fill = blank if np.isnan(what) else int(np.searchsorted(limits, what))
            return OpenLeaves(place, masks, tuple(limits.tolist()), fill, None)
        rows = np.where(np.isnan(levels), blank, np.searchsorted(limits, levels))
        return OpenLeaves(place, masks, (), 0, tuple(rows.tolist()))

    def _of_numbers(self, here: Marks, limits: Floats) -> Masks:
        """A row for each interval between limits, and one for what is missing."""
        splits, tree, not_left, not_right = self.splits[here], self.tree[here], ~self.left[here], ~self.right[here]
        at = np.searchsorted(limits, splits["num_threshold"])
        below, above = (np.full((len(limits) + 1, self.n_trees), _ALL) for _ in range(2))
        np.bitwise_and.at(below, (at, tree), not_right)
        np.bitwise_and.at(above, (at + 1, tree), not_left)
        below = np.bitwise_and.accumulate(below[::-1], axis=0)[::-1]
        missing = np.full((1, self.n_trees), _ALL)
        goes_left = splits["missing_go_to_left"] > 0
        np.bitwise_and.at(missing[0], tree, np.where(goes_left, not_right, not_left))
        open_leaves = below & np.bitwise_and.accumulate(above, axis=0)
        return np.concatenate([open_leaves, missing]) & self._all()

    def _of_levels(self, here: Marks, feature: int, levels: Floats) -> Masks:
        """A row for each level, which has a code of the trees or none."""
        splits, bits = self.splits[here], self.bits[self.bitset[here]]
        known, place = self.grown._bin_mapper.make_known_categories_bitsets()
        known = known[place[feature]]
        masks = np.full((len(levels), self.n_trees), _ALL)
        for row, level in enumerate(levels.tolist()):
            goes_left = splits["missing_go_to_left"] > 0
            if level >= 0:
                word, bit = divmod(int(level), 32)
                is_known = bool(known[word] >> np.uint32(bit) & np.uint32(1))
                is_left = (bits[:, word] >> np.uint32(bit) & np.uint32(1)) > 0
                goes_left = is_left | (goes_left & (not is_known))
            np.bitwise_and.at(masks[row], self.tree[here], np.where(goes_left, ~self.right[here], ~self.left[here]))
        return masks & self._all()

    def _all(self) -> Masks:
        """The leaves that each tree has."""
        counts = np.diff([*self.firsts, len(self.leaves)]).astype(np.uint64)
        return _ALL >> (np.uint64(64) - counts)


def _masks(nodes: Array) -> tuple[Masks, Masks]:
    """The leaves on the left and on the right of every node of a tree; a child comes after its parent."""
    whole, number = [0] * len(nodes), 0
    is_leaf, left, right = (nodes[name].tolist() for name in ("is_leaf", "left", "right"))
    for at, leaf in enumerate(is_leaf):
        if leaf:
            whole[at], number = 1 << number, number + 1
    for at in range(len(nodes) - 1, -1, -1):
        if not is_leaf[at]:
            whole[at] = whole[left[at]] | whole[right[at]]
    sides = ([0 if leaf else whole[child] for leaf, child in zip(is_leaf, side, strict=True)] for side in (left, right))
    on_left, on_right = (np.array(side, dtype=np.uint64) for side in sides)
    return on_left, on_right


def _expect(is_so: bool) -> None:
    if not is_so:
        raise ValueError("it is not made as the families of this program are")


_ONE, _ALL = np.uint64(1), ~np.uint64(0)
