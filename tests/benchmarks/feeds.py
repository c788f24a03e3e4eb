"""Faulty feeds: how often an ordinary file would be held, and how often a fault is found."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from risk.dataset._feed_checks import FeedFault, Figures, faults
from risk.modeling.metrics import Floats
from risk.simulation._worlds import Month, history
from tests.benchmarks.measure import Table

Values = dict[str, Floats]
Random = np.random.Generator
Ordinary = Callable[[Random, int, bool], tuple[Figures, Figures]]

N_FILES, N_FAULTS = 3_000, 300
SIZES = (200, 500, 2_000)
REFERENCE = 3_000
NAMES = np.array([f"corp-{number:08d}" for number in range(30_000)], dtype=object)
ROWS_OF_FAULTY, MOST_HELD, FEWEST_FOUND = 500, 0.001, 0.95


Row = tuple[str, str, str, bool | None]


def bench() -> Table:
    """Look at ordinary files of seven worlds, and at faulty ones of three; half of the clients' files are known."""
    rows = [_held_row(n_rows) for n_rows in SIZES]
    for fault in KINDS:
        rows += [
            _found_row(fault, "known clients", STEADY, True),
            _found_row(fault, "new clients like the others", STEADY[1:], False),
            _found_row(fault, "only clients who just joined, others than before", STEADY[:1], False, goal=False),
            _found_row(fault, "known clients in a strong season", (seasons,), True, goal=False),
        ]
    rows.append(_speed_row())
    return Table(
        "Faulty feeds",
        "Ordinary files: the project's own worlds, heavy tails of which nothing lasts, a bank's whole numbers, growing "
        "markets, large or small clients only, seasons, rare events; half with known clients, half with none. "
        "In brackets the one-sided 95 % bound. Faulty files have 500 rows; rows with a goal leave out a column that "
        "grows by itself and flags that look the same. Rows without a goal show what this rule cannot tell.",
        rows,
    )


def _held_row(n_rows: int) -> Row:
    hits = len(held(np.random.default_rng([n_rows, 1]), N_FILES, n_rows))
    bound = at_most(hits, N_FILES)
    figure = f"{hits} of {N_FILES:,} (≤ {bound:.2%})"
    return f"ordinary files of {n_rows:,} rows held", figure, f"≤ {MOST_HELD:.1%}", bound <= MOST_HELD


def _found_row(fault: str, clients: str, worlds: Sequence[Ordinary], known: bool, *, goal: bool = True) -> Row:
    hits = N_FAULTS - len(missed(np.random.default_rng([7, known]), fault, worlds, N_FAULTS, known))
    bound = at_least(hits, N_FAULTS)
    figure = f"{hits / N_FAULTS:.1%} (≥ {bound:.1%})"
    return (
        f"{fault}, {clients}",
        figure,
        f"≥ {FEWEST_FOUND:.0%}" if goal else "",
        bound >= FEWEST_FOUND if goal else None,
    )


def _speed_row() -> Row:
    random, n_rows = np.random.default_rng(3), 20_000
    names = np.array([f"corp-{number:08d}" for number in range(n_rows)], dtype=object)
    before = {name: np.rint(np.exp(random.normal(5, 1.5, n_rows))) for name in "abcd"}
    after = {name: np.rint(values * np.exp(random.normal(0, 0.4, n_rows))) for name, values in before.items()}
    seconds = []
    for _ in range(9):
        start = time.process_time()
        faults(Figures(names, after), Figures(names, before))
        seconds.append(time.process_time() - start)
    median = 1_000 * float(np.median(seconds))
    return "20,000 rows, four columns, CPU milliseconds", f"{median:.0f}", "≤ 50", median <= 50


# --- ordinary files: the figures of clients, the same clients later, and others ---------------------------------------


def heavy_tailed(random: Random, n_rows: int, known: bool) -> tuple[Figures, Figures]:
    """Return figures of which nothing lasts: a client's next one is drawn anew."""
    middles, spreads = random.permutation([3, 5, 7]) + random.uniform(-0.5, 0.5, 3), random.uniform(0.8, 2.2, 3)

    def drawn(n_clients: int) -> Values:
        figures = np.rint(np.exp(middles + spreads * random.standard_normal((n_clients, 3))))
        return dict(zip(("turnover", "orders", "staff"), figures.T, strict=True))

    return _paired(random, n_rows, known, drawn, lambda values: drawn(len(values["staff"])))


def bank(random: Random, n_rows: int, known: bool) -> tuple[Figures, Figures]:
    """Return whole numbers, few values, flags, and a balance that is often 0."""
    changing = partial(_changing, random)

    def later(values: Values) -> Values:
        fresh = _bank(random, len(values["age"]))
        shares = {"score": 0.3, "age": 0.0, "balance": 0.9, "products": 0.1, "card": 0.05, "active": 0.2, "salary": 0.1}
        after = {name: changing(values[name], fresh[name], share) for name, share in shares.items()}
        return after | {"tenure": values["tenure"] + 1}

    return _paired(random, n_rows, known, partial(_bank, random), later)


def _bank(random: Random, n_clients: int) -> Values:
    whole = random.integers
    return {
        "score": np.clip(np.rint(random.normal(650, 97, n_clients)), 350, 850),
        "age": np.clip(np.rint(random.gamma(14, 2.8, n_clients)), 18, 92),
        "tenure": 1.0 * whole(0, 11, n_clients),
        "balance": np.where(random.random(n_clients) < 0.36, 0, np.rint(random.normal(120_000, 30_000, n_clients))),
        "products": random.choice([1.0, 2.0, 3.0, 4.0], n_clients, p=[0.51, 0.45, 0.03, 0.01]),
        "card": 1.0 * (random.random(n_clients) < 0.7),
        "active": 1.0 * (random.random(n_clients) < 0.5),
        "salary": np.rint(random.uniform(10, 200_000, n_clients)),
    }


def growing(random: Random, n_rows: int, known: bool) -> tuple[Figures, Figures]:
    """Return a market in which every column grows, or shrinks, by a factor of its own up to three."""
    figures = _market(random)
    growth = dict(zip(("activity", "yearly", "employees"), np.exp(random.uniform(-1.1, 1.1, 3)), strict=True))

    def later(values: Values) -> Values:
        noise = np.exp(0.4 * random.standard_normal((len(growth), len(values["yearly"]))))
        moved = {name: values[name] * growth[name] for name in growth}
        return {name: np.rint(moved[name] * one) for name, one in zip(growth, noise, strict=True)}

    return _paired(random, n_rows, known, figures, later)


def part_of_the_market(random: Random, n_rows: int, known: bool) -> tuple[Figures, Figures]:
    """Return a file of large or of small clients only, by one of the columns."""
    figures = _market(random)
    name, end, share = (
        random.choice(["activity", "yearly", "employees"]),
        random.choice([-1, 1]),
        random.uniform(0.1, 1),
    )

    def joined(n_clients: int) -> Values:
        values = figures(int(n_clients / share) + 1)
        kept = np.argsort(end * values[name], kind="stable")[:n_clients]
        return {one: column[kept] for one, column in values.items()}

    def later(values: Values) -> Values:
        return {one: np.rint(column * np.exp(random.normal(0, 0.3, len(column)))) for one, column in values.items()}

    if not known:
        return _columns(joined(n_rows), REFERENCE), _columns(figures(REFERENCE), 0)
    values = figures(REFERENCE)
    chosen = np.argsort(end * values[name], kind="stable")[:n_rows]
    file = later({one: column[chosen] for one, column in values.items()})
    return Figures(NAMES[chosen], file), _columns(values, 0)


def _market(random: Random) -> Callable[[int], Values]:
    link, spread = random.uniform(0, 0.95), random.uniform(0.7, 1.8)

    def figures(n_clients: int) -> Values:
        size, own = random.standard_normal(n_clients), random.standard_normal((3, n_clients))
        logs = [4, 6.5, 4] + spread * (link * size + np.sqrt(1 - link**2) * own).T
        return dict(zip(("activity", "yearly", "employees"), np.rint(np.exp(logs)).T, strict=True))

    return figures


def seasons(random: Random, n_rows: int, known: bool) -> tuple[Figures, Figures]:
    """Return this month and the two before it, in a business whose season goes up to four times."""
    height, phase = random.uniform(0, np.log(4)) / 2, random.uniform(0, 2 * np.pi)
    lasting, noise = random.uniform(0, 1), random.uniform(0.2, 0.8)
    names = ("month", "before", "two_before", "share_online")

    def at(values: Floats, month: int) -> Floats:
        swing = height * np.sin(phase + 2 * np.pi * month / random_period)
        return np.asarray(np.rint(np.exp(swing + values)))

    random_period = random.integers(4, 13)

    def lived(n_clients: int) -> Floats:
        level = random.normal(5, 1.2, n_clients)
        shakes = noise * random.standard_normal((4, n_clients))
        for month in range(1, 4):
            shakes[month] += lasting * (shakes[month - 1] - shakes[month]) * 0.8
        return np.asarray([at(level + shakes[month], month) for month in range(4)])

    logs = lived(REFERENCE + n_rows)
    online = np.round(random.beta(2, 5, REFERENCE + n_rows), 3)
    before = dict(zip(names, [logs[2], logs[1], logs[0], online], strict=True))
    after = dict(zip(names, [logs[3], logs[2], logs[1], online], strict=True))
    start = 0 if known else REFERENCE
    chosen = slice(start, start + n_rows)
    file = Figures(NAMES[chosen], {name: column[chosen] for name, column in after.items()})
    return file, Figures(NAMES[:REFERENCE], {name: column[:REFERENCE] for name, column in before.items()})


def counts(random: Random, n_rows: int, known: bool) -> tuple[Figures, Figures]:
    """Return rare events: small whole numbers, mostly 0, a share, a constant, and what is often missing."""
    rates = random.uniform(0.05, 2, 2)

    def drawn(n_clients: int) -> Values:
        lively = random.gamma(1, 1, n_clients)
        seldom = np.where(random.random(n_clients) < 0.3, random.poisson(5, n_clients), np.nan)
        calls, complaints = random.poisson(rates[0] * lively), random.poisson(rates[1] * lively)
        values = {"calls": calls, "complaints": complaints, "seldom": seldom, "version": np.full(n_clients, 3.0)}
        return {name: np.asarray(column, dtype=np.float64) for name, column in values.items()}

    return _paired(random, n_rows, known, drawn, lambda values: drawn(len(values["calls"])))


def simulated(random: Random, n_rows: int, known: bool) -> tuple[Figures, Figures]:
    """Return a random part of a month of the project's own worlds, after the newest row of every client before it."""
    month, joined, reference = _simulated(int(random.integers(3)))
    places = random.permutation(np.arange(len(joined)) if known else np.flatnonzero(joined))[:n_rows]
    file = {name: column[places] for name, column in _figures(month).items()}
    return Figures(month.client[places].astype(object), file), reference


@cache
def _simulated(seed: int) -> tuple[Month, NDArray[np.bool_], Figures]:
    """Return the newest month of a world, which of its clients are new, and the newest row of each client before it."""
    world = ("steady", "harmless", "change")[seed]
    *months, newest = history(world, 5, clients=12_000, seed=seed + 50, since=5)
    clients = np.concatenate([month.client for month in reversed(months)])
    known, first = np.unique(clients, return_index=True)
    columns = [_figures(month) for month in reversed(months)]
    values = {name: np.concatenate([one[name] for one in columns])[first] for name in columns[0]}
    return newest, ~np.isin(newest.client, known), Figures(known.astype(object), values)


def _figures(month: Month) -> Values:
    names = ("lastmonth_activity", "lastyear_activity", "number_of_employees", "contract_value")
    return {name: np.asarray(getattr(month, name), dtype=np.float64) for name in names}


def _paired(
    random: Random, n_rows: int, known: bool, drawn: Callable[[int], Values], later: Callable[[Values], Values]
) -> tuple[Figures, Figures]:
    """Return a file of some clients of the reference, later, or of others like them; and the reference."""
    before = drawn(REFERENCE)
    if not known:
        others = drawn(n_rows)
        return _columns(later(others) if random.random() < 0.5 else others, REFERENCE), _columns(before, 0)
    chosen = random.permutation(REFERENCE)[:n_rows]
    return Figures(NAMES[chosen], later({name: column[chosen] for name, column in before.items()})), _columns(before, 0)


def _columns(values: Values, first: int) -> Figures:
    n_clients = len(next(iter(values.values())))
    return Figures(NAMES[first : first + n_clients], values)


def _changing(random: Random, values: Floats, fresh: Floats, share: float) -> Floats:
    return np.where(random.random(len(values)) < share, fresh, values)


ORDINARY: tuple[Ordinary, ...] = (simulated, heavy_tailed, bank, growing, part_of_the_market, seasons, counts)

# --- faults -----------------------------------------------------------------------------------------------------------

KINDS = {
    "a zeroed column": "zero-filled",
    "a column × 10": "units",
    "a column × 12": "units",
    "two columns swapped": "swapped",
}
STEADY: tuple[Ordinary, ...] = (simulated, heavy_tailed, bank)  # what does not itself move by more than some per cent
ALIKE = ({"card", "active"}, {"card", "products"}, {"tenure"})  # flags look the same; tenure moves by itself


def spoil(fault: str, random: Random, values: Mapping[str, Floats]) -> tuple[Values, tuple[str, ...]]:
    """Return the figures with a fault in columns drawn at random, and which."""
    one, other = random.permutation([name for name in values if {name} not in ALIKE])[:2].tolist()
    if fault == "two columns swapped":
        if {one, other} in ALIKE:
            return spoil(fault, random, values)
        return {**values, one: values[other], other: values[one]}, (one, other)
    factor = {"a zeroed column": 0, "a column × 10": 10, "a column × 12": 12}[fault]
    return {**values, one: values[one] * factor}, (one,)


def held(random: Random, n_files: int, n_rows: int) -> list[tuple[str, bool, tuple[FeedFault, ...]]]:
    """Return the ordinary files that would be held: of which world, known clients or not, and why."""
    found = []
    for number in range(n_files):
        world, known = ORDINARY[number % len(ORDINARY)], number // len(ORDINARY) % 2 == 0
        file, reference = world(random, n_rows, known)
        if why := faults(file, reference):
            found.append((world.__name__, known, why))
    return found


def missed(
    random: Random, fault: str, worlds: Sequence[Ordinary], n_files: int, known: bool
) -> list[tuple[str, tuple[str, ...], tuple[FeedFault, ...]]]:
    """Return the faulty files that would not be held for their fault: of which world, which columns, what was said."""
    found = []
    for number in range(n_files):
        world = worlds[number % len(worlds)]
        file, reference = world(random, ROWS_OF_FAULTY, known)
        values, columns = spoil(fault, random, file.values)
        said = faults(Figures(file.clients, values), reference)
        if not any(one.kind == KINDS[fault] and set(one.columns) == set(columns) for one in said):
            found.append((world.__name__, columns, said))
    return found


def at_most(hits: int, n: int) -> float:
    """Return the one-sided 95 % upper bound of a share (Clopper and Pearson, 1934)."""
    return float(beta.ppf(0.95, hits + 1, n - hits)) if hits < n else 1.0


def at_least(hits: int, n: int) -> float:
    """Return the one-sided 95 % lower bound of a share."""
    return 1 - at_most(n - hits, n)
