"""Files that are no table, or lie oddly: what is said of them; and columns that mislead."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from unknown_tables import as_csv, bank

from risk.errors import SourceError
from risk.proposal import found_files, sample
from risk.proposal.proposal import Proposal, propose


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty"),
        (b"\n \n", "it is empty"),
        (b"customer_id,plan,churned\n", "it has no row below the names of its columns"),
        (b"%PDF-1.7\n1 0 obj\n", "is a PDF document"),
        (bytes(5_000), "it holds NUL bytes"),
        (bank().encode() + bytes(50_000), "it holds NUL bytes"),
        (b"C1,3,0\nC2,4,1\n" * 20, "Write one above"),
    ],
)
def test_a_file_that_is_no_table_is_told_by_what_it_is(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "clients.csv").write_bytes(content)

    with pytest.raises(SourceError, match=told):
        sample.table_of([tmp_path / "clients.csv"])


def test_what_is_passed_over_in_a_folder_is_named(tmp_path: Path) -> None:
    for name in ("a.csv", "b.xls", "c.pdf", "d.doc", "e.ods", ".hidden"):
        (tmp_path / name).touch()

    told = found_files.passed_over([str(tmp_path), str(tmp_path / "a.csv")])

    assert told == {str(tmp_path): "b.xls, c.pdf, d.doc and 1 more: no tables by their names"}


def test_of_a_long_parquet_file_the_end_is_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "MOST_ROWS", 300)
    monkeypatch.setattr(sample, "PART", 100)
    duckdb.sql("select i as id, i % 2 as churned from range(1000) t(i)").write_parquet(str(tmp_path / "c.parquet"))

    table = sample.table_of([tmp_path / "c.parquet"])

    assert {"0", "500", "999"} <= set(table.texts["id"])
    assert (len(table.texts["id"]), table.is_whole) == (300, False)


def found(header: list[str], rows: list[list[Any]], folder: Path) -> Proposal:
    (folder / "clients.csv").write_text(as_csv(header, rows))
    texts = sample.table_of([folder / "clients.csv"]).texts
    return propose(texts, {}, {}, datetime.date(2026, 9, 1))


@pytest.mark.parametrize("is_filled", [True, False])
def test_a_date_that_is_there_for_one_outcome_alone_knows_the_answer(tmp_path: Path, is_filled: bool) -> None:
    rows = [[f"C{it}", it % 7, "2026-01-05" if (it % 5 == 0) == is_filled else "", int(it % 5 == 0)]
            for it in range(400)]  # fmt: skip

    proposed = found(["client", "orders", "checked_on", "churned"], rows, tmp_path)

    assert list(proposed.features.leaks) == ["checked_on"]
    assert not proposed.features.ignored
    assert proposed.sections["schema"]["ignore"] == ["checked_on"]


@pytest.mark.parametrize("of_leavers", ["9", "", "closed"])
def test_a_column_that_tells_by_what_it_holds_is_no_feature(tmp_path: Path, of_leavers: str) -> None:
    rows = [[f"C{it}", it % 7, of_leavers if it % 5 == 0 else 1 + it % 3, int(it % 5 == 0)] for it in range(400)]

    proposed = found(["client", "orders", "stage", "churned"], rows, tmp_path)

    assert list(proposed.features.leaks) == ["stage"]
    assert list(proposed.features.chosen) == ["orders"]
    assert proposed.sections["schema"]["ignore"] == ["stage"]


@pytest.mark.parametrize(("at_zero", "is_leak"), [(0.004, True), (0.1, False)])
def test_a_number_that_is_zero_once_a_client_has_left_is_no_feature_and_no_worth(
    tmp_path: Path, at_zero: float, is_leak: bool
) -> None:
    draw = np.random.default_rng(0)
    left = draw.random(1_000) < 0.3
    bill = np.where(draw.random(1_000) < np.where(left, 0.9, at_zero), 0.0, draw.normal(50, 9, 1_000).round(2))
    rows = [[f"C{it}", it % 7, bill[it], int(left[it])] for it in range(1_000)]

    proposed = found(["client", "orders", "monthly charges", "churned"], rows, tmp_path)

    assert list(proposed.features.leaks) == ["monthly charges"] * is_leak
    assert proposed.sections["schema"].get("value") == (None if is_leak else "monthly charges")


def test_a_date_that_some_have_is_no_leak(tmp_path: Path) -> None:
    rows = [[f"C{it}", it % 7, "2026-01-05" if it % 3 else "", int(it % 100 == 0)] for it in range(400)]

    proposed = found(["client", "orders", "checked_on", "churned"], rows, tmp_path)

    assert not proposed.features.leaks
    assert list(proposed.features.ignored) == ["checked_on"]


@pytest.mark.parametrize(
    ("names", "value"),
    [
        (["total_revenue", "monthly_charge"], "monthly_charge"),
        (["total_revenue", "age_days"], "total_revenue"),
        (["forecast_amount", "net_margin"], "net_margin"),
        (["cashback_amount", "claim_amount"], None),
    ],
)
def test_worth_is_what_a_client_pays_in_a_time(tmp_path: Path, names: list[str], value: str | None) -> None:
    rows = [[f"C{it}", it * 3 % 211 + 0.5, it * 7 % 199 + 0.5, it % 2] for it in range(400)]

    assert found(["client", *names, "churned"], rows, tmp_path).roles.value == value
