"""Months of the made-up world, written as CSV files; a folder continues with the options that it was begun with.

    python -m risk.simulation.simulate                             the next month of sourcedata
    python -m risk.simulation.simulate --world change              the same, in a world where the rule for leaving turns
    python -m risk.simulation.simulate --start --clients 2000      a history from the first month on

`exited` is blank in the newest month: who leaves is known a month later. So a drop writes the newest month of the
folder again, with its labels, and then the next one without. The calls that were made meanwhile, and what came of them,
go into a file of their own beside the folder.

Reads: the newest clients_YYYY-MM.csv of the folder (which month, which clients).
Writes: clients_YYYY-MM.csv; for the group `test` testdata.csv; with calls outcomes/YYYY-MM.csv beside the folder.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from risk.command import say
from risk.disk.files import as_json, read_json, refusals, write
from risk.disk.paths import OUTCOMES
from risk.errors import RiskError, UsageError
from risk.simulation._worlds import FAULTS, GROUPS, PLACES, Month, Series, history, number_of, period_of, worlds
from risk.text import counted

COLUMNS = "corporation,period,owner,lastmonth_activity,lastyear_activity,number_of_employees,contract_value,exited"
BEGUN, HOLDOUT = ".simulate.json", "testdata.csv"  # the first is hidden, so it is no source
FOLDERS = {"source": Path("sourcedata"), "practice": Path("practicedata"), "test": Path("testdata")}
CLIENTS = 10_000
CALLS = 40  # a month, of the team behind sourcedata
CALL_COLUMNS = "client,date,result,opinion,note"
MONTH_FILE = re.compile(r"clients_(\d{4}-(?:0[1-9]|1[0-2]))\.csv")


def drop(
    folder: Path, series: Series, months: int | None = None, clients: int | None = None, fault: str = FAULTS[0]
) -> list[Month]:
    """Write the labels of the newest month of the folder and the next months (one unless `months` says more).

    An empty folder gets the first month.
    Raises: UsageError when the newest file of the folder holds other clients than this world has in that month.
    """
    newest = max(_months_in(folder), default=0)
    known = []
    if newest:
        with refusals(folder / _name(newest)):
            lines = (folder / _name(newest)).read_text(encoding="utf-8", errors="replace").splitlines()
        known = [line.partition(",")[0] for line in lines[1:]]
    last = newest + (months or 1)
    series = _begin(series, newest, last)
    story = _history(series, last, clients or len(known) or CLIENTS, fault)
    if newest and list(story[newest - 1].client) != known:
        raise UsageError(
            f"{folder / _name(newest)}: its clients are not those of {series.words}; "
            f"expected the options that the file was made with ({begun(folder).words}); "
            "give those, or another --folder"
        )
    return _write_months(folder, series, story[max(newest, 1) - 1 :])


def start(
    folder: Path, series: Series, months: int | None = None, clients: int | None = None, fault: str = FAULTS[0]
) -> list[Month]:
    """Write a history from the first month on (eight unless `months` says else), labelled but for the newest month.

    Raises: UsageError when the folder holds months after its end.
    """
    last = months or 8
    later = [number for number in _months_in(folder) if number > last]
    if later:
        raise UsageError(
            f"{folder / _name(min(later))}: lies after {period_of(last)}, where the new history "
            "ends; expected no later month; remove it, or give another --folder or more --months"
        )
    series = _begin(series, 0, last)
    return _write_months(folder, series, _history(series, last, clients or CLIENTS, fault))


def _hold_out(folder: Path, series: Series, last: int, clients: int, fault: str) -> None:
    """Write testdata.csv: one labelled row per client, of a month drawn at random from the first to the last.

    The month is drawn for a place, whoever has it then: drawn from a client's own months, leavers would come too often.
    """
    drawn = np.random.default_rng([series.seed, len(GROUPS)]).integers(1, last + 1, size=clients)
    rows: list[str] = []
    for month in _history(_begin(series, 0, last), last, clients, fault):
        rows += month.csv_lines(np.flatnonzero(drawn == month.number), labelled=True)
    _write(folder / HOLDOUT, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    given = _parser().parse_args(arguments)
    try:
        say(_act(given))
    except RiskError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _act(given: argparse.Namespace) -> str:
    """Write what was asked for, and what was not said as the series was begun; say what, and with which options."""
    folder = given.folder or FOLDERS[given.group or GROUPS[0]]
    goes_on = not given.start and given.group != "test" and bool(_months_in(folder))
    former = begun(folder) if goes_on else usual(folder)
    world, group = given.world or former.world, given.group or former.group
    if given.fault and world != "broken":
        raise UsageError(
            f"--fault {given.fault}: found with --world {world}; expected only with --world broken; "
            "add that, or leave --fault out"
        )
    since = given.since or (former.since if world == former.world else None)
    seed, calls = (getattr(former if getattr(given, it) is None else given, it) for it in ("seed", "calls"))
    series = Series(world, since, seed, group, calls)
    fault = given.fault or FAULTS[0]
    if group == "test":
        clients = given.clients or CLIENTS
        _hold_out(folder, series, given.months or 8, clients, fault)
        return f"{folder}: wrote {HOLDOUT}; {clients} clients, world {world}"
    months = (start if given.start else drop)(folder, series, given.months, given.clients, fault)
    names, clients = ", ".join(_name(month.number) for month in months), len(months[0].client)
    continues = f"; the series continues with {begun(folder).words}" if goes_on else ""
    called = f"; {counted(calls, 'call')} a month in {folder.parent / OUTCOMES}" if calls else ""
    return f"{folder}: wrote {names}; {clients} clients, world {world}{called}{continues}"


def usual(folder: Path) -> Series:
    """Return the series that a folder has without a file that says so."""
    calls = CALLS if folder == FOLDERS["source"] else 0
    return Series(group="practice" if folder == FOLDERS["practice"] else GROUPS[0], calls=calls)


def begun(folder: Path) -> Series:
    """Return what the series of a folder was begun with. Raises: UsageError where the file that says it is damaged."""
    path = folder / BEGUN
    if not path.is_file():
        return usual(folder)
    with contextlib.suppress(TypeError):  # no object, other names, or a list for a name
        series = Series(**read_json(path))
        numbers = [series.seed, 0 if series.since is None else series.since, series.calls]
        are_numbers = all(type(number) is int and number >= 0 for number in numbers)
        if series.world in worlds() and series.group in GROUPS and are_numbers:
            return series
    raise UsageError(
        f"{path}: the options of this series are damaged. Nothing is written. "
        "Remove this file, and name the options once: --world, --since, --seed, --group."
    )


def _begin(series: Series, newest: int, last: int) -> Series:
    """The series with the month of its change: the one named, else the first in which this drop can show it."""
    # A changed rule shows in labels, so it begins with the month that this drop labels; the rest shows in the new rows.
    shown_by = {"broken": last, "harmless": newest + 1}
    return replace(series, since=series.since or shown_by.get(series.world, max(newest, 1)))


def _history(series: Series, last: int, clients: int, fault: str) -> list[Month]:
    return list(history(**asdict(series), months=last, clients=clients, fault=fault))


def _name(number: int) -> str:
    return f"clients_{period_of(number)}.csv"


def _months_in(folder: Path) -> list[int]:
    found = [MONTH_FILE.fullmatch(path.name) for path in folder.glob("clients_*.csv")]
    return [number for match in found if match and (number := number_of(match[1])) >= 1]


def _write_months(folder: Path, series: Series, months: list[Month]) -> list[Month]:
    """Write the months in order: killed between two of them, the next drop goes on from the last one written."""
    _remember(folder, series)
    for month in months:
        labelled = month is not months[-1]
        if labelled and series.calls:  # known by the time that the labels are
            called_in = period_of(month.number + 1)
            calls = "".join(month.calls.csv_lines(month.client, called_in))
            write(folder.parent / OUTCOMES / f"{called_in}.csv", f"{CALL_COLUMNS}\n{calls}".encode())
        _write(folder / _name(month.number), month.csv_lines(slice(None), labelled=labelled))
    return months


def _remember(folder: Path, series: Series) -> None:
    """Keep what the next month must know; the clients of a broken month are those of the steady world."""
    path = folder / BEGUN
    if series.world in ("steady", "broken"):
        series = replace(series, world="steady", since=None)
    with refusals(path):
        path.unlink(missing_ok=True)
    if series != usual(folder):
        write(path, as_json(asdict(series)))


def _write(path: Path, rows: Sequence[str]) -> None:
    write(path, (COLUMNS + "\n" + "".join(rows)).encode())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m risk.simulation.simulate", description="Write made-up months.")
    told = "; ".join(f"{name}: {meaning}" for name, meaning in worlds().items())
    since = "the month that this drop labels; for harmless and broken the month that it adds; with --start and for "
    since = f"first month of the change (default: {since}the group test the first)"
    add, of_series = parser.add_argument, "default: as the series was begun, else"
    add("--folder", type=Path, help="default: sourcedata, practicedata or testdata, by group")
    add("--clients", type=_count, help=f"default: as many as the newest file holds, else {CLIENTS}")
    add("--world", choices=list(worlds()), help=f"{of_series} steady ({told})")
    add("--since", type=_month_number, metavar="YYYY-MM", help=since)
    add("--fault", choices=FAULTS, help=f"of the world broken (default: {FAULTS[0]})")
    add("--months", type=_count, help="how many (default: 1; 8 with --start and for the group test)")
    add("--seed", type=int, choices=range(1_000_000), metavar="N", help=f"{of_series} 1")
    add("--calls", type=int, choices=range(PLACES), metavar="N", help=f"{of_series} {CALLS} in sourcedata, 0 elsewhere")
    add("--start", action="store_true", help="write a whole history from the first month on")
    add("--group", choices=GROUPS, help="whose clients: no client is in two groups")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= PLACES:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 to {PLACES}")
    return int(text)


def _month_number(text: str) -> int:
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text) or number_of(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a month from {period_of(1)} on, such as {period_of(9)}")
    return number_of(text)


if __name__ == "__main__":
    sys.exit(main())
