"""One run in sentences, from its line in the journal: what was known, what was compared, the figures, and why.

Lines of older programs lack keys: what is not recorded is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Any

from risk.decision.gate import Gate
from risk.drift.finding import WindowResult
from risk.registry.judgement import HoldoutScores
from risk.registry.releases import BASE_RATE
from risk.report.run_decision import RunDecision
from risk.report.season_words import alarm, verdict
from risk.report.words import OUTCOMES, STATES, TROUBLED
from risk.text import counted, interval, moment, number, one_line, p_value, percent

Record = Mapping[str, Any]

BY_PERSON = ("deployment", "release", "withdraw")  # scripts that do a person's will
ALARMS = {"no": "no alarm", "yes": "alarm", "explained": "an alarm that a level explains"}
DIGESTS = {"challenger": "New model", "evidence": "Labelled contents", "rows": "All contents"}
SHOWN_ONLY = "These scores are shown and decide nothing: the test data may be of the time before a change."
SELF_TEST = "- Self-test of the gate: it rejected a model compared with itself, and degraded copies of it."


def of_run(
    run: Record, published: Sequence[tuple[Record, Record | None]] = (), settings: str | None = None
) -> list[str]:
    """The lines about a run; those of a section are indented below its title.

    `published` are its intents, each with the line that ended it; `settings` is the digest of the present settings.
    """
    decision = RunDecision.from_dict(run)
    gate, scores = decision.measured, decision.scores
    judged = [decision.sentence] if decision.gate and decision.sentence else []
    sections = {
        "What was known": _known(run),
        "Was there a reason to train?": _reason(decision),
        "What was compared": _compared(run.get("candidates") or []),
        "How it was judged": [*judged, *(_gate(gate) if gate else []), *(_scores(scores) if scores else [])],
        "What followed": _followed(run, published),
        "For the record": _recorded(run, settings),
    }
    outcome = decision.outcome or "unknown"
    unasked = outcome == "no drift" and not decision.scan
    words = "there was nothing to check" if unasked else OUTCOMES.get(outcome)
    shown = [f"{named(run)}, {moment(run.get('at'))}: {outcome}{f' ({words})' if words else ''}."]
    for title, lines in sections.items():
        shown += ["", title, *(f"  {line}" for line in lines)] if lines else []
    return shown


def named(run: Record) -> str:
    """A run by its number and script."""
    script = run.get("script") or "fullprocess"
    command = f"ingestion.py --{script}" if script in ("release", "withdraw") else f"{script}.py"
    return f"Run {run.get('run')} of {command}"


def person(record: Record) -> str:
    """A person, with the account where the line names one."""
    return f"A person (account {record['user']})" if record.get("user") else "A person"


def publication(run: Record | None, intent: Record, end: Record | None) -> str:
    """What became of one deployment or rollback, and on whose word."""
    by_hand = bool(intent.get("forced")) or (run or {}).get("script") in BY_PERSON
    name, former = intent.get("release"), intent.get("from") or "nothing"
    why = f", for this reason: {intent['reason']}" if intent.get("reason") else ""
    if intent.get("action") == "rollback":
        way = f"{person(intent)} went back" if by_hand else "By the gate's figures production went back"
        told = f"{way} from {former} to {name}{why}"
    elif intent.get("approved"):
        told = f"{person(intent)} approved {name} and gave this reason: {intent['approved']}"
    elif intent.get("forced"):
        told = f"{person(intent)} deployed {name} by force and gave this reason: {intent.get('reason')}"
    else:
        told = f"Release {name} was deployed{' by hand' if by_hand else ''}"
    if end is None:
        return f"{told}: its end is not recorded."
    done = end.get("kind") == "done"
    return f"{told.rstrip('.')}. It {'went live' if done else 'was cut off and abandoned'} on {moment(end.get('at'))}."


# --- the sections -----------------------------------------------------------------------------------------------------


def _known(run: Record) -> list[str]:
    told = [f"The dataset was version {run['dataset']}."] if run.get("dataset") else []
    if n_erased := run.get("n_erased"):
        told.append(f"{counted(n_erased, 'row')} of erased clients had gone since the run before.")
    sources = run.get("sources") or ()
    if sources:
        n_sources = run.get("n_sources") or len(sources)
        told.append(f"{counted(n_sources, 'source was new or had changed', 'sources were new or had changed')}:")
        told += [f"- {_source(it)}" for it in sources]
        told += [f"- and {number(n_sources - len(sources))} more"] if n_sources > len(sources) else []
    elif run.get("arrived"):
        told.append("New rows had come; this line does not say from which sources.")
    elif run.get("dataset"):
        told.append(f"No {'other ' if run.get('n_erased') else ''}rows had come or gone since the run before.")
    if n_refused := run.get("rejected_rows"):
        told.append(f"{counted(n_refused, 'row stands', 'rows stand')} refused in all; rejected.csv says why.")
    if run.get("held"):
        told.append(f"Held back until a person looks at it: {', '.join(run['held'])}.")
    shown = [it.get("reason") for it in sources if it.get("reason")]
    warnings = [it for it in run.get("warnings") or () if not any(reason in it for reason in shown)]
    return told + [f"Warning: {warning}" for warning in warnings]


def _source(source: Record) -> str:
    path, state = source.get("path"), source.get("state")
    if state in TROUBLED:
        return f"{path} was {'refused whole' if state == 'refused' else STATES['held']}: {source.get('reason')}"
    n_refused = source.get("n_refused")
    refused = f"; {counted(n_refused, 'row was', 'rows were')} refused" if n_refused else ""
    rows = counted(source.get("n_accepted") or 0, "row")
    return f"{path}: {rows}, {number(source.get('n_labelled'))} with a known outcome{refused}"


def _reason(decision: RunDecision) -> list[str]:
    why, name, scan = decision.reason, decision.reason_to_train, decision.scan
    if not (why or name):
        return []
    told = [f"Yes. {why or ''}".rstrip() + f" (reason to train: {name})" if name else f"No. {why}"]
    if scan is None:
        return told
    if scan.windows:
        told.append("The live model's errors, on rows that it was not trained on, were searched for a pattern:")
        told += [f"- {_window(it)}: {ALARMS[alarm(scan, it)]}" for it in scan.windows]
    if scan.verdict:
        told.append(f"Finding: {verdict(scan)}.")
    if scan.rows_needed:
        told.append(f"About {counted(scan.rows_needed, 'more row')} with a known outcome are needed to decide.")
    return told


def _window(window: WindowResult) -> str:
    files = "in the newest file" if window.contents == 1 else f"in the newest {number(window.contents)} files"
    size = f"{counted(window.n_rows, 'row')}, {number(window.leavers)} left"
    chi2 = f"χ² {number(window.chi2, 1)}, {number(window.df)} degrees of freedom"
    p, beside = window.p, window.balanced_p
    cases = "an unknown share of cases" if isnan(p) else "fewer than 1 of 10,000 cases"
    if p >= 0.0001:
        cases = f"{100 * p:.0f} of 100 cases" if p >= 0.01 else f"{10_000 * p:.0f} of 10,000 cases"
    pattern = f"a pattern as strong comes by chance in {cases} ({chi2}, p {p_value(p)})"
    gain = f"a new model would remove {percent(max(window.relative_gain, 0.0))} of the error"
    like = f"; beside rows of training, weighted to be like these, p {p_value(beside)}" if beside is not None else ""
    return f"{files} ({size}): {pattern}; {gain}{like}"


def _compared(candidates: Sequence[Record]) -> list[str]:
    """The candidates; no lines where they are not recorded."""
    lines = [
        f"- {it.get('name')}: log-loss {number(it.get('log_loss'), 4)}{', which was taken' if it.get('chosen') else ''}"
        for it in candidates
    ]
    title = f"{counted(len(lines), 'candidate')} by their error on rows new to them (lower is better)."
    how = "Of those that chance does not tell apart, the simpler one with more data is taken."
    return [title, how, *lines] if lines else []


def _gate(gate: Gate) -> list[str]:
    champion = "the average risk" if gate.against == BASE_RATE else f"the live model, {gate.against or 'unknown'}"
    rows = f"{counted(gate.n_rows, 'row')} of {counted(gate.n_clients, 'client')}"
    told = [
        f"The new model was compared with {champion}, on {rows}, {number(gate.leavers)} of them leavers. "
        "Each row was rated by models that were not trained on it."
    ]
    if gate.outcome == "not enough evidence":
        return [*told, "These are too few to tell two models apart."]
    better, z = _better(gate.gain), number(gate.z, 2)
    losses = " instead of ".join(number(it, 4) for it in (gate.challenger_log_loss, gate.champion_log_loss))
    shares = " instead of ".join(percent(it, 2) for it in (gate.challenger_calibration, gate.champion_calibration))
    return [
        *told,
        f"- Error (log-loss): {losses}, {better}; {z} standard errors (z) from no difference.",
        _call_list(gate),
        f"- Calibration: perfect calibration would remove {shares} of the error.",
        *_forward(gate),
        SELF_TEST,
    ]


def _better(gain: float) -> str:
    return f"{percent(abs(gain))} {'better' if gain > 0 else 'worse'}" if gain == gain else "unknown"


def _call_list(gate: Gate) -> str:
    challenger, champion, lower = gate.challenger_capture, gate.champion_capture, gate.capture_lower
    shares = f"{percent(challenger)} instead of {percent(champion)}"
    told = f"- Call list: its first {number(gate.capture_k)} hold {shares} of those who left"
    if any(map(isnan, (gate.capture_upper, challenger, champion))):
        return f"{told}."
    if challenger > champion:
        sure = "" if isnan(lower) else ", significantly" if lower > 0 else ", but not significantly"
        return f"{told}: more{sure}."
    if challenger == champion:
        return f"{told}: as many."
    return f"{told}: {'significantly fewer' if gate.capture_upper < 0 else 'fewer, but not significantly'}."


def _forward(gate: Gate) -> list[str]:
    """How the recipe did on the newest rows without them; nothing of decisions older than this guard."""
    z, gain = gate.forward_z, gate.forward_gain
    if z is None or (gain is None and not isnan(z)):
        return ["- Forward in time: not judged; there was nothing older to train on, or too few outcomes were new."]
    if gain is None or gate.forward_rows is None:
        return []
    rows = f"trained without the newest {counted(gate.forward_rows, 'row')}, its error on them"
    return [f"- Forward in time: {rows} was {_better(gain)} (z {number(z, 2)})."]


def _scores(scores: HoldoutScores) -> list[str]:
    rows, of = counted(scores.n_rows, "row"), f", {one_line(scores.scored_on)}" if scores.scored_on else ""
    others = f"AUC {number(scores.auc, 3)}, log-loss {number(scores.log_loss, 3)}"
    f1 = f"F1 {number(scores.f1, 3)} (95 % interval {interval(scores.f1_interval)})"
    return [f"On {rows} of test data{of}: {f1}, {others}. {SHOWN_ONLY}"]


def _followed(run: Record, published: Iterable[tuple[Record, Record | None]]) -> list[str]:
    told = [publication(run, intent, end) for intent, end in published]
    if run.get("released"):
        told.append(f"{person(run)} took in {run['released']}, which had been held back (ingestion.py --release).")
    if run.get("withdrawn"):
        told.append(f"{person(run)} took {run['withdrawn']} out again; it is held back (ingestion.py --withdraw).")
    if run.get("rejected"):
        told.append(f"{person(run)} rejected the challenger that waited for approval (deployment.py --reject).")
    if waits := run.get("waiting"):
        told.append(f"The challenger {waits['model'][:12]} waits for a person's approval (deployment.py --approve).")
    if run.get("error"):
        told.append(f"It failed: {str(run['error']).rstrip('.')}. What was live before stayed.")
    if not told and "reason" in run:
        live = f"{run['release']} stayed live" if run.get("release") else "no model was live"
        told.append(f"Nothing was deployed; {live}.")
    return told


def _recorded(run: Record, settings: str | None) -> list[str]:
    config, packages = run.get("config"), run.get("packages") or {}
    same = "" if settings is None else ", those of now" if config == settings else f"; those of now are {settings}"
    told = [f"Settings {config}{same}."] if config else []
    told += [f"{words} (digest): {run[name]}." for name, words in DIGESTS.items() if run.get(name)]
    told += [f"Packages: {', '.join(f'{name} {version}' for name, version in packages.items())}."] if packages else []
    steps = [f"{it.get('name')} {number(it.get('seconds'), 1)}" for it in run.get("steps") or ()]
    return told + ([f"Seconds: {', '.join(steps)}; {number(run.get('seconds'), 1)} in all."] if steps else [])
