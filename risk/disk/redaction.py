"""Redaction: the names of clients taken out of texts, JSON and the raw bytes of logs, and found in them.

A name counts as a word of its own, and never within the longer name of another client. One that also means something
else (a number, a level of a feature, a word in one) counts where a client is meant alone: in its column, or in quotes.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from risk.disk.word_search import longest_of, word_search
from risk.text import markdown

PUT = "[erased]"  # stands where a name stood
SHORT = 3  # characters: a shorter name may be any word
CUT = 80  # characters after which what was refused is cut off
CLIENT = "client"  # the key and column that hold a client in what we write
NOTE = "note"  # the key and column of what a person wrote about a client: there a name means one
NAMING = (CLIENT, "value")  # the keys whose whole text may be a client; a refusal shows a value
_FORMULA = tuple("=+-@\t\r")  # cells that begin so carry an apostrophe
_QUOTE_AFTER = r"(?=\\?['\"`])"
_NUMBER = re.compile(r"[\d.,+-]+")


@dataclass(frozen=True)
class ClientNames:
    """The names to be taken out; texts of `others` that hold one and stay; the names that are `shared` with values."""

    names: frozenset[str]
    others: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()

    def is_client(self, text: object) -> bool:
        """Whether a value of a client column is one of the names, as it is or as a cell for a spreadsheet."""
        if not isinstance(text, str):
            return False
        return text in self.names or (text[:1] == "'" and text.startswith(_FORMULA, 1) and text[1:] in self.names)

    def in_text(self, text: str) -> str:
        """The text without the names."""
        return (
            self.pattern.sub(lambda found: found[0] if found["other"] else PUT, text) if self.may_be_in(text) else text
        )

    def in_note(self, text: str) -> str:
        """What a person wrote, without the names; one that is a bare number may be any, and stays."""
        return self.note_pattern.sub(lambda it: it[0] if it["other"] else PUT, text) if self.may_be_in(text) else text

    def may_name(self, text: str) -> bool:
        """Whether one of the names might be read in the id of another client, or in a value."""
        is_plain = text[:1].isalnum() and text[-1:].isalnum() and "," not in text
        return not is_plain or self.note_pattern.search(text) is not None

    def beside(self, values: Collection[str]) -> ClientNames:
        """The names, where these are values of other columns: those that one holds as a word are shared.

        A value that holds one in quotes, as if a client were meant alone, is itself of others.
        """
        by_form: dict[str, set[str]] = {}
        for name in self.names:
            for form in _forms(name):
                by_form.setdefault(form, set()).add(name)
        names = ClientNames(self.names, self.others, self.shared.union(self.names.intersection(values)))
        while found := {name for it in names._found(values) for name in by_form[it]} - names.shared:
            names = ClientNames(self.names, self.others, names.shared | found)  # then a shorter one within it is found
        others = (it for it in values if it.strip("'\"`") not in self.names and names.count(f'"{it}"'))
        return ClientNames(self.names, self.others.union(others), names.shared)

    def _found(self, texts: Iterable[str]) -> set[str]:
        return {it[0] for text in texts for it in self.pattern.finditer(text) if not it["other"]}

    def count(self, text: str, key: str = "") -> int:
        """How often a name stands in the text, which may be that of a note."""
        pattern = self.note_pattern if key == NOTE else self.pattern
        return sum(not it["other"] for it in pattern.finditer(text)) if self.may_be_in(text) else 0

    def may_be_in(self, text: str) -> bool:
        """Whether any way to write a name is in the text, as part of a longer word too."""
        return self.anywhere.search(text) is not None

    def cut(self, value: Any) -> Any:
        """What JSON holds, without the names: entries of such a client are left out, in texts another word stands."""
        if isinstance(value, str):
            return PUT if value in self.plain else self.in_text(value)
        if isinstance(value, list):
            return [self.cut(it) for it in value if not (isinstance(it, dict) and self.is_client(it.get(CLIENT)))]
        if isinstance(value, dict):
            kept = {key: it for key, it in value.items() if key not in self.plain}
            return {key: self._value(key, it) for key, it in kept.items()}
        return value

    def _value(self, key: str, value: Any) -> Any:
        if self.is_told(key, value):
            return PUT
        return self.in_note(value) if key == NOTE and isinstance(value, str) else self.cut(value)

    def is_told(self, key: str, value: object) -> bool:
        """Whether a value under a key is a client, or what a refusal shows of a row of one."""
        if key not in NAMING or not isinstance(value, str) or value in self.others:
            return False
        return value in self.names or (key != CLIENT and not self.names.isdisjoint(value.split(",")))

    def masked(self, content: bytes) -> bytes:
        """Raw bytes of the same length, with x in the place of the names."""
        text = content.decode("utf-8", "surrogateescape")
        if not self.may_be_in(text):
            return content
        shown = self.pattern.sub(lambda it: it[0] if it["other"] else "x" * len(_raw(it[0])), text)
        return _raw(shown)

    @functools.cached_property
    def plain(self) -> frozenset[str]:
        """The names that mean a client wherever they are a whole text."""
        alone = (it for it in self.names if it not in self.shared and len(it) >= SHORT)
        return frozenset(it for it in alone if not _NUMBER.fullmatch(it))

    @functools.cached_property
    def forms(self) -> tuple[str, ...]:
        return tuple(sorted({form for name in self.names for form in _forms(name)}))

    @functools.cached_property
    def anywhere(self) -> re.Pattern[str]:
        """Every way to write a name, in a cell of a CSV too, wherever it stands."""
        return word_search(written for form in self.forms for written in (form, form.replace('"', '""')))

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """Every way in which a name may be written, after the longer names of others."""
        return self._pattern_of(self.plain)

    @functools.cached_property
    def note_pattern(self) -> re.Pattern[str]:
        """As `pattern`, with those that mean a client in a note alone as words, too."""
        return self._pattern_of({it for it in self.names if not _NUMBER.fullmatch(it)})

    def _pattern_of(self, plain: Collection[str]) -> re.Pattern[str]:
        """Names that are `plain` as words, all others in quotes."""
        free = {form for name in self.names for form in _forms(name) if name in plain}
        quoted = {form for name in self.names for form in _forms(name)} - free
        words = [rf"(?<!\w){_words(form for form in free if _is_of_words(form[0]))}"]
        words += [_words(form for form in free if not _is_of_words(form[0]))]
        words += [rf"(?<=['\"`]){longest_of(quoted, lambda last: _QUOTE_AFTER)}"]
        written = {form for name in self.others for form in _forms(name)}
        others = longest_of(self.others | written.difference(self.forms), lambda last: r"(?!\w)")
        return re.compile(rf"(?P<other>(?<!\w){others})|(?:{'|'.join(words)})")


def _words(forms: Iterable[str]) -> str:
    """Any of the forms, where no longer word goes on behind it."""
    return longest_of(forms, lambda last: r"(?!\w)" if _is_of_words(last) else "")


def _is_of_words(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


def _forms(name: str) -> set[str]:
    """A name as it is, cut off, and as JSON, Python, HTML, CSV and Markdown write it."""
    forms = {name, *([name[:CUT]] if len(name) > CUT else [])}
    for it in tuple(forms):
        forms |= {repr(it)[1:-1], json.dumps(it)[1:-1], json.dumps(it, ensure_ascii=False)[1:-1]}
        forms |= {json.dumps(repr(it), ensure_ascii=False)[2:-2]}  # as a line of the log quotes what is quoted
        forms |= {html.escape(it), html.escape(it, quote=False), it.replace('"', '""'), markdown(it)}
    return forms


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
