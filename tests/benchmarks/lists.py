"""Kept call lists: their size, one client's whole history, and the grading of all."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from risk.dataset import dataset
from risk.lists import list_history, replayed_lists, track_record
from risk.lists.list_files import ListFacts
from risk.settings import settings
from risk.simulation._worlds import Month, Series, history, period_of
from risk.simulation.simulate import start
from tests.benchmarks.measure import Table, cpu_seconds, installation

N_CLIENTS, N_MONTHS, WEEKS, LISTED = 10_000, 120, 520, 40
MB, MILLISECONDS, SECONDS = 62, 50, 2.0
Made = tuple[ListFacts, pd.DataFrame]


def bench() -> Table:
    """Keep the weekly lists of ten years, ask for clients, and grade the monthly lists of ten years."""
    months = list(history("steady", N_MONTHS, clients=N_CLIENTS))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _keep(folder, list(_weekly(months)))
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        longest = pd.Series(np.concatenate([month.client for month in months])).value_counts().index[:9]
        clients = [str(name) for name in longest]
        asked = [_milliseconds(folder, client) for client in [clients[0], *clients]][1:]
        n_rows = len(list_history.of_client(folder, clients[0]))
    lists = f"{N_CLIENTS:,} clients × {WEEKS} weekly lists"
    graded = _graded(months)
    rows = [
        (f"{lists}: MB on disk", f"{size:.0f}", f"≤ {MB}", size <= MB),
        _row(
            f"{lists}: one client's history of {n_rows} lists, CPU milliseconds", statistics.median(asked), MILLISECONDS
        ),
        (
            f"{N_CLIENTS:,} clients × {N_MONTHS} lists graded, CPU seconds",
            f"{graded:.1f}",
            f"≤ {SECONDS:.0f}",
            graded <= SECONDS,
        ),
        ("replayed lists of the shipped data, CPU seconds", f"{_replayed():.1f}", "", None),
    ]
    about = (
        "Lists of the steady world by its true risk with a little noise each week, four digits; no import is counted."
    )
    return Table("Kept lists", about, rows)


def _row(what: str, figure: float, goal: float) -> tuple[str, str, str, bool]:
    return what, f"{figure:.0f}", f"≤ {goal:.0f}", figure <= goal


def _weekly(months: list[Month]) -> Iterator[Made]:
    noise = np.random.default_rng(0)
    for week in range(WEEKS):
        month = months[week * N_MONTHS // WEEKS]
        yield _list(month, date(2026, 1, 31) + timedelta(7 * week), week + 1, noise.normal(0, 0.1, N_CLIENTS))


def _list(month: Month, day: date, run: int, noise: np.ndarray) -> Made:
    odds = np.log(month.risk / (1 - month.risk)) + noise
    order = np.argsort(-odds, kind="stable")
    everyone = pd.DataFrame(
        {
            "rank": np.arange(1, N_CLIENTS + 1),
            "client": month.client[order].astype(object),
            "risk": 1 / (1 + np.exp(-odds[order])),
            "value": month.contract_value[order],
            "period": period_of(month.number),
            "open": True,
        }
    )
    rows = list_history.rows_of(everyone, [{"client": name} for name in everyone["client"].head(LISTED)])
    return ListFacts(str(day), run, 14_000), rows


def _keep(folder: Path, made: list[Made]) -> dict[str, str]:
    """Keep lists a year at a time, as if each year's were journaled before the next one's."""
    noted: dict[str, str] = {}
    for year in sorted({facts.as_of[:4] for facts, _ in made}):
        of_year = [it for it in made if it[0].as_of[:4] == year]
        for part in filter(None, (of_year[:-10], of_year[-10:])):
            kept = list_history.keep(folder, part, noted, part[-1][0].run)
            noted |= {it.digest: it.facts.as_of for it in kept}
    return noted


def _milliseconds(folder: Path, client: str) -> float:
    started = time.process_time()
    list_history.of_client(folder, client)
    return 1_000 * (time.process_time() - started)


def _graded(months: list[Month]) -> float:
    with installation() as root:
        for name in ("sourcedata", "testdata"):
            (root / name).mkdir()
        start(root / "sourcedata", Series(), months=N_MONTHS, clients=N_CLIENTS)
        cpu_seconds(
            [sys.executable, str(Path(__file__).parents[2] / "ingestion.py"), "--config", str(root / "config.json")]
        )
        known = settings.load(root / "config.json")
        rows = dataset.current(known.ingested, known.input_folder_path, known.schema)
        quiet = np.zeros(N_CLIENTS)
        days = [date.fromisoformat(replayed_lists.end_of(period_of(month.number))) for month in months]
        made = [_list(month, day, run, quiet) for run, (month, day) in enumerate(zip(months, days, strict=True), 1)]
        noted = _keep(root / "lists", made)
        rows.n_clients()  # the database is open, as it is in a run
        started = time.process_time()
        record = track_record.record(root / "lists", rows, noted, "2036-06-01")
        seconds = time.process_time() - started
        assert len(record["lists"]) == N_MONTHS
        assert not record["broken"]
        return seconds


def _replayed() -> float:
    with installation("sourcedata", "testdata") as root:
        command = [
            sys.executable,
            str(Path(__file__).parents[2] / "ingestion.py"),
            "--config",
            str(root / "config.json"),
        ]
        cpu_seconds(command)
        known = settings.load(root / "config.json")
        rows = dataset.current(known.ingested, known.input_folder_path, known.schema)
        started = time.process_time()
        replayed_lists.made(rows, known.capacity, "2026-12-01", 1)
        return time.process_time() - started


os.environ.setdefault("OMP_NUM_THREADS", "1")
