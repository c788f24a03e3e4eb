"""The decision in words: what the scan for drift found, what was compared, and how the gate judged it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from risk.text import counted, interval, number, one_line, percent

Record = Mapping[str, Any]

BASE_RATE = "base rate"
BOTH = ("challenger", "champion")
FINDINGS = {
    "retrain": "the model has to be trained again",
    "recalibrate": "the risks are too high, too low, too bold or too timid; what they hang on has hardly changed",
    "richer family": "no change was found, but a richer kind of model could follow more",
    "no drift": "no change was found in why clients leave",
    "not enough evidence": "too few outcomes to tell",
}
SHOWN_ONLY = "These scores are shown and decide nothing: the test data may be of the time before a change."
SELF_TEST = "- The gate's own test: neither a model against itself nor a spoiled copy of it passed."


def searched(scan: Record) -> list[str]:
    """Return the lines that tell of a scan: a line per window, the finding, how many rows are missing."""
    told = []
    if scan.get("windows"):
        told.append("The live model's errors, on rows that it was not trained on, were searched for a pattern:")
        told += [f"- {_window(it)}" for it in scan["windows"]]
    finding = scan.get("verdict")
    told += [f"Finding: {finding} ({FINDINGS.get(finding, 'as recorded')})."] if finding else []
    if scan.get("rows_needed"):
        told.append(f"About {counted(scan['rows_needed'], 'more row')} with a known outcome would settle it.")
    return told


def compared(candidates: Sequence[Record]) -> list[str]:
    """Return the lines that tell of the candidates; none where they are not recorded."""
    if not candidates:
        return []
    return [
        f"{counted(len(candidates), 'candidate')} by their error on rows new to them (lower is better).",
        "Of those that chance does not tell apart, the simpler one with more data is taken.",
        *(f"- {_candidate(it)}" for it in candidates),
    ]


def _candidate(candidate: Record) -> str:
    taken = ", which was taken" if candidate.get("chosen") else ""
    return f"{candidate.get('name')}: log-loss {number(candidate.get('log_loss'), 4)}{taken}"


def judged(gate: Record) -> list[str]:
    """Return the lines that tell of the gate's figures and guards; none where nothing was judged."""
    if not gate:
        return []
    against = gate.get("against")
    champion = "the average risk" if against == BASE_RATE else f"the live model, {against}"
    rows = f"{counted(gate.get('n_rows') or 0, 'row')} of {counted(gate.get('n_clients') or 0, 'client')}"
    leavers = number(gate.get("leavers"))
    told = [
        f"The new model was compared with {champion}, on {rows}, {leavers} of them leavers. Whatever rated a row was "
        "not trained on it."
    ]
    if gate.get("outcome") == "not enough evidence":
        return [*told, "These are too few to tell two models apart."]
    return [*told, _error(gate), _list(gate), _calibration(gate), *_forward(gate), SELF_TEST]


def scored(scores: Record) -> list[str]:
    """Return the line that tells of the scores on the test data; none where there are none."""
    if not scores:
        return []
    rows, f1 = counted(scores.get("n_rows") or 0, "row"), number(scores.get("f1"), 3)
    seen = f", {one_line(scores['scored_on'])}" if scores.get("scored_on") else ""
    others = f"AUC {number(scores.get('auc'), 3)}, log-loss {number(scores.get('log_loss'), 3)}"
    return [
        f"On {rows} of test data{seen}: F1 {f1} (95 % interval {interval(scores.get('f1_interval'))}), {others}. "
        f"{SHOWN_ONLY}"
    ]


def _window(window: Record) -> str:
    contents = window.get("contents") or 0
    files = "in the newest file" if contents == 1 else f"in the newest {number(contents)} files"
    size = f"{counted(window.get('n_rows') or 0, 'row')}, {number(window.get('leavers'))} left"
    pattern = f"a pattern as strong comes by chance in {_chance(window.get('p'))} (χ² {number(window.get('chi2'), 1)}"
    pattern += f", {number(window.get('df'))} degrees of freedom, p {_small(window.get('p'))})"
    win = window.get("relative_gain")
    gain = f"learning anew would mend {percent(max(win, 0.0))} of the error" if win is not None else "gain unknown"
    beside = window.get("balanced_p")
    like = f"; beside learned clients weighted to be such as these p {_small(beside)}" if beside is not None else ""
    return f"{files} ({size}): {pattern}; {gain}{like}: {'alarm' if window.get('rings') else 'no alarm'}"


def _chance(p: float | None) -> str:
    if p is None:
        return "an unknown share of cases"
    if p >= 0.01:
        return f"{100 * p:.0f} of 100 cases"
    return f"{10_000 * p:.0f} of 10,000 cases" if p >= 0.0001 else "fewer than 1 of 10,000 cases"


def _small(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}" if value >= 0.0001 else f"{value:.1e}"


def _error(gate: Record) -> str:
    gain, z = gate.get("gain"), number(gate.get("z"), 2)
    better = f"{percent(abs(gain))} {'better' if gain > 0 else 'worse'}" if gain is not None else "unknown"
    losses = (number(gate.get(f"{name}_log_loss"), 4) for name in BOTH)
    return f"- Error (log-loss): {' instead of '.join(losses)}, {better}; {z} standard errors (z) from no difference."


def _list(gate: Record) -> str:
    k, shares = number(gate.get("capture_k")), [gate.get(f"{name}_capture") for name in BOTH]
    told = f"- Call list: its first {k} hold {' instead of '.join(map(percent, shares))} of those who left"
    lower, upper, (challenger, champion) = gate.get("capture_lower"), gate.get("capture_upper"), shares
    if upper is None or challenger is None or champion is None:
        return f"{told}."
    if challenger > champion:
        sure = "" if lower is None else ", significantly" if lower > 0 else ", but not significantly"
        return f"{told}: more{sure}."
    if challenger == champion:
        return f"{told}: as many."
    return f"{told}: {'significantly fewer' if upper < 0 else 'fewer, but not significantly'}."


def _calibration(gate: Record) -> str:
    shares = (percent(gate.get(f"{name}_calibration"), 2) for name in BOTH)
    return f"- Calibration: setting its risks right would mend {' instead of '.join(shares)} of the error."


def _forward(gate: Record) -> list[str]:
    """Return how the recipe did on the newest rows without them; nothing of decisions older than this guard."""
    if "forward_z" not in gate:
        return []
    if gate["forward_z"] is None:
        return ["- Forward in time: not judged; there was nothing older to train on, or too few outcomes were new."]
    way = "better" if gate["forward_gain"] > 0 else "worse"
    rows = f"trained without the newest {counted(gate['forward_rows'], 'row')} its error on them"
    return [
        f"- Forward in time: {rows} was {percent(abs(gate['forward_gain']))} {way} (z {number(gate['forward_z'], 2)})."
    ]
