"""The months of a made-up world of corporate clients whose truth is known.

The hidden rule, with a = log(1 + lastmonth_activity), b = log(1 + lastyear_activity), e = log(1 + number_of_employees):

    logit risk = -2.72 - 2.1 a + 2.0 b - 0.8 e + 0.6 (if the client is quiet)

So clients leave who do less than they used to, and small ones sooner than large ones. A client is quiet when it has
fewer than 20 employees and did less than half of its usual month (lastyear_activity / 12). A blank lastmonth_activity
counts as the usual month: the risk is always a function of the row as it is seen. Owner and contract value have no say.
Whether a client leaves is one throw of a coin that falls with its risk; that is the part nobody can know.

The turned rule: logit risk = -5.2 - 0.6 a + 0.6 b + 0.5 e. Falling activity matters little, and large clients go first.

A client whom a call saves stays (`_calls`). Everything is a function of the arguments alone. Every quantity of every
month has a random stream of its own, so without calls 2,000 clients are the first 2,000 places of the world of 10,000.
A place whose client left is taken by a new client.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.errors import UsageError
from risk.simulation._calls import MonthOfCalls
from risk.simulation._calls import calls as make_calls

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Clients = NDArray[np.void]
Stream = Callable[[int, str], np.random.Generator]  # of a quantity in a month

FIRST_YEAR = 2026
GROUPS = ("source", "practice", "test")
FAULTS = ("zeroed", "units", "swapped", "constant")
OWNERS = tuple(f"Team {letter}" for letter in "ABCDEFGH")
WORLDS = {
    "steady": "nothing changes",
    "harmless": "clients who join are much smaller; who leaves for which reason stays the same",
    "change": "the rule for leaving turns at once",
    "gradual": "the rule for leaving turns over six months",
    "segment": "the rule for leaving turns for large clients only",
    "baserate": "everybody leaves more often",
    "broken": "one month is sent with a fault; the clients are as ever",
}
WARM_UP = 18  # months before the first one, in which the mix of clients settles
PLACES = 1_000_000  # the most clients that a world can have
SMALL, LARGE = 20, 200  # employees
MISSING_SHARE = 0.01
BASERATE_SHIFT = 0.8  # on the logit
PERSISTENCE = 0.8  # of a client's deviation from its level, from month to month, on the log of activity
SHAKE = 0.45  # the new part of that deviation
SMALLER = -1.5  # on the log of number_of_employees
QUANTITIES = ("size", "level", "value", "owner", "year", "month", "missing", "exit", "call")


@dataclass(frozen=True)
class Rule:
    """Weights of the logit of the risk."""

    intercept: float
    lastmonth: float
    lastyear: float
    employees: float
    quiet: float


RULE = Rule(intercept=-2.72, lastmonth=-2.1, lastyear=2.0, employees=-0.8, quiet=0.6)
TURNED = Rule(intercept=-5.2, lastmonth=-0.6, lastyear=0.6, employees=0.5, quiet=0.0)

NAMES = ("number", "employees", "owner", "value", "level", "deviation", "year")
CLIENT = np.dtype(list(zip(NAMES, ("i8", "i8", "i8", "f8", "f8", "f8", "12i8"), strict=True)))


@dataclass(frozen=True)
class Series:
    """What decides which clients a folder holds; `since` is the number of the month in which the change began."""

    world: str = "steady"
    since: int | None = None
    seed: int = 1
    group: str = GROUPS[0]
    calls: int = 0  # a month

    @property
    def words(self) -> str:
        """The options as they are typed."""
        since = f" --since {period_of(self.since)}" if self.since else ""
        calls = f" --calls {self.calls}" if self.calls else ""
        return f"--world {self.world}{since} --seed {self.seed} --group {self.group}{calls}"


@dataclass(frozen=True)
class Month:
    """What is seen of every client in one month, whether it leaves in the month after, and its true risk of doing so.

    `lastmonth_activity` is nan where it is missing. In a faulty month the figures are wrong and the risk is true. The
    risk is that without a call; `exited` is what happens after the calls.
    """

    number: int
    client: NDArray[np.str_]
    owner: NDArray[np.str_]
    lastmonth_activity: Floats
    lastyear_activity: Whole
    number_of_employees: Whole
    contract_value: Floats
    exited: Whole
    risk: Floats
    calls: MonthOfCalls

    def csv_lines(self, places: NDArray[np.intp] | slice, labelled: bool) -> list[str]:
        """Return the line of each client in these places, its outcome blank where it is not `labelled`."""
        figures = (self.lastmonth_activity, self.lastyear_activity, self.number_of_employees, self.contract_value)
        period = period_of(self.number)
        columns = [column[places].tolist() for column in (self.client, self.owner, *figures, self.exited)]
        return [
            f"{client},{period},{owner},{'' if math.isnan(lastmonth) else int(lastmonth)},{lastyear},{employees},"
            f"{value:.2f},{exited if labelled else ''}\n"
            for client, owner, lastmonth, lastyear, employees, value, exited in zip(*columns, strict=True)
        ]


def worlds() -> dict[str, str]:
    """Return the name of every world and what happens in it."""
    return dict(WORLDS)


def period_of(number: int) -> str:
    """Return the ISO month of month `number`; 1 is the first."""
    return f"{FIRST_YEAR + (number - 1) // 12:04d}-{(number - 1) % 12 + 1:02d}"


def number_of(period: str) -> int:
    """Return the number of an ISO month such as 2026-01; below 1 when it lies before the first."""
    return (int(period[:4]) - FIRST_YEAR) * 12 + int(period[5:])


def month(world: str, number: int, *, since: int | None = None, **chosen: Any) -> Month:
    """Return month `number`; the world's change begins with month `since` (this very month when not given)."""
    *_, last = history(world, number, since=number if since is None else since, **chosen)
    return last


def history(
    world: str, months: int, *, clients: int = 10_000, seed: int = 1, since: int = 1, fault: str = "zeroed",
    group: str = "source", calls: int = 0,
) -> Iterator[Month]:  # fmt: skip
    """Yield months 1 to `months` of a world whose change begins with month `since`.

    Raises: UsageError for a world, fault or group that does not exist.
    """
    for given, known in ((world, WORLDS), (fault, FAULTS), (group, GROUPS)):
        if given not in known:
            raise UsageError(f"'{given}': there is no such world, fault or group; expected one of {', '.join(known)}")

    def stream(number: int, quantity: str) -> np.random.Generator:
        place = QUANTITIES.index(quantity)
        return np.random.default_rng([seed, GROUPS.index(group), number + WARM_UP, place])

    state = _newcomers(stream, clients, group, 1 - WARM_UP, smaller=False)
    for number in range(1 - WARM_UP, months + 1):
        missing = stream(number, "missing").random(clients) < MISSING_SHARE
        lastmonth, lastyear = np.where(missing, np.nan, state["year"][:, -1]), state["year"].sum(axis=1)
        risk = true_risk(world, number - since, lastmonth, lastyear, state["employees"])
        exited = stream(number, "exit").random(clients) < risk
        made = make_calls(calls if number >= 1 else 0, stream(number, "call"), lastmonth, lastyear, exited)
        exited[made.place[made.saved]] = False
        if number >= 1:
            names, owners = np.char.mod("corp-%08d", state["number"]), np.array(OWNERS)[state["owner"]]
            sizes, values = state["employees"].copy(), state["value"].copy()
            left = exited.astype(np.int64)
            seen = Month(number, names, owners, lastmonth, lastyear, sizes, values, left, risk, made)
            yield _faulty(seen, fault) if world == "broken" and number == since else seen
        shake = stream(number + 1, "month").standard_normal(clients)
        joining = _newcomers(stream, clients, group, number + 1, smaller=world == "harmless" and number + 1 >= since)
        _live_a_month(state, shake)
        state[exited] = joining[exited]


def true_risk(world: str, months: int, lastmonth: Floats, lastyear: Whole, employees: Whole) -> Floats:
    """Return P(leave | what is seen), `months` after the world's change began (negative: before it)."""
    logit = _logit(RULE, lastmonth, lastyear, employees)
    if months >= 0 and world == "baserate":
        logit = logit + BASERATE_SHIFT
    weight = _weight_of_turned(world, months, employees)
    logit = logit + weight * (_logit(TURNED, lastmonth, lastyear, employees) - logit)
    return np.asarray(1 / (1 + np.exp(-logit)))


def _weight_of_turned(world: str, months: int, employees: Whole) -> Floats:
    if months < 0 or world not in ("change", "gradual", "segment"):
        return np.zeros(len(employees))
    if world == "segment":
        return (employees >= LARGE).astype(np.float64)
    return np.full(len(employees), min(1.0, (months + 1) / 6) if world == "gradual" else 1.0)


def _logit(rule: Rule, lastmonth: Floats, lastyear: Whole, employees: Whole) -> Floats:
    usual = lastyear / 12
    lastmonth = np.where(np.isnan(lastmonth), usual, lastmonth)
    quiet = (employees < SMALL) & (lastmonth < usual / 2)
    activity = rule.lastmonth * np.log1p(lastmonth) + rule.lastyear * np.log1p(lastyear)
    return np.asarray(rule.intercept + activity + rule.employees * np.log1p(employees) + rule.quiet * quiet)


def _newcomers(stream: Stream, clients: int, group: str, number: int, smaller: bool) -> Clients:
    """Return a client for every place, with the year behind it, as it would join in month `number`."""
    normal = {name: stream(number, name).standard_normal(clients) for name in ("size", "level", "value")}
    size = 4.0 + 1.2 * normal["size"] + (SMALLER if smaller else 0.0)
    joined = np.zeros(clients, CLIENT)
    joined["number"] = (max(0, number - 1) * PLACES + np.arange(clients)) * len(GROUPS) + GROUPS.index(group)
    joined["employees"] = np.maximum(1, np.rint(np.exp(size)))
    joined["owner"] = stream(number, "owner").integers(len(OWNERS), size=clients)
    joined["level"] = 0.5 + 0.8 * size + 0.8 * normal["level"]
    joined["value"] = np.round(np.exp(2.0 + 0.4 * size + 0.6 * joined["level"] + 0.4 * normal["value"]), 2)
    shakes = stream(number, "year").standard_normal((clients, 13))
    joined["deviation"] = shakes[:, 0] * SHAKE / np.sqrt(1 - PERSISTENCE**2)
    for past in range(1, 13):
        _live_a_month(joined, shakes[:, past])
    return joined


def _live_a_month(state: Clients, shake: Floats) -> None:
    state["deviation"] = PERSISTENCE * state["deviation"] + SHAKE * shake
    state["year"][:, :-1] = state["year"][:, 1:].copy()
    state["year"][:, -1] = np.rint(np.exp(state["level"] + state["deviation"]))


def _faulty(month: Month, fault: str) -> Month:
    if fault == "zeroed":
        return replace(month, lastmonth_activity=np.zeros(len(month.client)))
    if fault == "units":
        return replace(month, lastyear_activity=month.lastyear_activity * 100)
    if fault == "swapped":
        return replace(month, lastyear_activity=month.number_of_employees, number_of_employees=month.lastyear_activity)
    return replace(month, number_of_employees=np.full(len(month.client), 100))
