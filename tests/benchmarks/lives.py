"""Lives: what ten years of weekly files do to alerts and deployments where no reason for leaving changes.

A life has 520 files of 500 rows; the first four are learned, each of the others is a look by the scan of the runs.
Alerts are false by definition. After an alert a challenger is trained, judged and deployed by the rules of the runs; it
is needless if it wins less than half a percent of the log-loss by the true risks. Finished lives are kept as JSON
lines, so a run can be resumed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from risk.backtest import policies
from risk.backtest.policies import Production, Rows, Rules, View
from risk.backtest.replay import expected_log_loss
from risk.decision import policy
from risk.drift import scan
from risk.drift.scan import N_WINDOWS, Scan
from risk.modeling import fitting
from risk.modeling.metrics import Floats, highest, list_length
from risk.settings.decision_rules import Drift, GateRule
from tests.benchmarks import decisions
from tests.benchmarks import kept as kept_rows
from tests.benchmarks.decisions import PLAIN_HARMLESS, PLAIN_STEADY, STEADY, WORTH, Stream
from tests.benchmarks.feeds import at_most
from tests.benchmarks.kept import Row
from tests.benchmarks.measure import Table

LIVES, FILES, FILE_ROWS, SINCE, A_YEAR = 25, 520, 500, 156, 52
LEARNED, AT_ONCE = 4, 40  # files
CALLED, CONTROL = 0.1, 0.5  # the share of the clients of a file on the list, and of these in the control group
FRESH, KEPT_P = 20_000, 0.01
MOST_NEEDLESS, MOST_ALERTS = 0.05, 1.0
ALPHAS = (0.005, 0.001, 0.0005, 0.0001, 0.00005, 0.00001)
SIZES, DELAYS, LONGEST = (0.25, 0.4), 20, 40  # of the plain change; streams, and files of each
CACHE = Path(os.environ.get("RISK_LIVES", "~/.cache/risk/lives.jsonl")).expanduser()
SOURCES = (*kept_rows.RULES, "tests/benchmarks/lives.py")


@dataclass(frozen=True)
class Kind:
    """A kind of life: its stream, and whether a tenth of the clients is called (and kept apart)."""

    stream: Stream
    called: bool = False

    @property
    def name(self) -> str:
        return self.stream.name + (", the list is called" if self.called else "")


KINDS = (Kind(PLAIN_STEADY), Kind(PLAIN_HARMLESS), Kind(STEADY), Kind(PLAIN_STEADY, called=True))


@dataclass(frozen=True)
class Deployed:
    """What went live after a look: why, and what it wins by the true risks, as a share of the log-loss."""

    look: int
    reason: str
    gain: float


@dataclass(frozen=True)
class Life:
    """The looks that gave an alert, the deployments, and the looks that came near: with their p times the windows."""

    kind: str
    seed: int
    alerts: tuple[int, ...]
    deployed: tuple[Deployed, ...]
    near: tuple[tuple[int, float], ...]

    @property
    def needless(self) -> bool:
        return any(it.gain < WORTH for it in self.deployed)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Life:
        deployed = tuple(Deployed(**it) for it in stored["deployed"])
        near = tuple((look, p) for look, p in stored["near"])
        return cls(stored["kind"], stored["seed"], tuple(stored["alerts"]), deployed, near)


@dataclass
class _Living:
    """A life under way: all rows so far, the releases, and the news of the live one with its risks."""

    rules: Rules
    files: list[pd.DataFrame] = field(default_factory=list)
    production: Production = field(default_factory=Production)
    older: pd.DataFrame = field(default_factory=pd.DataFrame)
    last: list[pd.DataFrame] = field(default_factory=list)

    @property
    def live(self) -> policies.ReplayedModel:
        assert self.production.live is not None
        return self.production.live

    def take(self, rows: pd.DataFrame) -> None:
        """Take in a file with the live model's risks; of news before the last contents a sample of clients is kept."""
        self.files.append(rows.drop(columns="risk"))
        self.last.append(rows)
        if len(self.last) > max(policy.WINDOWS):
            self.older = pd.concat([self.older, self.last.pop(0)], ignore_index=True)
            if len(self.older) > policy.MOST_OLDER_ROWS:
                hashes = pd.util.hash_array(self.older["client"].to_numpy(object))
                self.older = self.older[hashes <= np.median(hashes)]

    def looked(self, champion: policy.Champion) -> Scan:
        """What the scan finds in the news."""
        news, rule = pd.concat([self.older, *self.last], ignore_index=True), self.rules.scan
        return scan.scan(
            policy.windows(news, news["risk"].to_numpy(), self.rules.names), champion.reference, alpha=rule.alpha,
            minimum_gain=rule.minimum_gain, minimum=rule.minimum, learned=champion.learned,
        )  # fmt: skip

    def champion(self) -> policy.Champion:
        rows = self._rows()
        return policies._champion(self.live, rows, self.production, len(rows.left))

    def decided(self) -> bool:
        """Train and decide as a run does; return whether another model went live."""
        rows = self._rows()
        for place, release in enumerate(self.production.releases):
            since = rows.x[len(release.risks) :]
            risks = [release.risks, _rated(release, since)] if len(since) else [release.risks]
            self.production.releases[place] = replace(release, risks=np.concatenate(risks))
        decided = policies.ours(View(rows, self.rules, rows.n_steps - 1), self.production)
        self.production.carry_out(decided)
        if decided.model:
            self.older, self.last = pd.DataFrame(), []
        return decided.model is not None

    def _rows(self) -> Rows:
        steps = np.repeat(np.arange(len(self.files)), [len(it) for it in self.files])
        return Rows(pd.concat(self.files, ignore_index=True), steps, self.rules.names)


def _rated(release: policies.ReplayedModel, x: pd.DataFrame) -> Floats:
    return fitting.risks_of(release.taught.estimator, x)


def lived(kind: Kind, seed: int, *, n_files: int = FILES, rule: Drift | None = None) -> Life:
    """Live one life."""
    rule, names = rule or Drift(), kind.stream.names()
    files = list(kind.stream.files(seed, FILE_ROWS, n_files, SINCE))
    first = pd.concat(files[:LEARNED], ignore_index=True).assign(content=0)
    life = _Living(Rules(names, rule, GateRule(), "logistic"), [first])
    life.decided()
    alerts, deployed, near = list[int](), list[Deployed](), list[tuple[int, float]]()
    champion, rated, end = life.champion(), list[pd.DataFrame](), LEARNED
    for look in range(LEARNED, n_files):
        if not rated:  # many files at once: a model's answer costs as much for 500 rows as for 5,000
            rated, end = _with_risks(files[look : look + AT_ONCE], life.live, names), look + AT_ONCE
        rows = rated.pop(0)
        life.take(_called(rows, np.random.default_rng([seed, look])) if kind.called else rows)
        found = life.looked(champion)
        least = N_WINDOWS * min((it.p for it in found.windows if it.relative_gain > rule.minimum_gain), default=1.0)
        near += [(look, least)] * (least < KEPT_P)
        if found.verdict not in ("recalibrate", "retrain"):
            continue
        alerts.append(look)
        replaced = life.live
        if life.decided():
            deployed.append(Deployed(look, policy.DRIFT, _gain(kind, seed, look, replaced, life)))
            champion, rated = life.champion(), _with_risks(files[look + 1 : end], life.live, names)
    return Life(kind.name, seed, tuple(alerts), tuple(deployed), tuple(near))


def _with_risks(files: Sequence[pd.DataFrame], live: policies.ReplayedModel, names: policy.Names) -> list[pd.DataFrame]:
    if not files:
        return []
    whole = pd.concat(files, ignore_index=True)
    whole["risk"] = _rated(live, fitting.features(whole, names.kinds))
    return [rows for _, rows in whole.groupby("content")]


def _called(rows: pd.DataFrame, luck: np.random.Generator) -> pd.DataFrame:
    """Call the list, but for a control group of half of it, and keep the called rows apart, as runs do."""
    called = highest(rows["risk"].to_numpy(), list_length(CALLED, len(rows))) * luck.random(len(rows)) > CONTROL
    return rows[~called]


def _gain(kind: Kind, seed: int, look: int, replaced: policies.ReplayedModel, life: _Living) -> float:
    """What the live model wins over the one that it replaced, on fresh rows of the world of now by its true risks."""
    (fresh,) = kind.stream.files(seed + 1_000_000, FRESH, 1, 1 if look + 1 >= SINCE else 2)
    truth, x = fresh["truth"].to_numpy(), fitting.features(fresh, kind.stream.kinds)
    was, now = (expected_log_loss(truth, _rated(it, x)) for it in (replaced, life.live))
    return (was - now) / was


# --- finished lives are kept ------------------------------------------------------------------------------------------


def kept(path: Path) -> list[Life]:
    """The finished lives of this very program; a line that was cut off is passed over."""
    found, program = list[Life](), digest()
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            stored = json.loads(line)
        except ValueError:
            continue
        if stored.pop("program", None) == program:
            found.append(Life.from_dict(stored))
    return found


def line(life: Life, program: str) -> str:
    """A finished life as a line of JSON, with the digest of the rules that it was lived by."""
    return json.dumps(asdict(life) | {"program": program}) + "\n"


def digest() -> str:
    """The digest of the rules that are measured: lives of other rules are not mixed with these."""
    return kept_rows.digest(SOURCES)


def all_lived(lives: int, path: Path) -> list[Life]:
    """As many lives of each kind, those that are kept and those that were missing, which are added to the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    there = {(it.kind, it.seed): it for it in kept(path)}
    program = digest()
    for seed in range(1, lives + 1):
        for kind in KINDS:
            if (kind.name, seed) not in there:
                life = there[kind.name, seed] = lived(kind, seed)
                with path.open("a", encoding="utf-8") as file:
                    file.write("\n" + line(life, program))  # what was cut off before has no end of its line
    return [it for it in there.values() if it.seed <= lives]


# --- the table --------------------------------------------------------------------------------------------------------


def bench(lives: int = LIVES, cache: Path = CACHE) -> Table:
    """Measure alerts, needless deployments, and the frontier between alerts and delay."""
    found = all_lived(lives, cache)
    return Table("Lives", _ABOUT.format(lives=lives), [*_life_rows(found), *_frontier(found)])


_ABOUT = (
    f"{{lives}} simulated lives of each kind (`tests/benchmarks/lives.py`): {FILES} weekly files of {FILE_ROWS} rows, "
    "in which no reason for leaving changes, so every alert is false; models are logistic, and trained after alerts "
    f"alone. A deployment is needless if it wins less than {WORTH:.1%} of the log-loss by the true risks. In the "
    "harmless stream all figures of the clients move after three years. Where the list is called, the called rows are "
    "kept apart and half of the list is a control group. In brackets the one-sided 95 % bound. The frontier counts "
    "looks at which a window passes both limits, before it is compared with weighted training rows; the delay is the "
    "median number of files until the first of them after a change of the weight of one figure (-0.9 before). "
    "How often a harmful change is found in its first file of 2,000 rows, the table of decisions tells."
)


def _life_rows(found: Sequence[Life]) -> Iterator[Row]:
    for kind in KINDS:
        lives = [it for it in found if it.kind == kind.name]
        years = len(lives) * FILES / A_YEAR
        alerts = sum(len(it.alerts) for it in lives)
        yield (
            f"{kind.name}: false alerts a year",
            f"{alerts / years:.3f}",
            f"≤ {MOST_ALERTS:.0f}",
            alerts / years <= MOST_ALERTS,
        )
        changes = [change for it in lives for change in it.deployed]
        gains = ", ".join(f"{it.gain:.1%}" for it in changes if it.gain < WORTH)
        yield f"{kind.name}: deployments a life", f"{len(changes) / len(lives):.2f}", "", None
        yield f"{kind.name}: gains of needless deployments", gains or "none", "", None
    needless = sum(it.needless for it in found)
    bound = at_most(needless, len(found))
    figure = f"{needless} of {len(found)} (≤ {bound:.1%})"
    yield "lives that ever deploy anything needless", figure, f"≤ {MOST_NEEDLESS:.0%}", bound <= MOST_NEEDLESS


def _frontier(found: Sequence[Life]) -> Iterator[Row]:
    kinds = [kind.name for kind in KINDS]
    late = {size: delays(size) for size in SIZES}
    for alpha in ALPHAS:
        counts = [sum(p < alpha for it in found if it.kind == kind for _, p in it.near) for kind in kinds]
        years = len(found) / len(kinds) * FILES / A_YEAR
        words = "; ".join(f"{size:g}: {median_files(ps, alpha)}" for size, ps in late.items())
        what = f"`drift.alpha` {alpha:g}: alerts a year in the worst kind, and files until a change is found"
        yield what, f"{max(counts) / years:.2f}; {words}", "", None


def delays(size: float, seeds: int = DELAYS) -> list[list[float]]:
    """The p (times the windows) of each look after a plain change of this size, one list for each stream."""
    names = decisions.PLAIN_CHANGE.names()
    found = []
    for seed in range(seeds):
        files = list(decisions.PLAIN_CHANGE.files(seed, FILE_ROWS, 16 + LONGEST, 17, size / 1.2))
        live = decisions.champion(pd.concat(files[:4], ignore_index=True), decisions.PLAIN_CHANGE.kinds)
        ps = []
        for end in range(17, len(files) + 1):
            news = pd.concat(files[4:end], ignore_index=True)
            looked = scan.scan(policy.windows(news, live.risks(news), names), live.reference, alpha=1e-12)
            told = (it.p for it in looked.windows if it.relative_gain > Drift().minimum_gain)
            ps.append(N_WINDOWS * min(told, default=1.0))
            if ps[-1] < min(ALPHAS):
                break
        found.append(ps)
    return found


def median_files(looks: Sequence[Sequence[float]], alpha: float) -> str:
    """The median number of files until a look is below `alpha`."""
    first = [next((place for place, p in enumerate(ps, 1) if p < alpha), LONGEST + 1) for ps in looks]
    median = float(np.median(first))
    return f"{median:g}" if median <= LONGEST else f"more than {LONGEST}"
