"""The control group: listed clients whom a draw spares from being called, and what calls achieve beside them.

Groups are compared as they were assigned: the listed less the control against the control, whether reached or not. Who
is reached is selected, so called against not called would flatter the calls.
Source: Newcombe, Statistics in Medicine 17 (1998), method 10, on the interval of a difference of shares; Fleiss, Levin
and Paik, Statistical Methods for Rates and Proportions (2003), 4.2 on the number of clients; Katz et al., Biometrics
34 (1978), on the interval of a ratio of shares.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from risk.modeling.metrics import Array, Interval, Marks
from risk.text import counted, number, percent

TWO_SIDED_95, POWER_80 = 1.959964, 0.841621
SAVED = 0.3  # of those who would leave: the effect of calls that a group should be large enough to show


@dataclass(frozen=True)
class ControlComparison:
    """How many were assigned to each group, how many of them left, and the difference of the shares.

    `difference` (control less called) is how much smaller the share of leavers is among those to be called; its 95 %
    interval is `low` to `high`. All three are None where a group is empty. `needed` is how many more control clients
    would show, at 5 % and with a power of 80 %, that calls save a share of `saved` of the leavers; 0 where there are
    enough or the difference is plain already, None where nobody has left yet. `acceptance`, with its 95 % interval, is
    the share of those who would leave and stay for being called; None where nobody left of a group.
    """

    n_called: int
    n_control: int
    left_called: int
    left_control: int
    difference: float | None
    low: float | None
    high: float | None
    saved: float
    needed: int | None
    sentence: str
    acceptance: float | None = None
    acceptance_low: float | None = None
    acceptance_high: float | None = None


def is_control(client: str, as_of: str, share: float) -> bool:
    """Whether a client is drawn as control in the month of a day (ISO): by a hash, so the same on every list of it."""
    drawn = hashlib.sha256(f"control\x1f{client}\x1f{as_of[:7]}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") < share * 2**64


def compare(left: Array, control: Marks, saved: float = SAVED) -> ControlComparison | None:
    """Compare listed clients whose outcome is known, one entry of each array per client and list; None without any.

    `control` marks those who were drawn as control.
    """
    if not len(left):
        return None
    gone, control = np.asarray(left) == 1, np.asarray(control, dtype=bool)
    sizes = int((~control).sum()), int(control.sum())
    leavers = int((gone & ~control).sum()), int((gone & control).sum())
    shares = [count / max(n, 1) for count, n in zip(leavers, sizes, strict=True)]
    found: tuple[float, float, float] | None = None
    if min(sizes):
        (low, high), (low_control, high_control) = (_wilson(*it) for it in zip(leavers, sizes, strict=True))
        less = shares[1] - shares[0]
        below = math.hypot(shares[1] - low_control, high - shares[0])
        above = math.hypot(high_control - shares[1], shares[0] - low)
        found = less, less - below, less + above
    is_plain = found is not None and (found[1] > 0 or found[2] < 0)
    needed = 0 if is_plain else _more(sizes, leavers, saved)
    told = _sentence(sizes, leavers, found, needed, saved)
    bounds: tuple[float | None, float | None, float | None] = found or (None, None, None)
    return ControlComparison(*sizes, *leavers, *bounds, saved, needed, told, *_acceptance(sizes, leavers))


def _acceptance(sizes: tuple[int, int], leavers: tuple[int, int]) -> tuple[float | None, float | None, float | None]:
    """One less the ratio of the shares of leavers, with its 95 % interval."""
    if not min(leavers):
        return None, None, None
    ratio = leavers[0] / sizes[0] * sizes[1] / leavers[1]
    half = TWO_SIDED_95 * math.sqrt(sum(1 / count - 1 / n for count, n in zip(leavers, sizes, strict=True)))
    return 1 - ratio, 1 - ratio * math.exp(half), 1 - ratio * math.exp(-half)


def _wilson(count: int, n: int) -> Interval:
    """The 95 % score interval of a share."""
    z2, share = TWO_SIDED_95**2, count / n
    middle, half = share + z2 / (2 * n), TWO_SIDED_95 * math.sqrt((share * (1 - share) + z2 / (4 * n)) / n)
    return max((middle - half) / (1 + z2 / n), 0.0), min((middle + half) / (1 + z2 / n), 1.0)


def _more(sizes: tuple[int, int], leavers: tuple[int, int], saved: float) -> int | None:
    """How many more control clients would show the effect, with as many called ones to each as now."""
    share = leavers[1] / sizes[1] if leavers[1] else sum(leavers) / sum(sizes)
    if not share:
        return None
    called, to_each = share * (1 - saved), max(sizes[0], 1) / max(sizes[1], 1)
    spread = share * (1 - share) + called * (1 - called) / to_each
    wanted = (TWO_SIDED_95 + POWER_80) ** 2 * spread / (saved * share) ** 2
    return max(0, math.ceil(wanted) - sizes[1])


def _sentence(
    sizes: tuple[int, int], leavers: tuple[int, int], found: tuple[float, float, float] | None, needed: int | None,
    saved: float,
) -> str:  # fmt: skip
    groups = [f"{count:,} of {n:,}" for count, n in zip(leavers, sizes, strict=True)]
    told = f"Of those to be called {groups[0]} left, of the control group {groups[1]}"
    if found:
        difference, *bounds = found
        low, high = (number(100 * it, 1) for it in bounds)
        way = f"percentage points {'fewer' if difference >= 0 else 'more'}"
        told += f": {number(100 * abs(difference), 1)} {way} (fewer by {low} to {high} with 95 % certainty)"
    if needed:
        told += f". To show that calls save {percent(saved, 0)} of the leavers, "
        told += f"{counted(needed, 'more control client')} must be known"
    return f"{told}."
