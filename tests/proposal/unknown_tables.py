"""Tables as people have them, none from the project's own generator: each with a rule for who leaves."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterable, Sequence

import numpy as np


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def telco(n: int = 600, seed: int = 1) -> tuple[list[str], list[list[object]]]:
    """Twenty mixed columns, blanks in a number, and columns that know the answer."""
    draw = np.random.default_rng(seed)
    header = ["customerID", "gender", "SeniorCitizen", "Partner", "Dependents", "tenure", "PhoneService", "Contract"]
    header += ["PaperlessBilling", "PaymentMethod", "MonthlyCharges", "TotalCharges", "City", "Country", "Comment"]
    header += ["Churn Label", "Churn Value", "Churn Score", "CLTV", "Churn Reason"]
    rows: list[list[object]] = []
    for place in range(n):
        tenure, fee = int(draw.integers(0, 72)), round(float(draw.uniform(20, 110)), 2)
        contract = str(draw.choice(["Month-to-month", "One year", "Two year"]))
        odds = 1.5 * (contract == "Month-to-month") - tenure / 24 + fee / 60 - 1
        left = bool(draw.random() < 1 / (1 + np.exp(-odds)))
        row: list[object] = [f"{place:04d}-{draw.integers(1e5):05d}", draw.choice(["Male", "Female"]), place % 7 // 6]
        row += [draw.choice(["Yes", "No"]), draw.choice(["Yes", "No"]), tenure, draw.choice(["Yes", "No"]), contract]
        row += [draw.choice(["Yes", "No"]), draw.choice(["Mailed check", "Credit card (automatic)"]), fee]
        row += [round(fee * tenure, 2) if tenure else " ", f"Town {draw.integers(400)}", "United States"]
        row += [f"called {draw.integers(1e9)} about a bill, was friendly, wants to hear from us again in {place} days"]
        row += ["Yes" if left else "No", int(left), int(draw.integers(60, 100) if left else draw.integers(5, 70))]
        rows.append([*row, int(draw.integers(2000, 6000)), draw.choice(["Price", "Competitor"]) if left else ""])
    return header, rows


def german(n: int = 500, seed: int = 2) -> bytes:
    """An export of a spreadsheet: semicolons, decimal commas, thousands, cp1252, a preamble and a sum."""
    draw = np.random.default_rng(seed)
    lines = [
        "Kundenübersicht",
        "",
        "Kundennummer;Straße;Betreuer;Jahresumsatz;Vertragslaufzeit;Zufriedenheit;Gekündigt",
    ]
    for place in range(n):
        revenue, months = float(draw.uniform(900, 90_000)), int(draw.integers(1, 60))
        left = draw.random() < 1 / (1 + np.exp(months / 12 - 1))
        money = f"{revenue:,.2f}".translate(str.maketrans(",.", ".,"))
        score = f"{draw.uniform(1, 5):.1f}".replace(".", ",") if draw.random() < 0.9 else "k.A."
        fields = [f"{place:06d}", f"Hauptstraße {place}", draw.choice(["Jürgen", "Zoë", "Ängström"]), f"{money} €"]
        lines.append(";".join([*map(str, fields), str(months), score, "ja" if left else "nein"]))
    return "\r\n".join([*lines, "erstellt am 03.08.2026", ""]).encode("cp1252")


def bank(n: int = 500, seed: int = 3) -> str:
    """Row numbers, surnames and a balance that is near-unique: none of them is the client."""
    draw = np.random.default_rng(seed)
    header = ["RowNumber", "CustomerId", "Surname", "CreditScore", "Geography", "Age", "Balance", "IsActiveMember"]
    rows = []
    for place in range(n):
        age, active = int(draw.integers(18, 90)), int(draw.integers(0, 2))
        left = int(draw.random() < 1 / (1 + np.exp(3 - age / 18 + active)))
        surname = f"{draw.choice(['Hill', 'Onio', 'Boni'])}{chr(97 + place % 26)}{chr(97 + place // 26)}"
        row = [place + 1, 15_600_000 + int(draw.integers(1e6)) * 7 % 10**6, surname, int(draw.integers(350, 850))]
        rows.append([*row, draw.choice(["France", "Spain"]), age, round(float(draw.uniform(0, 2e5)), 2), active, left])
    return as_csv([*header, "Exited"], rows)


def orders(n_clients: int = 60, months: int = 8, seed: int = 4) -> str:
    """Events: who bought what for how much on which day; some stop, and nothing says so."""
    draw = np.random.default_rng(seed)
    rows = []
    for client in range(n_clients):
        last = int(draw.integers(30, months * 30)) if client % 3 == 0 else months * 30
        for day in sorted(draw.integers(0, last, 25)):
            date = datetime.date(2026, 1, 1) + datetime.timedelta(days=int(day))
            rows.append([f"K{client:03d}", date, draw.choice(["order", "return"]), round(float(draw.gamma(2, 40)), 2)])
    return as_csv(["customer_id", "order_date", "event_type", "amount"], rows)


def usage(n_clients: int = 60, months: int = 8, seed: int = 5) -> str:
    """One row per client and month, and no column that says who left."""
    draw = np.random.default_rng(seed)
    rows = []
    for client in range(n_clients):
        last = int(draw.integers(2, months)) if client % 3 == 0 else months
        rows += [[f"00{client:03d}", f"2026-{month + 1:02d}", draw.integers(1, 500), draw.choice(["S", "M"])]
                 for month in range(last)]  # fmt: skip
    return as_csv(["account_no", "month", "logins", "plan"], rows)
