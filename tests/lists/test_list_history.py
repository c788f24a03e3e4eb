"""Kept call lists: one a day, proven by the digests in the journal, found again for one client."""

from __future__ import annotations

import contextlib
import itertools
import os
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from risk.dataset import labels
from risk.lists import list_files, list_history
from risk.lists.list_files import KeptList, ListFacts

Noted = dict[str, str]


def everyone(n: int = 50, seed: int = 0, period: str | None = "2026-01") -> pd.DataFrame:
    """Return current clients in the order of their risk, as the call list has them."""
    draw = np.random.default_rng(seed)
    risks = np.sort(draw.random(n))[::-1]
    names = [f"c{number:03d}" for number in draw.permutation(n)]
    values = np.where(draw.random(n) < 0.1, np.nan, draw.random(n).round(2))
    columns = {"rank": range(1, n + 1), "client": names, "risk": risks, "value": values, "period": period, "open": True}
    return pd.DataFrame(columns)


def made(day: str, run: int = 1, seed: int = 0, n: int = 50) -> tuple[ListFacts, pd.DataFrame]:
    clients = everyone(n, seed)
    called = clients.head(5).to_dict("records")
    called[0]["control"] = True
    return ListFacts(day, run, 1000), list_history.rows_of(clients, called)  # type: ignore[arg-type]


def days(n: int, first: str = "2026-01-01") -> list[str]:
    return [str(date.fromisoformat(first) + timedelta(number)) for number in range(n)]


def kept_daily(folder: Path, n: int, first: str = "2026-01-01") -> Noted:
    """Keep a list of each of n days by n runs; return what the journal says then."""
    noted: Noted = {}
    for run, day in enumerate(days(n, first), 1):
        noted |= noted_of(list_history.keep(folder, [made(day, run, seed=run)], noted, run))
    return noted


def noted_of(kept: list[KeptList]) -> Noted:
    return {it.digest: it.facts.as_of for it in kept}


def sound(folder: Path, noted: Noted) -> list[str]:
    """Return the days whose rows on disk have the digest that the journal names."""
    lists, _ = list_history.counted(list_history.on_disk(folder), noted)
    with list_files.connect(threads=1) as connection:
        rows = [list_files.rows_of(connection, folder, it) for it in lists]
    pairs = zip(lists, rows, strict=True)
    return [it.facts.as_of for it, found in pairs if list_files.digest(it.facts, found) == it.digest]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_list_is_one_file_of_its_day_with_every_client(tmp_path: Path) -> None:
    kept = list_history.keep(tmp_path, [made("2026-01-01")], {}, 1)

    assert names(tmp_path) == [f"2026-01-01-{kept[0].digest[:12]}.parquet"]
    assert kept[0].noted == {"as_of": "2026-01-01", "digest": kept[0].digest, "n": 50}
    assert sound(tmp_path, noted_of(kept)) == ["2026-01-01"]


def test_the_last_list_of_a_day_wins_once_the_journal_names_it(tmp_path: Path) -> None:
    first = noted_of(list_history.keep(tmp_path, [made("2026-01-01", run=1)], {}, 1))
    second = noted_of(list_history.keep(tmp_path, [made("2026-01-01", run=2, seed=2)], first, 2))
    between = len(names(tmp_path))

    third = noted_of(list_history.keep(tmp_path, [made("2026-01-02", run=3)], second, 3))

    assert between == 2
    assert sound(tmp_path, second | third) == ["2026-01-01", "2026-01-02"]
    assert len(names(tmp_path)) == 2


@pytest.mark.slow
def test_two_lists_of_a_day_by_other_newest_periods_both_stay_and_are_told_apart(tmp_path: Path) -> None:
    noted: Noted = {}
    for run, period in enumerate(("2026-01", "2026-02"), 1):
        facts, rows = made("2026-01-01", run, seed=run)
        noted |= noted_of(list_history.keep(tmp_path, [(replace(facts, newest_period=period), rows)], noted, run))
    for run, day in enumerate(days(20, "2026-01-02"), 3):
        noted |= noted_of(list_history.keep(tmp_path, [made(day, run, seed=run)], noted, run))

    lists, broken = list_history.counted(list_history.on_disk(tmp_path), noted)
    told = list_history.said(tmp_path, lists, labels.NOTHING_KNOWN, by_period=True)

    assert "2026.parquet" in names(tmp_path)
    assert [it.facts.run for it in lists] == list(range(1, 23))
    assert (broken, list_history.broken(told)) == ([], [])
    assert [rows["rank"].size for rows in list_history.by_list(told, ["rank"])] == [50] * 22
    assert len(list_history.of_client(tmp_path, "c007")) == 22
    former = list_history.former(tmp_path, noted, "2026-01-02")
    assert former is not None
    assert former.clients["risk"]["c007"] == list_history.of_client(tmp_path, "c007")[1]["risk"]


def test_what_a_power_cut_left_unreadable_and_unnamed_is_taken_away(tmp_path: Path) -> None:
    noted = noted_of(list_history.keep(tmp_path, [made("2026-01-01")], {}, 1))
    for torn in ("2026-01-01-0123456789ab.parquet", "2026-01-02-0123456789ab.parquet"):
        (tmp_path / torn).write_bytes(b"")

    list_history.keep(tmp_path, [made("2026-01-02", run=2)], noted, 2)

    assert not [name for name in names(tmp_path) if "0123456789ab" in name]
    assert [name[:10] for name in names(tmp_path)] == ["2026-01-01", "2026-01-02"]


@pytest.mark.slow
def test_the_same_list_is_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        kept_daily(tmp_path / folder, 15)

    assert names(tmp_path / "one") == names(tmp_path / "two")
    for name in names(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.slow
def test_days_go_into_the_file_of_their_year_and_stay_provable(tmp_path: Path) -> None:
    noted = kept_daily(tmp_path, 40, first="2025-12-20")

    lists, broken = list_history.counted(list_history.on_disk(tmp_path), noted)

    assert {"2025.parquet", "2026.parquet"} < set(names(tmp_path))
    assert len(names(tmp_path)) <= 2 + list_files.MOST_DAYS + 1
    assert [it.facts.as_of for it in lists] == sound(tmp_path, noted) == days(40, "2025-12-20")
    assert broken == []


@pytest.mark.slow
def test_a_client_is_found_in_every_list_the_oldest_first(tmp_path: Path) -> None:
    kept_daily(tmp_path, 30)

    history = list_history.of_client(tmp_path, "c007")

    said = [made(day, run, seed=run)[1].set_index("client").loc["c007"] for run, day in enumerate(days(30), 1)]
    assert [it["as_of"] for it in history] == days(30)
    assert [it["rank"] for it in history] == [it["rank"] for it in said]
    assert [it["risk"] for it in history] == pytest.approx([it["risk"] for it in said])
    assert [it["on_list"] for it in history] == [it["on_list"] for it in said]
    assert list_history.of_client(tmp_path, "nobody") == list_history.of_client(tmp_path / "none", "c007") == []


def test_a_list_that_was_changed_or_is_missing_is_named(tmp_path: Path) -> None:
    noted = kept_daily(tmp_path, 3)
    first, second, _ = names(tmp_path)
    (tmp_path / first).unlink()
    (tmp_path / second).write_bytes(b"torn")

    _, broken = list_history.counted(list_history.on_disk(tmp_path), noted)
    list_history.keep(tmp_path, [made("2026-01-04", run=4)], noted, 4)

    assert broken == ["2026-01-01", "2026-01-02"]
    assert (tmp_path / second).read_bytes() == b"torn"  # it is evidence


def test_a_list_whose_rows_were_changed_in_its_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = kept_daily(tmp_path, 2)
    facts, rows = made("2026-01-02", run=2, seed=2)
    with monkeypatch.context() as forger:
        forger.setattr(list_files, "digest", lambda *_: list(noted)[1])
        list_files.write(tmp_path, facts, rows.assign(risk=0.99))

    kept, missing = list_history.counted(list_history.on_disk(tmp_path), noted)
    told = list_history.said(tmp_path, kept, labels.NOTHING_KNOWN, by_period=True)

    assert (missing, [it.facts.as_of for it in kept]) == ([], ["2026-01-01", "2026-01-02"])
    assert list_history.broken(told) == ["2026-01-02"]


def test_what_a_killed_run_left_is_journaled_by_the_run_that_ends_it(tmp_path: Path) -> None:
    noted = kept_daily(tmp_path, 2)
    list_history.keep(tmp_path, [made("2026-01-03", run=3, seed=3)], noted, 3)  # killed before its line

    resumed = list_history.keep(tmp_path, [made("2026-01-04", run=3, seed=4)], noted, 3)

    assert [it.facts.as_of for it in resumed] == ["2026-01-03", "2026-01-04"]
    assert sound(tmp_path, noted | noted_of(resumed)) == days(4)


def test_a_list_that_no_journal_names_stays_and_is_named(tmp_path: Path) -> None:
    kept_daily(tmp_path, 3)

    kept = list_history.keep(tmp_path, [made("2026-01-09", run=9)], {}, 9)  # the journal was lost

    lists, broken = list_history.counted(list_history.on_disk(tmp_path), noted_of(kept))
    assert [it.facts.as_of for it in lists] == ["2026-01-09"]
    assert broken == days(3)


class PowerCut(Exception):
    """Stands for a kill."""


@pytest.mark.slow
@pytest.mark.parametrize("when", range(12))
def test_a_kill_at_any_point_loses_no_list_and_counts_none_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    noted = kept_daily(tmp_path, list_files.MOST_DAYS + 1)
    calls = itertools.count()

    with monkeypatch.context() as patch:
        for name in ("open", "replace", "unlink"):
            real = getattr(os, name)

            def call(*words: object, real: object = real, **more: object) -> object:
                if next(calls) == when:
                    raise PowerCut
                return real(*words, **more)  # type: ignore[operator]

            patch.setattr(os, name, call)
        with contextlib.suppress(PowerCut):
            list_history.keep(tmp_path, [made("2026-02-01", run=99, seed=99)], noted, 99)

    resumed = noted_of(list_history.keep(tmp_path, [made("2026-02-01", run=99, seed=99)], noted, 99))
    lists, broken = list_history.counted(list_history.on_disk(tmp_path), noted | resumed)
    assert [it.facts.as_of for it in lists] == sound(tmp_path, noted | resumed) == [*noted.values(), "2026-02-01"]
    assert broken == []
    assert len(list_history.of_client(tmp_path, "c007")) == len(noted) + 1


def test_the_last_list_before_a_day_is_that_of_the_release_that_made_it(tmp_path: Path) -> None:
    facts, rows = made("2026-01-05", run=1)
    later, others = made("2026-01-12", run=2, seed=2)
    kept = list_history.keep(tmp_path, [(replace(facts, release="1-ab"), rows), (later, others)], {}, 2)

    former = list_history.former(tmp_path, noted_of(kept), "2026-01-12")

    assert former is not None
    assert (former.as_of, former.release) == ("2026-01-05", "1-ab")
    assert former.clients["rank"].to_dict() == rows.set_index("client")["rank"].to_dict()
    assert former.listed == set(rows.loc[rows["on_list"], "client"])
    assert list_history.former(tmp_path, noted_of(kept), "2026-01-05") is None


def test_a_list_that_was_made_afterwards_or_changed_is_no_former_list(tmp_path: Path) -> None:
    facts, rows = made("2026-01-05")
    kept = list_history.keep(tmp_path, [(replace(facts, replayed=True), rows), made("2026-01-12")], {}, 1)
    noted = noted_of(kept[:1]) | {"another": "2026-01-12"}

    assert list_history.former(tmp_path, noted, "2026-02-01") is None
    assert list_history.former(tmp_path / "none", {}, "2026-02-01") is None


@pytest.mark.slow
def test_the_risk_at_the_time_of_a_contact_is_that_of_the_last_list_before(tmp_path: Path) -> None:
    noted = kept_daily(tmp_path, 20)

    asked = {"c001": "2026-01-07", "c002": "2026-03-01", "c003": "2025-12-31", "nobody": "2026-01-07"}
    risks = list_history.risks_at(tmp_path, noted, asked)

    said = {name: made(day, seed=seed)[1].set_index("client")["risk"][name] for name, day, seed in (
        ("c001", "2026-01-07", 7), ("c002", "2026-01-20", 20),
    )}  # fmt: skip
    assert risks == pytest.approx(said)
    assert list_history.risks_at(tmp_path / "none", {}, asked) == {}
