"""Reasons in words: why a client's risk is high, what nobody can influence about it, and what has changed.

A figure is compared with that of similar clients: those with the same levels, and in the same fifth of the numbers,
that the settings mark as context.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from risk.dataset.next_steps import Direction
from risk.modeling.metrics import Floats, Kinds
from risk.modeling.reasons import Predict, rises, times_the_risk, typical
from risk.settings.schema import Schema
from risk.text import percent

SMALLEST_RISE, MOST_NAMED = 0.1, 3  # in log-odds; reasons
COMMON = 0.05  # the share of clients from which on a typical value is said by how many have it
FEWEST_SIMILAR = 20  # clients; with fewer a figure is compared with that of all
FIFTHS = (0.2, 0.4, 0.6, 0.8)
CLEAR, MOST_CHANGES, MOST_TIMES = 1.1, 2, 10.0  # times the risk; changes; times the risk that are said
MOST_DRIVERS = 8
UNKNOWN, NEW = "unknown", "the model was not trained on such clients"


@dataclass(frozen=True)
class Why:
    """The reasons for a client's risk, the weightiest first.

    `drivers` are the labels of its features with what each adds to the log-odds (less than 0: it lowers the risk);
    `leading` is the first feature that moved, with `up` or `down` where it is a number.
    """

    reasons: list[str]
    context: list[str]
    changed: list[str]
    drivers: list[tuple[str, float]]
    leading: tuple[str, Direction] | None


def explained(
    predict: Predict, frame: pd.DataFrame, before: pd.DataFrame, everyone: pd.DataFrame, schema: Schema, *,
    adds_up: bool = False, known: Mapping[str, Collection[str]] | None = None,
) -> list[Why]:  # fmt: skip
    """Return why the risk of each row is high.

    `before` holds the row of the same client before each, missing where there is none; `everyone` the rows of all
    clients in the order of risk, of whom those in `frame` need not be. `adds_up` says that the log-odds are a sum of
    one term per feature. Of levels other than the `known` ones of a feature no model knows how often clients leave.
    """
    if frame.empty:
        return []
    usual, kinds = _Usual(everyone, frame, schema), schema.kinds
    has_before = before.notna().any(axis=1)
    before = before.where(has_before, frame, axis=0) if has_before.any() else frame
    found = rises(predict, frame, kinds, everyone, adds_up=adds_up)
    changes = {name: it for name, it in kinds.items() if name not in schema.changes}
    since = times_the_risk(predict, frame, before, changes if has_before.any() else {})
    levels = {name: kind for name, kind in kinds.items() if kind == "categorical"}
    instead = frame.assign(**{name: usual.other_levels(frame[name]) for name in levels})
    times = times_the_risk(predict, frame, instead, levels)
    shown = []
    for place, index in enumerate(frame.index):
        of = _Client(schema, frame.loc[index], before.loc[index], usual, index, known or {})
        ratios = {name: (instead[name].iloc[place], float(times[name][place])) for name in levels}
        shown.append(_why(of, {name: float(it[place]) for name, it in found.items()}, since, ratios, place))
    return shown


def _why(
    of: _Client, rise: Mapping[str, float], since: Mapping[str, Floats], ratios: Mapping[str, tuple[Any, float]],
    place: int,
) -> Why:  # fmt: skip
    order = sorted(rise, key=lambda name: -rise[name])
    raising, features = [name for name in order if rise[name] >= SMALLEST_RISE], of.schema.features
    moved = [name for name in raising if not features[name].context][:MOST_NAMED]
    steps = {name: float(np.log(max(it[place], 1e-12))) for name, it in since.items() if of.has_changed(name)}
    weighty = sorted((name for name in steps if abs(steps[name]) >= np.log(CLEAR)), key=lambda name: -abs(steps[name]))
    return Why(
        [of.reason(name, ratios.get(name)) for name in moved],
        [of.reason(name, ratios.get(name)) for name in raising if features[name].context][:MOST_NAMED],
        [of.change(name, steps[name]) for name in weighty if name not in moved][:MOST_CHANGES],
        [
            (of.schema.labels[name][0], round(rise[name], 3))
            for name in sorted(order, key=lambda name: -abs(rise[name]))[:MOST_DRIVERS]
            if any(round(it, 3) for it in rise.values())
        ],
        (moved[0], of.direction(moved[0])) if moved else None,
    )


@dataclass(frozen=True)
class _Client:
    """A client's row, the one before it, and what is usual."""

    schema: Schema
    row: pd.Series
    before: pd.Series
    usual: _Usual
    index: Any
    known: Mapping[str, Collection[str]]

    def has_changed(self, name: str) -> bool:
        return _plain(self.row[name]) != _plain(self.before[name])

    def direction(self, name: str) -> Direction:
        value, usual = self.row[name], self.usual.of(name, self.index, self.row[name])[0]
        if self.schema.kinds[name] != "numeric" or pd.isna(value) or usual is None or value == usual:
            return ""
        return "up" if value > usual else "down"

    def reason(self, name: str, ratio: tuple[Any, float] | None) -> str:
        """The figure beside the usual one, and the one before; a level beside another one."""
        value = self.row[name]
        if ratio and name in self.known and ("" if pd.isna(value) else value) not in self.known[name]:
            return f"{self._figure(name)} ({NEW})"
        if ratio:
            other, times = ratio
            told = f"{MOST_TIMES:g} × or more" if times >= MOST_TIMES else f"{times:.1f} ×"
            beside = f"leaves {told} as often as with {_plain(other)}" if times >= CLEAR and other is not None else ""
            return f"{self._figure(name)}{f' ({beside})' if beside else ''}"
        usual, is_similar = self.usual.of(name, self.index, value)
        if _plain(value) != _plain(usual):
            return f"{self._figure(name)} ({'similar clients:' if is_similar else 'typical'} {_plain(usual)})"
        share = self.usual.share(name, value)
        beside = f"as {percent(min(share, 0.99), 0)} of clients" if share >= COMMON else "typical"
        return f"{self._figure(name)} ({beside})"

    def change(self, name: str, step: float) -> str:
        return f"{self._figure(name)} ({'raises' if step > 0 else 'lowers'} the risk)"

    def _figure(self, name: str) -> str:
        """The figure with its label and unit, and the one that it had before."""
        (label, unit), value, before = self.schema.labels[name], self.row[name], self.before[name]
        told = f"{_plain(value)} {unit}" if unit and _plain(value) != UNKNOWN else _plain(value)
        if not self.has_changed(name):
            return f"{label} {told}"
        if self.schema.kinds[name] == "numeric" and not pd.isna(value) and not pd.isna(before):
            return f"{label} {'fell' if value < before else 'rose'} from {_plain(before)} to {told}"
        return f"{label} changed from {_plain(before)} to {told}"


class _Usual:
    """What is usual among all clients, and among those who are similar."""

    def __init__(self, everyone: pd.DataFrame, frame: pd.DataFrame, schema: Schema) -> None:
        self._everyone, self._typical = everyone, typical(everyone, schema.kinds)
        context = {name: kind for name, kind in schema.kinds.items() if schema.features[name].context}
        numbers = [name for name, kind in schema.kinds.items() if kind == "numeric" and name not in context]
        self._segments, self._similar = None, pd.DataFrame()
        if context and numbers:
            self._segments = _segments(frame, everyone, context)
            groups = everyone[numbers].groupby(_segments(everyone, everyone, context))
            self._similar = groups.quantile(0.5, interpolation="lower")[groups.size() >= FEWEST_SIMILAR]

    def of(self, name: str, index: Any, value: Any) -> tuple[Any, bool]:
        """The usual value of a feature for the client at this index, and whether that is among similar ones.

        Where its own value is above that of the ones and below that of the others, all clients say more.
        """
        usual = self._typical[name]
        if self._segments is not None and name in self._similar and usual is not None:
            segment = self._segments[index]
            similar = self._similar[name].get(segment, np.nan)
            if (value - similar) * (value - usual) > 0:
                return float(similar), True
        return usual, False

    def share(self, name: str, value: Any) -> float:
        """The share of all clients with this value."""
        column = self._everyone[name]
        return float((column.isna() if pd.isna(value) else column == value).mean())

    def other_levels(self, levels: pd.Series) -> list[Any]:
        """For each level the most frequent other one."""
        counts = self._everyone[levels.name].value_counts()
        order = sorted(counts.index, key=lambda level: (-counts[level], level))[:2]
        return [next((it for it in order if it != level), None) for level in levels]


def _segments(frame: pd.DataFrame, everyone: pd.DataFrame, context: Kinds) -> pd.Series:
    """For each row the fifths, of everyone, and levels of its context, as one text."""
    pieces = []
    for name, kind in context.items():
        column = frame[name]
        if kind == "numeric":
            known = everyone[name]
            edges = np.nanquantile(known.to_numpy(np.float64), FIFTHS) if known.notna().any() else np.zeros(4)
            column = pd.Series(np.searchsorted(edges, column.to_numpy(np.float64)), index=frame.index)
        pieces.append(column.astype(str))
    return pd.concat(pieces, axis=1).agg("\x1f".join, axis=1) if len(pieces) > 1 else pieces[0]


def _plain(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return UNKNOWN
    return f"{value:,.10g}" if isinstance(value, (float, int)) else str(value)
