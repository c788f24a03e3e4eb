"""The watermark of a table: the column that grows with every new or revised row.

Pure: no files.
"""

from __future__ import annotations

from collections.abc import Mapping

from risk.proposal import name_words as words


def watermark_of(texts: Mapping[str, list[str]], period: str | None) -> tuple[str | None, str]:
    """The column of a table that grows with every new or revised row, and why."""
    named = [(name, set(words.words_of(name))) for name in texts if all(texts[name]) and texts[name]]
    for wanted, why in (
        (words.REVISED, "it tells when a row was revised"),
        (words.MADE, "it tells when a row was made"),
    ):
        for name, names in named:
            if names & wanted and len(set(texts[name])) > 1:
                return name, why + ("" if wanted is words.REVISED else "; a row that is revised later is not seen")
    if period:
        return period, "the period; a row that is revised later is not seen"
    for name, names in named:
        values, is_named = texts[name], bool(names & (words.ROW_NUMBERS | words.IDS))
        if is_named and all(map(str.isdecimal, values)) and len(set(values)) == len(values):
            return name, "a number that grows with each row; a row that is revised later is not seen"
    return None, "no column grows with new rows. Add a time of the last change, such as updated_at."
