"""The values of each kind of column: kept exactly as written, or refused with the reason.

Pure: no files. One `Values` belongs to one file, because accepted values bind those after them.
"""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal

from risk.reading import spreadsheets
from risk.reading.dialect import Dialect
from risk.reading.refusals import SHOWN, Refusal
from risk.settings.schema import Column, Schema
from risk.settings.table_format import Format

LONGEST_FIELD = 1_000  # characters
REMEMBERED = 10_000  # values of one column
HINTED = 1_000  # refused values of a file of which a setting is looked for that would read them
EXACT_DIGITS = 15  # every decimal of so many digits survives float64
WIDEST_INTEGER = 2**63 - 1
SMALLEST = 1e-290  # nearer to zero, float64 holds fewer digits

PERIOD = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?")
CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]" + CLOCK + ")?")
A_TIME = "a date (YYYY-MM-DD), or date and time (YYYY-MM-DD HH:MM:SS)"
PERIOD_FORMS = {7: "a month (YYYY-MM)", 10: "a date (YYYY-MM-DD)"}
# every control character but the two that end lines, and the byte order mark
FORBIDDEN = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff]")

Check = Callable[[str], str]


class _RefusedError(Exception):
    """One value that is not accepted; it never leaves this file."""

    def __init__(self, reason: str, expected: str) -> None:
        self.reason, self.expected = reason, expected
        self.column, self.value = "", ""


class _Accepted(dict[str, str]):
    """The accepted values of one column, by how they are written; what it does not hold yet is checked."""

    def __init__(self, name: str, check: Check, quote: str) -> None:
        super().__init__()
        self._name, self._check, self._quote = name, check, quote
        self.keeps = True

    def __missing__(self, written: str) -> str:
        text = written.strip(" ")
        try:
            _check_text(text, written, self._quote)
            accepted = self._check(text)
        except _RefusedError as refused:
            refused.column, refused.value = self._name, text
            raise
        if self.keeps and len(self) < REMEMBERED:
            self[written] = accepted
        return accepted


class Values:
    """Checks the rows of one file against the schema, as its format says; `typed` columns hold numbers, not texts."""

    def __init__(self, schema: Schema, typed: Collection[str] = ()) -> None:
        self._dialect, self._n_hints = Dialect(schema.format), 0
        self._plain = Dialect(Format())
        self._typed = frozenset(typed)
        self._missing = frozenset(schema.missing)
        self._targets = (*schema.target_values.stayed, *schema.target_values.left)
        self._schema = schema
        self.client, self.has_period = schema.client, schema.period is not None
        self.are_events = schema.holds_events
        kinds = [column.kind for column in schema.columns]
        self._period = kinds.index("period") if "period" in kinds else None
        self.period_length: int | None = None
        self.fractional: set[int] = set()  # columns that hold a fraction: float64
        self.wide: set[int] = set()  # columns that hold an integer which float64 would change

    def row(self, line: int, written: Sequence[str]) -> list[str] | Refusal:
        """The values of a row in schema order, missing ones as "", or the first refusal."""
        try:
            fields = [accepted[text] for accepted, text in zip(self._columns, written, strict=True)]
        except _RefusedError as refused:
            return Refusal(line, refused.column, refused.value[:SHOWN] or None, refused.reason, refused.expected)
        if self.period_length is None and self._period is not None:
            self._set_period_length(len(fields[self._period]))
        return fields

    def is_of_nobody(self, refusal: Refusal) -> bool:
        """Whether a row is refused as an event without a client: it tells of nobody, and is no sign of a fault."""
        return self._schema.holds_events and refusal.column == self.client and not refusal.value

    def bind(self, period_length: int | None, fractional: Iterable[int]) -> None:
        """Remember what rows that were accepted elsewhere mean for those after them."""
        self._set_period_length(period_length)
        self.fractional.update(fractional)

    def _set_period_length(self, length: int | None) -> None:
        """Fix the one form of the periods of this file; until then none is remembered as accepted."""
        self.period_length = length
        if self._period is not None:
            self._columns[self._period].keeps = length is not None

    @functools.cached_property
    def _columns(self) -> list[_Accepted]:
        """One for each column; a file that is plain all through needs none of them."""
        checks = [self._check_of(index, column) for index, column in enumerate(self._schema.columns)]
        names, quote = [column.name for column in self._schema.columns], self._schema.format.quote
        columns = [_Accepted(name, check, quote) for name, check in zip(names, checks, strict=True)]
        if self._period is not None:
            columns[self._period].keeps = False
        return columns

    def _check_of(self, index: int, column: Column) -> Check:
        if column.kind == "number":
            dialect = self._plain if column.name in self._typed else self._dialect
            return lambda text: self._number(text, index, column.minimum, dialect)
        if column.kind == "text":
            return lambda text: "" if text in self._missing else text
        kinds = {
            "client": self._a_client,
            "period": self._a_period,
            "time": self._a_time,
            "date": self._a_date,
            "target": self._a_target,
        }
        return kinds[column.kind]

    def _a_client(self, text: str) -> str:
        seen = spreadsheets.seen(text)
        if not seen:
            raise _RefusedError("is blank", "the id of a client")
        if reason := spreadsheets.spoiled(text):
            raise _RefusedError(reason, "the id as it was, formatted as text")
        if not seen.strip(spreadsheets.RULES):
            raise _RefusedError("has no letter and no digit", "the id of a client")
        return text

    def _a_period(self, written: str) -> str:
        text = written if is_period(written) else self._dialect.date(written)
        if text is None:
            expected = PERIOD_FORMS.get(self.period_length or 0, " or ".join(PERIOD_FORMS.values()))
            expected = f"{self._dialect.a_date}{expected}{self._hint(Dialect.for_date, written)}"
            raise _RefusedError("is not a period" if written else "is blank", expected)
        if self.period_length not in (None, len(text)):
            expected = f"{PERIOD_FORMS[self.period_length or 0]} as in the rows before"
            raise _RefusedError(f"is {PERIOD_FORMS[len(text)]}", expected)
        return text

    def _a_time(self, written: str) -> str:
        text = written if TIME.fullmatch(written) else self._dialect.time(written)
        if not text or not is_period(text[:10]):
            expected = f"{self._dialect.a_date}{A_TIME}{self._hint(Dialect.for_date, written)}"
            raise _RefusedError("is not a time" if written else "is blank", expected)
        return text

    def _a_date(self, written: str) -> str:
        if not written or written in self._missing:
            return ""
        text = written if is_period(written) else self._dialect.date(written)
        if text is None or len(text) != 10:
            expected = f"{self._dialect.a_date}{PERIOD_FORMS[10]}, or nothing"
            raise _RefusedError("is not a date", f"{expected}{self._hint(Dialect.for_date, written)}")
        return text

    def _hint(self, setting_for: Callable[[Dialect, str], str], written: str) -> str:
        """The setting that would read a text, looked for in the first ones that are refused."""
        self._n_hints += 1
        return setting_for(self._dialect, written) if self._n_hints <= HINTED else ""

    def translated(self, written: Sequence[str]) -> Sequence[str]:
        """The fields of a refused row, its numbers in plain form as far as they are any."""
        if self._schema.format.is_plain:
            return written
        numbers = {it.name for it in self._schema.columns if it.kind == "number"} - self._typed
        columns = zip(self._schema.columns, written, strict=True)
        return [self._dialect.number(text.strip(" ")) or text if it.name in numbers else text for it, text in columns]

    def _a_target(self, text: str) -> str:
        if text in self._targets or not text:
            return text
        if text in self._missing:
            return ""
        raise _RefusedError("is not a known outcome", f"{' or '.join(self._targets)}, or nothing")

    def _number(self, written: str, index: int, minimum: float | None, dialect: Dialect) -> str:
        if not written or written in self._missing:
            return ""
        text = dialect.number(written)
        if text is None:
            raise _RefusedError("is not a number", f"{dialect.a_number}{self._hint(Dialect.for_number, written)}")
        number = self._fraction(text, index) if "." in text else self._integer(text, index)
        if number == 0 and text[0] == "-":
            text = text[1:]  # zero has one text
        if minimum is not None and number < minimum:
            raise _RefusedError(f"is below {minimum:g}", f"{minimum:g} or more")
        return text

    def _integer(self, text: str, index: int) -> int:
        number = int(text)
        if not -WIDEST_INTEGER - 1 <= number <= WIDEST_INTEGER:
            raise _RefusedError("is too large", f"a whole number up to {WIDEST_INTEGER}")
        if len(text) > EXACT_DIGITS and int(float(number)) != number:
            if index in self.fractional:
                raise _RefusedError("is not held exactly beside fractions", f"at most {EXACT_DIGITS} digits")
            self.wide.add(index)
        return number

    def _fraction(self, text: str, index: int) -> float:
        number = float(text)
        digits = text.lstrip("-0.").replace(".", "")
        if (len(digits) > EXACT_DIGITS and f"{Decimal(repr(number)):f}" != text) or (digits and abs(number) < SMALLEST):
            raise _RefusedError("is not held exactly", f"at most {EXACT_DIGITS} digits")
        if index in self.wide:
            expected = "whole numbers only, because a row before holds one of more than 15 digits"
            raise _RefusedError("is a fraction", expected)
        self.fractional.add(index)
        return number


def _check_text(text: str, written: str, quote: str) -> None:
    if len(text) > LONGEST_FIELD:
        raise _RefusedError(f"has {len(text):,} characters", f"at most {LONGEST_FIELD:,}")
    if match := FORBIDDEN.search(text):
        raise _RefusedError(f"holds the character U+{ord(match[0]):04X}", "text without it")
    if quote and text[:1] == quote and written[:1] == " ":
        raise _RefusedError("has a space before its quote", "a quote right after the comma")


def is_period(text: str) -> bool:
    """Whether the text is a month or a date of the calendar, in ISO form."""
    if not PERIOD.fullmatch(text):
        return False
    try:
        datetime.date.fromisoformat(text if len(text) == 10 else f"{text}-01")
    except ValueError:
        return False
    return True
