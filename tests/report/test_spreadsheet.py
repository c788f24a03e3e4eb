from __future__ import annotations

import io
import zipfile
from xml.etree import ElementTree

from risk.report import spreadsheet

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def call(client: str, owner: str | None = None, **more: object) -> dict[str, object]:
    return {"rank": 1, "client": client, "risk": 0.5, "owner": owner, "value": 3.0, "reasons": ["a", "b"]} | more


def opened(calls: list[dict[str, object]]) -> tuple[list[str], list[str], str]:
    """Return the names of the sheets, the texts, and the XML of all sheets."""
    with zipfile.ZipFile(io.BytesIO(spreadsheet.workbook(calls, "€"))) as book:
        sheets = ElementTree.fromstring(book.read("xl/workbook.xml")).iter(f"{MAIN}sheet")
        texts = ["".join(it.itertext()) for it in ElementTree.fromstring(book.read("xl/sharedStrings.xml"))]
        content = "".join(book.read(it).decode() for it in book.namelist() if it.startswith("xl/worksheets/sheet"))
    return [it.attrib["name"] for it in sheets], texts, content


def test_each_owner_has_a_sheet_with_a_frozen_header_and_a_filter() -> None:
    names, texts, content = opened([call("acme", "Bo"), call("bolt", "Ann"), call("corp")])

    assert names == ["Ann", "Bo", "No owner"]
    assert {"Client", "Value (€)", "acme", "bolt", "corp", "a; b"} <= set(texts)
    assert (content.count("<pane "), content.count("<autoFilter ")) == (3, 3)


def test_nothing_from_data_is_computed_linked_or_cut() -> None:
    hostile = ["=1+1", "+1", "@x", "https://example.com", "{=1}", "\x01", "😀", "1234567890123456789", "x" * 40_000]

    _, texts, content = opened([call(name) for name in hostile])

    assert "<f>" not in content
    assert "<hyperlink" not in content
    assert {"=1+1", "+1", "@x", "https://example.com", "{=1}", "😀", "1234567890123456789"} <= set(texts)
    assert max(map(len, texts)) == spreadsheet.LONGEST_CELL


def test_an_owner_of_any_name_has_a_sheet_of_its_own() -> None:
    owners = ["a/b", "A b", "a b", "x" * 31, "x" * 32, "X" * 33, "[]:*?", "'", "History", None]

    names, _, _ = opened([call("acme", owner) for owner in owners])

    assert len({name.lower() for name in names}) == len(names) == len(owners)
    assert not [name for name in names if len(name) > 31 or set(name) & set("[]:*?/\\")]


def test_equal_lists_give_equal_bytes_and_an_empty_one_a_sheet() -> None:
    calls = [call("acme", "Ann")]

    assert spreadsheet.workbook(calls, None) == spreadsheet.workbook(calls, None)
    assert opened([call("acme")])[0] == ["Call list"]
    assert spreadsheet.workbook([], None)
