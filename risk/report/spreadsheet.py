"""The call list as an Excel file: one sheet per owner, and nothing in it that a spreadsheet would compute."""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from risk.lists.call_list import cell

ALL, NOBODY = "Call list", "No owner"  # the sheet of clients without an owner, alone and beside others
LONGEST_NAME, LONGEST_CELL = 31, 32_767  # characters that Excel takes
MADE = datetime.datetime(2000, 1, 1)  # equal lists give equal bytes
_NO_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f\x7f]")
COLUMNS = {
    "gain_rank": ("Rank", 7), "rank": ("Rank", 7), "client": ("Client", 28), "risk": ("Risk", 8),
    "value": ("Value", 12), "value_at_risk": ("Value at risk", 13), "expected_gain": ("Expected gain", 13),
    "renewal": ("Renewal", 12), "move": ("Since last week", 14),
    "reasons": ("Why", 60), "changed": ("What else changed", 40), "context": ("Context", 30),
    "next_step": ("Next step", 40), "contact": ("Last contact", 22),
    "control": ("Control: do not call", 18), "period": ("Period", 11),
}  # fmt: skip


def workbook(calls: Sequence[Mapping[str, Any]], currency: str | None) -> bytes:
    """The content of calllist.xlsx; equal calls give equal bytes."""
    import xlsxwriter

    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(content, options) as book:
        book.set_properties({"title": "Clients at risk of leaving", "created": MADE})
        wrapped = {"text_wrap": True, "valign": "top"}
        formats = {
            "head": book.add_format({"bold": True, "bottom": 1, **wrapped}),
            "risk": book.add_format({"num_format": "0.0%", "valign": "top"}),
            "value": book.add_format({"num_format": "#,##0", "valign": "top"}),
            "text": book.add_format(wrapped),
        }
        formats |= dict.fromkeys(("value_at_risk", "expected_gain"), formats["value"])
        filled = {key for call in calls for key, it in call.items() if it not in (None, [], False)}
        filled -= {"rank"} if "gain_rank" in filled else set()  # by risk, which has a column of its own
        shown = {key: it for key, it in COLUMNS.items() if key in filled}
        for name, of_owner in _sheets(calls).items():
            _fill(book.add_worksheet(name), of_owner, shown, formats, currency)
    return content.getvalue()


def _sheets(calls: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The calls of each owner under a name that Excel takes, which is there once whatever its case."""
    owners: dict[str | None, list[Mapping[str, Any]]] = {}
    for call in calls:
        owners.setdefault(call["owner"], []).append(call)
    sheets: dict[str, list[Mapping[str, Any]]] = {}
    for owner in sorted(owners, key=lambda it: (it is None, it)):
        title = owner or (NOBODY if len(owners) > 1 else ALL)
        plain = _NO_NAME.sub(" ", _as_text(title))[:LONGEST_NAME].strip(" '") or ALL
        plain = plain if plain.lower() != "history" else f"{plain} "[:LONGEST_NAME].strip() + "_"  # Excel's own name
        name, number = plain, 1
        while name.lower() in {it.lower() for it in sheets}:
            number += 1
            name = f"{plain[: LONGEST_NAME - len(str(number)) - 1]} {number}"
        sheets[name] = owners[owner]
    return sheets or {ALL: []}


def _fill(
    sheet: Any, calls: Sequence[Mapping[str, Any]], shown: Mapping[str, tuple[str, int]], formats: Mapping[str, Any],
    currency: str | None,
) -> None:  # fmt: skip
    """Write the header and one row per call; every text is a text, whatever it begins with."""
    for place, (key, (title, width)) in enumerate(shown.items()):
        sheet.set_column(place, place, width)
        title += f" ({currency})" if currency and key.startswith(("value", "expected")) else ""
        sheet.write_string(0, place, title, formats["head"])
        for line, call in enumerate(calls, 1):
            value = cell(call.get(key))
            if value is None:
                continue
            if isinstance(value, (int, float)):
                sheet.write_number(line, place, value, formats.get(key, formats["text"]))
            else:
                sheet.write_string(line, place, _as_text(value), formats["text"])
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, len(calls), max(len(shown) - 1, 0))
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _as_text(value: Any) -> str:
    text = str(value)[:LONGEST_CELL]
    return text.encode("utf-8", "replace").decode()  # half a character is none
