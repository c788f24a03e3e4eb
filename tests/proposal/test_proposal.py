"""What an unknown table means: client, target and its values, period, leaks, what is ignored, how it is written."""

from __future__ import annotations

import datetime
import gzip
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from unknown_tables import as_csv, bank, german, orders, telco, usage

from risk.errors import UsageError
from risk.proposal import found_files, name_words, sample
from risk.proposal.proposal import Proposal, propose, with_trial
from risk.reading.reader import Source

TODAY = datetime.date(2026, 9, 1)
KNOWS_THE_ANSWER = {"Churn Value", "Churn Score", "CLTV", "Churn Reason"}


def proposal(folder: Path, **files: str | bytes) -> Proposal:
    """Return the proposal for files of this content."""
    for name, content in files.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = sample.table_of(found_files.files_in([str(folder)]))
    first = table.samples[0]
    return propose(table.texts, first.settings, first.whys, TODAY)


def schema(found: Proposal) -> dict[str, Any]:
    section: dict[str, Any] = found.sections["schema"]
    return section


def test_of_twenty_mixed_columns_the_leaks_are_ignored_and_no_honest_one(tmp_path: Path) -> None:
    header, rows = telco()

    found = proposal(tmp_path, telco_csv=as_csv(header, rows))

    assert (schema(found)["client"], schema(found)["target"]) == ("customerID", "Churn Label")
    assert schema(found)["target_values"] == {"stayed": ["No"], "left": ["Yes"]}
    assert set(found.features.leaks) == KNOWS_THE_ANSWER
    assert set(found.features.ignored) == {"City", "Country", "Comment"}
    assert set(found.features.chosen) == {*header[1:12]}


def test_blanks_in_a_column_of_numbers_are_missing_numbers(tmp_path: Path) -> None:
    found = proposal(tmp_path, telco_csv=as_csv(*telco()))

    assert found.features.chosen["TotalCharges"]["kind"] == "numeric"
    assert schema(found)["value"] == "MonthlyCharges"


def test_a_german_export_is_told_by_its_format(tmp_path: Path) -> None:
    found = proposal(tmp_path, kunden_csv=german())

    assert found.sections["format"] == {
        "encoding": "cp1252", "delimiter": ";", "header_row": 3, "skip_footer": 1, "decimal": ",", "thousands": ".",
        "units": ["€"],
    }  # fmt: skip
    assert schema(found)["missing"] == ["k.A."]
    assert (schema(found)["client"], schema(found)["target"]) == ("Kundennummer", "Gekündigt")
    assert schema(found)["target_values"] == {"stayed": ["nein"], "left": ["ja"]}
    assert (schema(found)["owner"], schema(found)["value"], schema(found)["currency"]) == (
        "Betreuer",
        "Jahresumsatz",
        "€",
    )
    assert set(found.features.chosen) == {"Jahresumsatz", "Vertragslaufzeit", "Zufriedenheit"}


def test_row_numbers_surnames_and_balances_are_no_client(tmp_path: Path) -> None:
    found = proposal(tmp_path, bank_csv=bank())

    assert schema(found)["client"] == "CustomerId"
    assert set(found.features.ignored) == {"RowNumber", "Surname"}
    assert "Balance" in found.features.chosen


def test_orders_without_a_target_are_events(tmp_path: Path) -> None:
    found = proposal(tmp_path, orders_csv=orders())

    assert found.sections["events"] == {
        "client": "customer_id", "time": "order_date", "amount": "amount", "kind": "event_type",
        "kinds": ["order", "return"],
    }  # fmt: skip
    assert schema(found) == {"target": {"absent_for": "60 days"}}
    assert not found.faults


@pytest.mark.parametrize(
    ("kind", "every", "goes_on", "ends", "target"),
    [
        ("cancelled", 3, False, ["cancelled"], {"absent_for": "30 days"}),
        ("Vertrag gekündigt", 3, False, ["Vertrag gekündigt"], {"absent_for": "30 days"}),
        ("account_closed", 30, False, ["account_closed"], {"absent_for": "60 days", "activity": ["events"]}),
        ("cancelled", 3, True, None, {"absent_for": "60 days"}),
        ("not cancelled", 3, False, None, {"absent_for": "60 days"}),
        ("shipped", 3, False, None, {"absent_for": "60 days"}),
    ],
)
def test_a_kind_of_event_that_ends_clients_is_told_by_its_words_and_by_what_follows(
    kind: str, every: int, goes_on: bool, ends: list[str] | None, target: dict[str, Any], tmp_path: Path
) -> None:
    last = [f"K{client:03d},2026-{'01-02' if goes_on else '08-30'},{kind},0" for client in range(0, 60, every)]

    found = proposal(tmp_path, orders_csv=orders() + "\n".join(last) + "\n")

    assert found.sections["events"].get("ends") == ends
    assert schema(found)["target"] == target
    assert found.sections["events"]["kinds"] == [*(() if ends else [kind]), "order", "return"] or not ends
    assert (kind in found.roles.whys["target"]) == bool(ends)


def test_that_no_longer_absence_is_proposed_is_told(tmp_path: Path) -> None:
    rows = [
        [f"K{client}", f"{year}-0{1 + client % 9}-05", "order"] for year in range(2020, 2026) for client in range(60)
    ]
    path = tmp_path / "orders.csv"
    path.write_text(as_csv(["customer_id", "order_date", "event_type"], [*rows, ["K1", "2025-12-30", "order"]]))
    table = sample.table_of([path])

    found = with_trial(propose(table.texts, {}, {}, TODAY), [Source(path.name, path)])

    assert schema(found)["target"] == {"absent_for": "360 days"}
    assert "360 days is the most that is proposed" in found.roles.whys["target"]


def test_months_without_a_target_tell_who_left_by_absence(tmp_path: Path) -> None:
    found = proposal(tmp_path, usage_csv=usage())

    assert (schema(found)["client"], schema(found)["period"]) == ("account_no", "month")
    assert schema(found)["target"] == {"absent_for": "60 days"}


def test_a_packed_file_is_looked_at_as_the_same_file_unpacked(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "packed").mkdir()

    plain = proposal(tmp_path / "plain", bank_csv=bank())
    packed = proposal(tmp_path / "packed", bank_csv_gz=gzip.compress(bank().encode()))

    assert packed.sections == plain.sections


@pytest.mark.parametrize("kind", ["parquet", "xlsx"])
def test_a_table_with_types_is_proposed_as_its_text(tmp_path: Path, kind: str) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "typed").mkdir()
    plain = proposal(tmp_path / "plain", bank_csv=bank())
    frame = pd.read_csv(tmp_path / "plain/bank.csv")
    if kind == "xlsx":
        pytest.importorskip("python_calamine")
        with pd.ExcelWriter(tmp_path / "typed/bank.xlsx", engine="xlsxwriter") as book:
            frame.to_excel(book, sheet_name="clients", index=False)
    else:
        duckdb.sql(f"copy frame to '{tmp_path}/typed/bank.parquet' (format parquet)")

    typed = proposal(tmp_path / "typed")

    assert typed.sections == plain.sections


def test_a_count_of_addresses_is_no_address(tmp_path: Path) -> None:
    rows = [[f"c{place}", place % 17, place * 7 % 11 % 2] for place in range(400)]

    found = proposal(tmp_path, table_csv=as_csv(["customer_id", "NumberOfAddress", "churn"], rows))

    assert list(found.features.chosen) == ["NumberOfAddress"]


def test_a_table_without_a_client_cannot_be_decided(tmp_path: Path) -> None:
    rows = [[place % 50, place % 3, place % 2] for place in range(400)]

    found = proposal(tmp_path, gym_csv=as_csv(["age", "visits", "churn"], rows))

    assert [it.partition(":")[0] for it in found.faults] == ["client"]


def test_not_every_column_with_two_values_is_a_target(tmp_path: Path) -> None:
    rows = [[f"c{place}", place % 2, "yes" if place % 3 else "no", place] for place in range(400)]

    found = proposal(tmp_path, table_csv=as_csv(["customer_id", "senior", "partner", "calls"], rows))

    assert [it.partition(":")[0] for it in found.faults] == ["target"]


def test_one_outcome_alone_and_few_rows_are_told(tmp_path: Path) -> None:
    rows = [[f"c{place}", place % 13, "No"] for place in range(40)]

    found = proposal(tmp_path, table_csv=as_csv(["customer_id", "calls", "churned"], rows))

    assert schema(found)["target_values"] == {"stayed": ["No"], "left": ["Yes"]}
    assert any("only one outcome" in it for it in found.gaps)
    assert any("40 rows" in it for it in found.gaps)


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("Attrition_Flag", ("Existing Customer", "Attrited Customer"), {"left": ["Attrited Customer"]}),
        ("résilié", ("non", "oui"), {"left": ["oui"]}),
        ("Exited", ("0", "1"), {"left": ["1"]}),
        ("retained", ("1", "0"), {"left": ["0"]}),
        ("Customer Status", ("Stayed", "Churned", "Joined"), {"left": ["Churned"]}),
        ("baja", ("no", "sí"), {"left": ["sí"]}),
        ("is_churn", ("False", "True"), {"left": ["True"]}),
        ("churn", ("2", "1"), {"left": ["1"]}),
    ],
)
def test_the_value_that_means_left_is_told_by_words(
    tmp_path: Path, name: str, values: tuple[str, ...], told: dict[str, list[str]]
) -> None:
    rows = [[f"c{place}", place % 97, values[place * 7919 % 11 % len(values)]] for place in range(440)]

    found = proposal(tmp_path, table_csv=as_csv(["client_id", "calls", name], rows))

    assert schema(found)["target"] == name
    assert {"left": schema(found)["target_values"]["left"]} == told


@pytest.mark.parametrize(
    ("name", "is_leak"),
    [
        ("Churn Reason", True), ("churn_score", True), ("cancellation_reason", True), ("CLTV", True),
        ("days_left", False), ("cancelled_orders", False), ("previous_churn", False), ("Kündigungsfrist", False),
        ("cart_abandonment_rate", False), ("credit_score", False),
    ],
)  # fmt: skip
def test_a_name_tells_of_what_is_known_afterwards(name: str, is_leak: bool) -> None:
    assert bool(name_words.of_afterwards(name)) == is_leak


@pytest.mark.parametrize(
    ("name", "label", "unit"),
    [
        ("MonthlyCharges", "Monthly charges", None), ("tenure_months", "Tenure", "months"),
        ("Usage (GB)", "Usage", "GB"), ("NumOfProducts", "Number of products", None),
        ("StreamingTV", "Streaming TV", None),
    ],
)  # fmt: skip
def test_a_label_is_the_words_of_a_name(name: str, label: str, unit: str | None) -> None:
    assert name_words.label_of(name) == (label, unit)


def test_a_day_that_may_be_a_month_is_told(tmp_path: Path) -> None:
    rows = [[f"c{place % 40}", f"01/0{place // 40 + 1}/2026", place % 13, place % 2] for place in range(320)]

    found = proposal(tmp_path, table_csv=as_csv(["client_id", "month", "calls", "churn"], rows))

    assert found.sections["format"] == {"dates": "%d/%m/%Y"}
    assert "%m/%d/%Y would fit as well" in found.whys["dates"]


def test_a_folder_of_months_is_one_table_and_its_dictionary_none(tmp_path: Path) -> None:
    lines = usage().splitlines()
    for month in ("2026-01", "2026-02", "2026-03"):
        text = "\n".join([lines[0], *(line for line in lines if f",{month}," in line)])
        (tmp_path / f"{month}.csv").write_text(text)
    (tmp_path / "dictionary.csv").write_text("field,meaning\nlogins,how often\nplan,which\n")

    table = sample.table_of(found_files.files_in([str(tmp_path)]))

    assert [it.name for it in table.paths] == ["2026-01.csv", "2026-02.csv", "2026-03.csv"]
    assert list(table.others) == [str(tmp_path / "dictionary.csv")]


def test_a_folder_without_a_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no table is there"):
        found_files.files_in([str(tmp_path)])
