from __future__ import annotations

from risk.report.card_blocks import Block, blocks
from risk.text import markdown

HOSTILE = "a|b <script> *x* \\ [y](z)"


def test_a_card_is_read_back_as_it_was_meant() -> None:
    table = f"| a | b |\n| --- | --- |\n| {markdown(HOSTILE)} | 2 |\n"
    text = f"> Old.\n\n# Title\n\nOne\ntwo.\n\n## Data\n\n- {markdown(HOSTILE)}\n  - deeper\n\n{table}"

    assert blocks(text) == [
        Block("note", [["Old."]]),
        Block("text", [["One"], ["two."]]),
        Block("heading", [["Data"]]),
        Block("list", [[HOSTILE], ["deeper"]]),
        Block("table", [["a", "b"], [HOSTILE, "2"]]),
    ]
