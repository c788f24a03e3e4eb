"""A run in plain sentences, from its line in the journal: what was known, what was compared, the figures, and why.

Lines of older programs lack keys: what is not recorded is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from risk.report._decision_words import compared, judged, scored, searched
from risk.text import counted, moment, number

if TYPE_CHECKING:
    from risk.dataset.manifest import Manifest

Record = Mapping[str, Any]

MOST_SOURCES = 50
BY_PERSON = ("deployment", "release", "withdraw")  # scripts that do a person's will
OUTCOMES = {
    "deployed": "a new model went live",
    "rolled back": "an earlier model went live again",
    "challenger rejected": "a new model was tried and not taken",
    "not enough evidence": "there was too little to decide by",
    "no drift": "no change was found, so the model stayed",
    "not judged": "a new model was to be deployed that was not judged",
    "failed": "the run did not come to its end",
    "released": "a person took in what was held back",
    "withdrawn": "a person took out again what had been taken in by hand",
    "live already": "what was to be deployed was live; nothing was changed",
}


def sources_of(manifest: Manifest, run: int) -> list[dict[str, Any]]:
    """Return what this run judged for the first time: the newest content of every source that was new or changed."""
    judged = [(it, it.newest) for it in manifest.entries if it.judged_run == run and it.newest]
    numbers = ("n_accepted", "n_labelled", "n_refused")
    return [
        {"path": entry.path, "state": entry.state, "reason": entry.stated_reason}
        | {it: getattr(content, it) for it in numbers}
        for entry, content in judged
    ]


def of_run(
    run: Record, published: Sequence[tuple[Record, Record | None]] = (), settings: str | None = None
) -> list[str]:
    """Return the lines that tell of a run; those of a section are indented below its title.

    `published` are its intents, each with the line that ended it; `settings` is the digest of the settings of now.
    """
    sections = {
        "What was known": _known(run),
        "Was there a reason to train?": _reason(run),
        "What was compared": compared(run.get("candidates") or []),
        "How it was judged": _judged(run),
        "What followed": _followed(run, published),
        "For the record": _recorded(run, settings),
    }
    told = [headline(run)]
    for title, lines in sections.items():
        told += ["", title, *(f"  {line}" for line in lines)] if lines else []
    return told


def headline(run: Record) -> str:
    """Return number, script, time and outcome of a run."""
    outcome = str(run.get("outcome"))
    unasked = outcome == "no drift" and not run.get("scan")
    words = " (there was nothing to look at)" if unasked else f" ({OUTCOMES[outcome]})" if outcome in OUTCOMES else ""
    return f"{named(run)}, {moment(run.get('at'))}: {outcome}{words}."


def named(run: Record) -> str:
    """Return a run by its number and script."""
    script = run.get("script") or "fullprocess"
    return (
        f"Run {run.get('run')} of {f'ingestion.py --{script}' if script in ('release', 'withdraw') else f'{script}.py'}"
    )


def _known(run: Record) -> list[str]:
    told = [f"The dataset was version {run['dataset']}."] if run.get("dataset") else []
    sources = run.get("sources")
    if sources:
        n_sources = run.get("n_sources") or len(sources)
        told.append(f"{counted(n_sources, 'source was new or had changed', 'sources were new or had changed')}:")
        told += [f"- {_source(it)}" for it in sources]
        told += [f"- and {number(n_sources - len(sources))} more"] if n_sources > len(sources) else []
    elif run.get("arrived"):
        told.append("New rows had come; this line does not say from which sources.")
    elif run.get("dataset"):
        told.append("No rows had come or gone since the run before.")
    if run.get("rejected_rows"):
        told.append(
            f"{counted(run['rejected_rows'], 'row stands', 'rows stand')} refused in all; rejected.csv says why."
        )
    if run.get("held"):
        told.append(f"Held back until a person looks at it: {', '.join(run['held'])}.")
    shown = [it.get("reason") for it in sources or () if it.get("reason")]
    warnings = [it for it in run.get("warnings") or () if not any(reason in it for reason in shown)]
    return told + [f"Warning: {warning}" for warning in warnings]


def _source(source: Record) -> str:
    path, reason = source.get("path"), source.get("reason")
    if source.get("state") == "refused":
        return f"{path} was refused whole: {reason}"
    if source.get("state") == "held":
        return f"{path} was held back: {reason}"
    n_refused = source.get("n_refused")
    refused = f"; {counted(n_refused, 'row was', 'rows were')} refused" if n_refused else ""
    rows = counted(source.get("n_accepted") or 0, "row")
    return f"{path}: {rows}, {number(source.get('n_labelled'))} with a known outcome{refused}"


def _reason(run: Record) -> list[str]:
    why, name = run.get("reason"), run.get("reason_to_train")
    if not (why or name):
        return []
    told = f"Yes. {why or ''}".rstrip() + f" (reason to train: {name})" if name else f"No. {why}"
    return [told, *searched(run.get("scan") or {})]


def _judged(run: Record) -> list[str]:
    gate, scores = run.get("gate") or {}, run.get("scores") or {}
    decision = [run["sentence"]] if gate and run.get("sentence") else []
    return [*decision, *judged(gate), *scored(scores)]


def _followed(run: Record, published: Iterable[tuple[Record, Record | None]]) -> list[str]:
    told = [publication(run, intent, end) for intent, end in published]
    if run.get("released"):
        told.append(f"{person(run)} took in {run['released']}, which had been held back (ingestion.py --release).")
    if run.get("withdrawn"):
        told.append(f"{person(run)} took {run['withdrawn']} out again; it is held back (ingestion.py --withdraw).")
    if run.get("error"):
        told.append(f"It failed: {str(run['error']).rstrip('.')}. What was live before stayed.")
    if not told and "reason" in run:
        live = run.get("release")
        told.append(
            f"Nothing was deployed; {live} stayed live." if live else "Nothing was deployed; no model was live."
        )
    return told


def publication(run: Record | None, intent: Record, end: Record | None) -> str:
    """Return what became of one deployment or rollback, and on whose word."""
    by_hand = bool(intent.get("forced")) or (run or {}).get("script") in BY_PERSON
    name, former = intent.get("release"), intent.get("from") or "nothing"
    why = f", for this reason: {intent['reason']}" if intent.get("reason") else ""
    if intent.get("action") == "rollback":
        way = f"{person(intent)} went back" if by_hand else "By the gate's figures production went back"
        told = f"{way} from {former} to {name}{why}"
    elif intent.get("forced"):
        told = f"{person(intent)} deployed {name} by force and gave this reason: {intent.get('reason')}"
    else:
        told = f"Release {name} was deployed{' by hand' if by_hand else ''}"
    if end is None:
        return f"{told}: its end is not recorded."
    done = end.get("kind") == "done"
    return f"{told.rstrip('.')}. It {'went live' if done else 'was cut off and abandoned'} on {moment(end.get('at'))}."


def person(record: Record) -> str:
    """Return who did it: a person, with the account where the line names one."""
    return f"A person (account {record['user']})" if record.get("user") else "A person"


def _recorded(run: Record, settings: str | None) -> list[str]:
    config, packages = run.get("config"), run.get("packages") or {}
    same = "" if settings is None else ", those of now" if config == settings else f"; those of now are {settings}"
    digests = {"challenger": "New model", "evidence": "Labelled contents", "rows": "All contents"}
    told = [f"Settings {config}{same}."] if config else []
    told += [f"{words} (digest): {run[name]}." for name, words in digests.items() if run.get(name)]
    told += [f"Packages: {', '.join(f'{name} {version}' for name, version in packages.items())}."] if packages else []
    steps = [f"{it.get('name')} {number(it.get('seconds'), 1)}" for it in run.get("steps") or ()]
    return told + ([f"Seconds: {', '.join(steps)}; {number(run.get('seconds'), 1)} in all."] if steps else [])
