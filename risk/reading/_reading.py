"""What is known of one file while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from risk.reading import erased, spreadsheets
from risk.reading._records import ExactReader
from risk.reading._whole_file import Suspicion
from risk.reading.erased import NOBODY, Erased
from risk.reading.header import Header
from risk.reading.parts import Piece
from risk.reading.refusals import SHOWN, Refusal

LISTED = 1_000  # refused rows of a file that are listed one by one
ODD = 1_000  # ids of a file that are remembered as odd
TOO_MANY, TOO_LARGE_SHARE = 10, 0.2  # refused rows from which a file is refused as a whole


@dataclass(frozen=True)
class Source:
    """A file to read; its name is its path below the input folder, with «/». Of ordered rows, a later one revises.

    The rows of a derived one were accepted before, and bring outcomes that no file may hold.
    """

    name: str
    path: Path
    is_ordered: bool = False
    is_derived: bool = False


@dataclass(eq=False)
class Reading:
    """What is known of one file while it is read and until its rows are written."""

    path: Path
    header: Header | None = None
    exact: ExactReader = field(init=False)  # there with the header
    suspicion: Suspicion | None = None  # what a first reading of this file left
    erased: Erased = NOBODY
    digest: str | None = ""  # None: the file vanished or changed while it was read
    size: int = 0
    is_one_chunk: bool = True
    seconds: float = 0.0
    n_read: int = 0
    n_accepted: int = 0
    n_refused: int = 0
    n_no_fault: int = 0  # of these, events without a client, and rows of erased clients
    refusals: list[Refusal] = field(default_factory=list)
    fault: Refusal | None = None
    pieces: list[Piece | None] = field(default_factory=list)  # None: not written yet
    dots: spreadsheets.Dots = field(default_factory=spreadsheets.Dots)
    odd: dict[str, set[str]] = field(default_factory=dict)  # ids not written as they are seen, by that form
    may_be_odd: bool = False  # whether there may be more of them in lines that were not read one by one
    has_end_mark: bool = False  # as DOS wrote it
    may_be_totals: bool = False  # whether an id may be named as totals are
    n_totals: int = 0  # accepted rows of clients who are
    n_cut: int = 0  # ids of more digits than a spreadsheet keeps, if it may have rounded each of them
    n_repeats: int = 0  # accepted rows of a client, and period, that an earlier one of the file has
    written: bytes = b""  # the only chunk, where its lines were translated on their way to a part
    place_of: Callable[[int, int | None], str] | None = None  # names a row, and a field of it, of a table without lines

    def exactly(self, chunks: Iterable[bytes]) -> Iterator[list[str]]:
        """Yield the accepted rows of the next chunk, each checked by itself; refused ones are remembered."""
        for row in self.exact.rows(chunks):
            self.n_read += 1
            if self.suspicion and self.exact.is_whole:
                row = self.suspicion.judged(*self.exact.tail[-1][:2], row)
            row = self._of_others(row) if self.erased else row
            if isinstance(row, Refusal):
                self.n_refused += 1
                self.n_no_fault += self._is_no_fault(row)
                self.refusals += [self.placed(row)] if len(self.refusals) < LISTED else []
            else:
                yield row

    def _of_others(self, row: list[str] | Refusal) -> list[str] | Refusal:
        """The row, refused where it is of an erased client; a refusal shows nothing of such a one."""
        if isinstance(row, Refusal):
            return replace(row, value=self.erased.without_client(row.value, self.exact.form.delimiter, SHOWN))
        if not self.erased.holds(row[0]):
            return row
        return Refusal(self.exact.tail[-1][0], self.exact.values.client, None, erased.REASON, erased.EXPECTED)

    def _is_no_fault(self, refusal: Refusal) -> bool:
        """Whether a row is refused although its file is sound."""
        return refusal.reason == erased.REASON or self.exact.values.is_of_nobody(refusal)

    def placed(self, refusal: Refusal) -> Refusal:
        """The refusal with the place in its table as people know it."""
        if self.place_of is None or refusal.line is None:
            return refusal
        names = self.header.names if self.header else ()
        columns = self.header.columns if self.header else {}
        field = columns.get(refusal.column or "")
        return replace(refusal, where=self.place_of(refusal.line, field if field in range(len(names)) else None))

    def note_odd(self, forms: Iterable[tuple[str, str]]) -> None:
        """Remember ids that are not written as they are seen, after that form."""
        for form, written in forms:
            if len(self.odd) < ODD:
                self.odd.setdefault(form, set()).add(written)

    def accept(self, rows: int) -> int:
        """Count accepted rows; return the place of their piece."""
        self.n_accepted += rows
        self.pieces.append(None)
        return len(self.pieces) - 1

    def forget_rows(self) -> None:
        """Count no row as accepted."""
        self.n_accepted = 0
        self.pieces.clear()

    def judge(self) -> None:
        """Refuse the file as a whole where too many of its rows are; its reason names no client."""
        if self.suspicion:
            self.refusals = self.suspicion.named(self.refusals)
        n_refused, n_read = self.n_refused - self.n_no_fault, self.n_read - self.n_no_fault
        if not self.fault and n_refused >= TOO_MANY and n_refused > TOO_LARGE_SHARE * n_read:
            first = next((it for it in self.refusals if not self._is_no_fault(it)), self.refusals[0])
            share = f"{n_refused:,} of {n_read:,} rows ({100 * n_refused / n_read:.0f} %)"
            names = first.column in (None, self.exact.values.client)
            value, reason = None if names else first.value, f"{first.reason}, and {share} are refused"
            self.fault = replace(first, value=value, reason=reason)
