"""The decisions: how often the rules ring for nothing, find what is there, deploy what is worse, and what lists catch.

Streams of client files whose true risks are known. `plain` ones have independent clients: three figures whose log is
normal, two of them linked, and a plan; the others are the project's own worlds as monthly files, where most clients
come again. In every stream the first files are learned (2,000 rows, or one file), and the following ones are looked at.
Models are logistic but where `auto` is named: it is the fits that take the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp, t
from threadpoolctl import threadpool_limits

from risk.backtest import policies, replay
from risk.backtest.policies import Decided, Production, Rows, Rules, View
from risk.backtest.replay import Replay, expected_log_loss
from risk.decision import policy
from risk.drift import scan
from risk.modeling import fitting, selection
from risk.modeling.metrics import Floats, f1_score
from risk.modeling.reference import Reference, reference
from risk.modeling.selection import Challenger, Incumbent
from risk.settings.decision_rules import Drift, GateRule
from risk.simulation import _worlds
from tests.benchmarks import kept
from tests.benchmarks.feeds import at_least, at_most
from tests.benchmarks.kept import Row
from tests.benchmarks.measure import Table

BENCH = "decisions"
SIZES = (200, 2_000, 20_000)
LEARNED = 2_000  # rows that the champion has learned from, in whole files
FRESH = 20_000  # rows of the world as it is now, by whose true risks two models are compared
ALARM, WORSE, FIRST_FILE, TEN_FILES, CAUGHT, MOST_CHANGES = 0.01, 0.01, 0.95, 0.95, 0.95, 3
BETTER = {200: 0.45, 2_000: 0.65, 20_000: 0.95}
WORTH = 0.005  # the gain from which a challenger counts as better: less the gate does not ask for
NUMBERS = ("lastmonth_activity", "lastyear_activity", "number_of_employees")
KINDS: dict[str, dict[str, str]] = {
    "plain": {"activity": "numeric", "size": "numeric", "age": "numeric", "plan": "categorical"},
    "world": dict.fromkeys(NUMBERS, "numeric"),
}
PLANS = np.array(["basic", "basic", "plus", "gold"], dtype=object)


@dataclass(frozen=True)
class Stream:
    """A stream by name. `plain` gives how the truth of the plain one changes; the others are worlds of that name.

    A plain change takes `over` files until it is whole.
    """

    name: str
    plain: Mapping[str, float] | None = None
    over: int = 1

    @property
    def kinds(self) -> dict[str, str]:
        return KINDS["world" if self.plain is None else "plain"]

    def names(self) -> policy.Names:
        return policy.Names("client", "left", self.kinds)

    def files(self, seed: int, n_rows: int, count: int, since: int, size: float = 1.0) -> Iterator[pd.DataFrame]:
        """Yield files 1 to `count` of `n_rows` each, changed from file `since` on; `size` scales a plain change."""
        if self.plain is not None:
            for number in range(1, count + 1):
                part = size * min(1.0, max(0, number - since + 1) / self.over)
                moved = {name: part * by for name, by in self.plain.items()}
                yield _plain(np.random.default_rng([seed, n_rows, number]), n_rows, number, moved)
            return
        world = self.name.removeprefix("world ")
        for month in _worlds.history(world, count, clients=n_rows, seed=seed, since=since):
            columns = {name: np.asarray(getattr(month, name), dtype=np.float64) for name in NUMBERS}
            known = {"client": month.client.astype(object), "left": month.exited.astype(np.float64)}
            yield pd.DataFrame(columns | known | {"truth": month.risk, "content": month.number})


PLAIN_STEADY, PLAIN_HARMLESS = Stream("plain steady", {}), Stream("plain harmless", {"figures": 1.0})
PLAIN_CHANGE = Stream("plain change", {"activity": 1.2})
PLAIN_SLOW = Stream("plain slow", {"activity": 1.8}, over=16)  # the slope of the activity turns round
STEADY, HARMLESS, CHANGE, GRADUAL, SEGMENT, BASERATE = (
    Stream(f"world {name}") for name in ("steady", "harmless", "change", "gradual", "segment", "baserate")
)
UNCHANGED = (PLAIN_STEADY, PLAIN_HARMLESS, STEADY, HARMLESS)
HARMFUL = (PLAIN_CHANGE, CHANGE, GRADUAL, SEGMENT, BASERATE)


def _plain(random: np.random.Generator, n_rows: int, number: int, moved: Mapping[str, float]) -> pd.DataFrame:
    """Return one file of independent clients; `moved` adds to a weight of the truth, all figures, or the logit."""
    figures = random.standard_normal((n_rows, 3))
    figures[:, 1] = 0.6 * figures[:, 0] + 0.8 * figures[:, 1]
    figures += moved.get("figures", 0.0)
    plan = PLANS[random.integers(0, 4, n_rows)]
    weights = [
        weight + moved.get(name, 0.0)
        for name, weight in zip(("activity", "size", "age"), (-0.9, -0.4, 0.3), strict=True)
    ]
    truth = 1 / (1 + np.exp(-(-1.6 + moved.get("share", 0.0) + figures @ weights + 0.5 * (plan == "gold"))))
    columns = dict(zip(("activity", "size", "age"), np.exp(np.maximum(figures.T + 5, 0)) - 1, strict=True))
    clients = np.char.mod(f"c{number}-%d", np.arange(n_rows)).astype(object)
    left = (random.random(n_rows) < truth).astype(np.float64)
    return pd.DataFrame(columns | {"plan": plan, "client": clients, "left": left, "truth": truth, "content": number})


@dataclass(frozen=True)
class Champion:
    """A model that was taught on some rows, and what the rules keep of these."""

    taught: Challenger
    rows: pd.DataFrame
    kinds: dict[str, str]

    def risks(self, frame: pd.DataFrame) -> Floats:
        return fitting.risks_of(self.taught.estimator, fitting.features(frame, self.kinds))

    @cached_property
    def reference(self) -> Reference:
        values = {name: self.rows[name].to_numpy() for name in self.kinds}
        return reference(values, self.kinds, self.rows["left"].to_numpy(), self.taught.risks)  # type: ignore[arg-type]

    @cached_property
    def learned(self) -> scan.Window:
        names = policy.Names("client", "left", self.kinds)
        return policy.window(self.rows, self.taught.risks, names, self.rows["client"].to_numpy())

    @cached_property
    def f1(self) -> float:
        return f1_score(self.rows["left"].to_numpy(), self.taught.risks, self.taught.threshold)


def champion(rows: pd.DataFrame, kinds: dict[str, str], choice: str = "logistic") -> Champion:
    """Return the model of these rows."""
    return Champion(_taught(rows, kinds, np.zeros(len(rows), dtype=bool), choice), rows, kinds)


def _taught(
    rows: pd.DataFrame, kinds: dict[str, str], recent: np.ndarray, choice: str, standing: Incumbent | None = None
) -> Challenger:
    clients, contents = rows["client"].to_numpy(), rows["content"].to_numpy()
    left, x = rows["left"].to_numpy(), fitting.features(rows, kinds)
    return selection.teach(x, left, clients, contents, recent, kinds, choice, standing)


# --- rules that ring --------------------------------------------------------------------------------------------------


def scan_rings(live: Champion, files: Sequence[pd.DataFrame], names: policy.Names) -> bool:
    """Return whether our scan rings at the last of the files that came since the champion's training."""
    rule, news = Drift(), pd.concat(files, ignore_index=True)
    windows = policy.windows(news, live.risks(news), names)
    limits = {"alpha": rule.alpha, "minimum_gain": rule.minimum_gain, "minimum": rule.minimum}
    found = scan.scan(windows, live.reference, learned=lambda: live.learned, **limits)  # type: ignore[arg-type]
    return found.verdict in ("recalibrate", "retrain")


def f1_fell(live: Champion, files: Sequence[pd.DataFrame], names: policy.Names) -> bool:
    """Return whether the champion's F1 on the last file is below that of its training."""
    last = files[-1]
    return f1_score(last["left"].to_numpy(), live.risks(last), live.taught.threshold) < live.f1


def psi_rings(live: Champion, files: Sequence[pd.DataFrame], names: policy.Names) -> bool:
    """Return whether the population stability index of any figure is above 0.2 (tenths of the learned rows)."""
    return any(psi(live.rows[name].to_numpy(), files[-1][name].to_numpy()) > 0.2 for name in _numeric(live.kinds))


def ks_rings(live: Champion, files: Sequence[pd.DataFrame], names: policy.Names) -> bool:
    """Return whether a Kolmogorov-Smirnov test of any figure rings at 5 %, shared among the figures."""
    numeric = _numeric(live.kinds)
    return any(
        ks_2samp(live.rows[name].dropna(), files[-1][name].dropna()).pvalue < 0.05 / len(numeric) for name in numeric
    )


def psi(learned: Floats, new: Floats) -> float:
    """Return the population stability index over tenths of what was learned."""
    learned, new = learned[~np.isnan(learned)], new[~np.isnan(new)]
    cuts = np.quantile(learned, np.arange(1, 10) / 10)
    shares = [np.bincount(np.searchsorted(cuts, values), minlength=10) / len(values) for values in (learned, new)]
    was, now = (np.maximum(share, 1e-4) for share in shares)
    return float(np.sum((now - was) * np.log(now / was)))


def _numeric(kinds: Mapping[str, str]) -> list[str]:
    return [name for name, kind in kinds.items() if kind == "numeric"]


Rings = Callable[[Champion, Sequence[pd.DataFrame], policy.Names], bool]
OURS = "ours"
FAMILIAR: dict[str, Rings] = {"F1 fell": f1_fell, "PSI > 0.2": psi_rings, "KS, Bonferroni": ks_rings}
RULES: dict[str, Rings] = {OURS: scan_rings} | FAMILIAR


def looks(
    stream: Stream, n_rows: int, seeds: Sequence[int], n_looks: int, *, before: int = 0, learned: int = LEARNED,
    rules: Mapping[str, Rings] = RULES,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return which looks ring, one row a stream, one column a file, for each rule.

    `before` files after the learned ones come before the change, and are not told.
    """
    n_learned, names = max(1, learned // n_rows), stream.names()
    found: dict[str, list[list[bool]]] = {name: [] for name in rules}
    for seed in seeds:
        since = n_learned + before + 1
        files = list(stream.files(seed, n_rows, n_learned + before + n_looks, since))
        live = champion(pd.concat(files[:n_learned], ignore_index=True), stream.kinds)
        for name, rings in rules.items():
            ends = range(since, len(files) + 1)
            found[name].append([rings(live, files[n_learned:end], names) for end in ends])
    return {name: np.array(one) for name, one in found.items()}


# --- the gate ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Use:
    """One use of the gate: whether it deployed, and by the true risks the share of the log-loss that would be won."""

    deployed: bool
    gain: float


def gate_use(seed: int, n_rows: int, size: float, choice: str = "logistic") -> Use:
    """Train and judge a challenger after `n_rows` rows of a plain world whose truth moved by `size` of the change."""
    kinds, names = PLAIN_CHANGE.kinds, PLAIN_CHANGE.names()
    (old,) = PLAIN_CHANGE.files(2 * seed, LEARNED, 1, since=2)
    (new,) = (it.assign(content=2) for it in PLAIN_CHANGE.files(2 * seed + 1, n_rows, 1, 1, size))
    (fresh,) = PLAIN_CHANGE.files(2 * seed + 1, FRESH + 1, 1, 1, size)
    new["client"] = "new " + new["client"]
    live = champion(old, kinds, choice)
    rows, recent = pd.concat([old, new], ignore_index=True), np.arange(LEARNED + n_rows) >= LEARNED
    risks = np.concatenate([live.taught.risks, live.risks(new)])
    standing = Incumbent("1", live.taught.family, live.taught.estimator, live.taught.threshold, risks)
    taught = _taught(rows, kinds, recent, choice, standing)
    found = policy.judged(
        new["left"].to_numpy(), risks[recent], taught.nested[recent], new[names.client].to_numpy(), GateRule(),
        forward=taught.forward[recent],
    )  # fmt: skip
    challenger = fitting.risks_of(taught.estimator, fitting.features(fresh, kinds))
    was, would = (expected_log_loss(fresh["truth"].to_numpy(), it) for it in (live.risks(fresh), challenger))
    return Use(found.outcome == "deploy", (was - would) / was)


def gate_uses(n_rows: int, seeds: Sequence[int], choice: str = "logistic") -> list[Use]:
    """Return uses of the gate: a third without any change, the others with changes of every size up to the full one."""
    sizes = [0.0 if seed % 3 == 0 else np.random.default_rng(seed).uniform() for seed in seeds]
    return [gate_use(seed, n_rows, size, choice) for seed, size in zip(seeds, sizes, strict=True)]


# --- lists over many files --------------------------------------------------------------------------------------------


def _familiar(rings: Rings, name: str) -> policies.Policy:
    """Return the policy that deploys the model of all rows whenever a rule of the input rings."""

    def decide(seen: View, production: Production) -> Decided:
        live = production.live
        if live is None:
            return policies.first(seen, production)
        rows = seen.rows
        learned = rows.frame[rows.between(0, live.known)]
        one = Champion(live.taught, learned, dict(rows.names.kinds))
        if not rings(one, [rows.frame[rows.between(seen.step, seen.step)]], rows.names):
            return Decided(policy.NO_DRIFT, "")
        return Decided(policy.DEPLOYED, name, seen.live(seen.of_all_rows, len(production.releases)))

    return decide


POLICIES = dict(policies.POLICIES) | {name: _familiar(RULES[name], name) for name in ("PSI > 0.2", "KS, Bonferroni")}
FILES, FILE_ROWS, SINCE = 40, 500, 12


def lived(
    stream: Stream, seed: int, policies: Mapping[str, policies.Policy] = POLICIES, choice: str = "logistic",
    count: int = FILES, since: int = SINCE, first: int = 1,
) -> Replay:  # fmt: skip
    """Return what the policies make of files of 500 rows, the `first` learned at once, changed from `since` on."""
    frame = pd.concat(stream.files(seed, FILE_ROWS, count, since), ignore_index=True)
    steps = np.maximum(replay.steps_of(frame["content"].to_numpy()) - (first - 1), 0)
    rows = Rows(frame, steps, stream.names(), frame["truth"].to_numpy())
    return replay.replay(rows, Rules(stream.names(), Drift(), GateRule(), choice), policies)


def caught(lived: Replay, name: str) -> float:
    """Return the leavers on a policy's lists as a share of those on the lists of the true risks."""
    catchable = sum(content.catchable or 0 for content in lived.contents[1:])
    return sum(count or 0 for count in lived.story(name).caught[1:]) / catchable


# --- the arithmetic of one decision -----------------------------------------------------------------------------------


def decision_milliseconds(n_rows: int = 20_000, times: int = 9) -> dict[str, float]:
    """Return the median CPU milliseconds of one scan, without and with an alarm, and of one gate with its self-test.

    They are of one thread, as in a run.
    """
    found: dict[str, float] = {}
    for stream in (PLAIN_STEADY, PLAIN_CHANGE):
        old, new = stream.files(1, n_rows, 2, since=2)
        live, names = champion(old, stream.kinds), stream.names()
        risks = live.risks(new)
        windows = policy.windows(new, risks, names)
        word = "with an alarm" if stream is PLAIN_CHANGE else "without an alarm"
        found[f"scan {word}"] = _median(
            times, lambda w=windows, c=live: scan.scan(w, c.reference, learned=lambda: c.learned)
        )
    left, clients = new["left"].to_numpy(), new["client"].to_numpy()
    found["gate with its test of itself"] = _median(
        times, lambda: policy.judged(left, risks, new["truth"].to_numpy(), clients, GateRule())
    )
    return found


def _median(times: int, work: Callable[[], Any]) -> float:
    taken = []
    with threadpool_limits(1):
        for _ in range(times):
            started = time.process_time()
            work()
            taken.append(1_000 * (time.process_time() - started))
    return float(np.median(taken))


# --- the table --------------------------------------------------------------------------------------------------------


def bench() -> Table:
    """Measure alarms, findings, deployments, lists over many files, and milliseconds, beside the familiar rules."""
    by_gate = kept.rows(BENCH, "gate", _gate_rows)
    return table([*_alarm_rows(), *_found_rows(), *by_gate, *_list_rows(), *_speed_rows()])


def table(rows: Sequence[Row]) -> Table:
    """Return the table of what was measured, with what it is."""
    streams = ", ".join(stream.name for stream in (*UNCHANGED, *HARMFUL, PLAIN_SLOW))
    return Table(
        "Decisions",
        f"Streams: {streams} (`tests/benchmarks/decisions.py` and [made-up clients](made-up-clients.md) say what "
        "they are). Seeds are fixed. Models are trained on the first 2,000 rows, or one file if that is more, and "
        "the files after them are checked; models are logistic, but where `auto` is named. In brackets the one- "
        "sided 95 % bound, which is compared with the goal. Rows without a goal show other rules on the same "
        "files, or what no goal is set for. A list holds the first 10 %; catchable leavers are those on a list by "
        "the true risks; deployments are those after the first; a worse one has lost by the next one, by the true "
        "risks, be it by a later change. Lists and deployments are means of 30 seeds, of 15 after a first model of "
        "2,000 rows, of 10 by `auto`, and of 3 by other rules. On the streams called steady and harmless the "
        "reasons for leaving stay the same.",
        rows,
    )


def _alarm_rows() -> Iterator[Row]:
    """Files in which nothing has changed; with 20,000 rows a look takes long, and two streams share one row."""
    for n_rows, n_seeds in ((200, 100), (2_000, 40)):
        for stream in UNCHANGED:
            part = f"alarms of {stream.name}, {n_rows} rows"
            yield from kept.rows(BENCH, part, lambda s=stream, n=n_rows, seeds=n_seeds: _alarms_of(s, n, seeds))
    yield from kept.rows(BENCH, "alarms, 20000 rows", _alarms_of_large_files)


def _alarms_of(stream: Stream, n_rows: int, n_seeds: int) -> Iterator[Row]:
    found = looks(stream, n_rows, range(n_seeds), 20, rules={OURS: scan_rings})[OURS]
    yield _alarms(f"{stream.name}, {n_rows:,} rows: files at which it rings", found)
    beside = looks(stream, n_rows, range(20), 10, rules=FAMILIAR)
    yield _beside("… by other rules", {name: rings.mean() for name, rings in beside.items()})


def _alarms_of_large_files() -> Iterator[Row]:
    both = [looks(it, 20_000, range(10), 15, rules={OURS: scan_rings})[OURS] for it in (PLAIN_STEADY, STEADY)]
    yield _alarms("plain and world steady, 20,000 rows: files at which it rings", np.concatenate(both))


def _alarms(what: str, rings: np.ndarray) -> Row:
    bound = at_most(int(rings.sum()), rings.size)
    return what, f"{rings.sum()} of {rings.size} (≤ {bound:.2%})", f"≤ {ALARM:.0%}", bound <= ALARM


def _beside(what: str, shares: Mapping[str, float]) -> Row:
    return what, "; ".join(f"{name} {share:.0%}" for name, share in shares.items()), "", None


def _found_rows() -> Iterator[Row]:
    """Changes after three files without one. A gradual one is not there yet in its first file, so no goal is set."""
    for n_rows, n_seeds, n_looks, goal in ((200, 150, 10, TEN_FILES), (2_000, 60, 1, FIRST_FILE)):
        for stream in HARMFUL:
            given = stream, n_rows, n_seeds, n_looks, goal
            part = f"{stream.name} found, {n_rows} rows"
            yield from kept.rows(BENCH, part, lambda given=given: _found_in(*given))


def _found_in(stream: Stream, n_rows: int, n_seeds: int, n_looks: int, goal: float) -> Iterator[Row]:
    found = looks(stream, n_rows, range(n_seeds), n_looks, before=3, rules={OURS: scan_rings})[OURS]
    first, ever = int(found[:, 0].sum()), int(found.any(axis=1).sum())
    if n_looks > 1:
        yield f"{stream.name}, {n_rows:,} rows: found in its first file", f"{first / n_seeds:.0%}", "", None
    where = f"within {n_looks} files" if n_looks > 1 else "in its first file"
    has_goal = n_looks > 1 or stream is not GRADUAL
    bound = at_least(ever, n_seeds)
    what, figure = f"{stream.name}, {n_rows:,} rows: found {where}", f"{ever / n_seeds:.1%} (≥ {bound:.1%})"
    yield what, figure, f"≥ {goal:.0%}" if has_goal else "", bound >= goal if has_goal else None
    beside = looks(stream, n_rows, range(20), 1, before=3, rules=FAMILIAR)
    yield _beside("… in its first file by other rules", {name: it.mean() for name, it in beside.items()})


def _gate_rows() -> Iterator[Row]:
    mixed = {n_rows: gate_uses(n_rows, range(n_uses)) for n_rows, n_uses in ((200, 150), (2_000, 100), (20_000, 50))}
    for n_rows, n_uses in ((200, 100), (2_000, 60), (20_000, 60)):
        share, bound = _better([gate_use(seed, n_rows, 1.0) for seed in range(n_uses)])
        what = f"plain change, {n_rows:,} rows after it: a better challenger is deployed"
        yield what, f"{share:.0%} (≥ {bound:.1%})", f"≥ {BETTER[n_rows]:.0%}", bound >= BETTER[n_rows]
        share, bound = _better(mixed[n_rows])
        yield f"plain, changes of every size, {n_rows:,} rows after them", f"{share:.0%} (≥ {bound:.0%})", "", None
    uses = [use for some in mixed.values() for use in some]
    wrong, worse = sum(it.deployed and it.gain < 0 for it in uses), sum(it.gain < 0 for it in uses)
    bound = at_most(wrong, len(uses))
    figure = f"{wrong} of {len(uses)}, {worse} of them worse (≤ {bound:.2%})"
    yield "plain, changes of every size: a worse challenger is deployed", figure, f"≤ {WORSE:.0%}", bound <= WORSE
    auto = gate_uses(2_000, range(12), "auto")
    wrong = sum(it.deployed and it.gain < 0 for it in auto)
    yield "… by `auto`, 2,000 rows: better and worse ones deployed", f"{_better(auto)[0]:.0%} and {wrong}", "", None


def _better(uses: Sequence[Use]) -> tuple[float, float]:
    """Return how many of the better challengers were deployed, as a share, and its lower bound."""
    better = [use.deployed for use in uses if use.gain > WORTH]
    return float(np.mean(better)), at_least(sum(better), len(better))


def _list_rows() -> Iterator[Row]:
    for stream in (*UNCHANGED, *HARMFUL, PLAIN_SLOW):
        for part, measured in LISTS.items():
            if measured is not _by_auto or stream in (STEADY, CHANGE, SEGMENT):
                yield from kept.rows(BENCH, f"lists of {stream.name}{part}", lambda s=stream, it=measured: it(s))


def _by_all_rules(stream: Stream) -> Iterator[Row]:
    beside = [lived(stream, seed) for seed in range(1, 4)]
    found = [*beside, *(lived(stream, seed, {policies.OURS: policies.ours}) for seed in range(4, 31))]
    yield from _lists(f"{stream.name}, {FILES} files of {FILE_ROWS}", stream, found)
    others = (_in_short(name, beside) for name in POLICIES if name != policies.OURS)
    yield "… by other rules: leavers, deployments, worse ones", "; ".join(others), "", None


def _after_more_rows(stream: Stream) -> Iterator[Row]:
    joined = LEARNED // FILE_ROWS
    found = [lived(stream, seed, {policies.OURS: policies.ours}, first=joined) for seed in range(1, 16)]
    yield from _lists(f"… after a first model of {LEARNED:,} rows", stream, found)


def _by_auto(stream: Stream) -> Iterator[Row]:
    found = [lived(stream, seed, {policies.OURS: policies.ours}, "auto") for seed in range(1, 11)]
    yield from _lists("… by `auto`", stream, found)


LISTS = {"": _by_all_rules, ", after more rows": _after_more_rows, ", by auto": _by_auto}


def _lists(what: str, stream: Stream, found: Sequence[Replay]) -> Iterator[Row]:
    """Tell the leavers on our lists and our deployments, each mean with its one-sided bound over the seeds."""
    share, error = _mean([caught(one, policies.OURS) for one in found])
    yield (
        f"{what}: catchable leavers on our lists",
        f"{share:.1%} (≥ {share - error:.1%})",
        f"≥ {CAUGHT:.0%}",
        share - error >= CAUGHT,
    )
    changes = [one.story(policies.OURS).changes for one in found]
    counts = [len(it) for it in changes]
    count, error = _mean(counts)
    alarms = np.mean([sum(it.reason == "drift" for it in one) for one in changes])
    worse = np.mean([sum(it.worse for it in one) for one in changes])
    most = 0 if stream in UNCHANGED else MOST_CHANGES
    figure = f"{count:.1f} (≤ {count + error:.1f}), {max(counts)} at most; {alarms:.1f} by drift, {worse:.1f} worse"
    yield f"{what}: our deployments", figure, f"≤ {most}" if most else "0", count + error <= most


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and how far from it the one-sided 95 % bound lies."""
    found = np.asarray(values, dtype=np.float64)
    return float(found.mean()), float(t.ppf(0.95, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found)))


def _in_short(name: str, found: Sequence[Replay]) -> str:
    changes = [one.story(name).changes for one in found]
    share, n_changes = np.mean([caught(one, name) for one in found]), np.mean([len(it) for it in changes])
    return f"{name} {share:.0%}, {n_changes:.0f}, {np.mean([sum(it.worse for it in one) for one in changes]):.0f}"


def _speed_rows() -> Iterator[Row]:
    for what, milliseconds in decision_milliseconds().items():
        yield f"20,000 rows: {what}, CPU milliseconds", f"{milliseconds:.0f}", "≤ 50", milliseconds <= 50
