"""The model card of a release: its purpose, its data, its scores, and what it cannot see.

Source: Mitchell and others, Model Cards for Model Reporting, FAT* 2019; Ascarza, JMR 2018, for whom calls help.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from risk.decision.verdict import Verdict
from risk.modeling import leakage, reasons
from risk.modeling.encoding import MANY_LEVELS
from risk.modeling.metrics import Scores
from risk.modeling.reasons import Predict
from risk.modeling.selection import ALL_ROWS, RECALIBRATED
from risk.registry.judgement import HoldoutScores
from risk.registry.releases import BASE_RATE
from risk.report import base_rate_words, words
from risk.text import NOTHING, counted, markdown, number, percent

Facts = Mapping[str, Any]

MOST_SOURCES = 50
FACTOR = ("factor", "kind", "how it enters", "typical", "what it does")
NAMES = {"f1": "F1", "auc": "AUC", "log_loss": "log-loss", "brier": "Brier score", "capture": "capture"}


def text(card: Facts, verdict: Verdict, dataset: Facts, predict: Predict) -> bytes:
    """The model card as Markdown; equal facts give equal bytes.

    `card` is trainedmodel.json, `dataset` is what `snapshot.of_dataset` tells of the manifest, with the sentences
    `derived`; `predict` is the model itself (a frame of features to risks), asked for what each feature does.
    """
    family, same, own = _family(card), base_rate_words.is_base_rate(card), Scores.from_dict(card.get("scores") or {})
    parts = {
        f"# Model card of {markdown(str(card.get('sha256'))[:12])}": _standing(card, verdict),
        "## What it is for": _use(card),
        "## What it is not for": NOT_FOR,
        "## Data": _data(card, dataset, verdict.scores),
        "## Factors": [family, "", *_table(FACTOR, factors(card, predict)), "", ASKED],
        "## Scores": _scores(own, verdict),
        "## Calibration": base_rate_words.calibration(card) if same else _calibration(own, verdict),
        "## Caveats": _caveats(card, own, verdict),
        "## What it cannot see": UNSEEN,
        "## How it came here": _origin(card, verdict),
    }
    return ("\n\n".join("\n".join([title, "", *lines]) for title, lines in parts.items()) + "\n").encode()


def _family(card: Facts) -> str:
    own = next((it for it in card.get("own") or () if it["family"] == card.get("family")), None)
    told = (
        f", of {markdown(own['module'])} (SHA-256 {markdown(own['sha256'])}), code of this installation" if own else ""
    )
    return f"Family: {markdown(card.get('family'))}{', ' + card['size'] if card.get('size') else ''}{told}."


NOT_FOR = [
    "- Decisions about a single client, such as prices or credit: a risk is right on average over many clients.",
    "- Judging the people who look after clients: who has the difficult clients has the higher risks.",
    "- Saying what a call would change: nobody has compared clients who were called with like ones who were not.",
    "- Clients of another kind than those it was trained on, and horizons other than its own.",
]
UNSEEN = [
    "- A change in *why* clients leave, as long as files come without outcomes. It shows when the outcomes come.",
    "- Anything that is not among the factors: a new competitor, a new price, a person who moved on.",
    "- Levels of a category that it was not trained on: it answers, but no row speaks for the answer.",
    "- The effect of a call. The client at the highest risk is not always the one whom a call keeps (Ascarza 2018).",
    "- Its own success: a client who stays because of a call looks like one who would have stayed.",
]
ASKED = (
    "What it does was asked of the model itself: of a row that is typical in every other factor. All values are ones "
    "that occur in its training rows. It is an association: to change the figure need not change whether the client "
    "leaves."
)
LEVELS = "one indicator per level that at least ten rows bear; the rarer ones are one level"
MISSING = "a missing value counts as the median, with an indicator of its own where training rows had such"
THRESHOLDS = "by thresholds on the value, where at least 30 training rows had one; a missing value goes its own way"
GROUPS = "by groups of levels; a missing or unseen level goes its own way"
RATES = "by the share of its rows who left, drawn towards that of all; an unseen level counts as the average"
SCALED = {"logistic": "standardised", "quadratic": "standardised and cut at ±3, with its square and products"}
FORMS = {
    "logistic": "the value, beside it its logarithm where that is less skew",
    "quadratic": "the value, or its logarithm where that is less skew",
}
TESTED = {
    "held-out clients": "clients of whom the model was trained on no row. It may be of the time before a change.",
    "seen clients": "the model was trained on rows of these clients, so it looks better there than it is.",
}
RATED = (
    "- Out of fold: each row was rated by a model that was not trained on it. Lower is better for log-loss and Brier "
    "score, higher for the others."
)


def _standing(card: Facts, verdict: Verdict) -> list[str]:
    if verdict.forced:
        overruled = "A person overruled the verdict" if _overruled(verdict) else "The verdict was favourable too"
        return [f"**Deployed by force.** {overruled}; the reason given: {markdown(verdict.forced)}"]
    if verdict.provisional and card.get("leaks"):
        why = "It uses a column that seems to know the answer, so nothing proves it; see the caveats."
        return [f"**Provisional.** {why}"]
    if verdict.provisional:
        return [f"**Provisional.** {base_rate_words.provisional(card)}"]
    if not verdict.deploy:
        return ["Why it was deployed is not recorded."]
    live = f"the model that was live, {markdown(verdict.champion)}"
    before = "the average risk" if verdict.champion == BASE_RATE else live
    return [f"It was deployed because it was proven better than {before}."]


def _use(card: Facts) -> list[str]:
    horizon, threshold = markdown(card.get("horizon")), number(card.get("threshold"), 3)
    return [
        f"It states for every current client the risk, a probability, of leaving in {horizon}. "
        f"{base_rate_words.order(card)}",
        f"Where an answer of 0 or 1 is asked for, a risk of {threshold} or more is 1: the threshold at which its F1 "
        "was best, out of fold.",
    ]


def _data(card: Facts, dataset: Facts, tested: HoldoutScores) -> list[str]:
    share = card.get("base_rate")
    sources = [it for it in dataset.get("sources", ()) if it.get("accepted") and it.get("state") in ("in", "gone")]
    first, last = dataset.get("first_period"), dataset.get("last_period")
    version, n_labelled = markdown(dataset.get("version")), number(dataset.get("n_labelled"))
    told = [
        f"- Dataset {version}: {number(dataset.get('n_rows'))} rows, {n_labelled} of them with a known outcome.",
        f"- {_trained_on(card, tested)}, {percent(share)} of them leavers.",
        f"- Target: {markdown(card.get('target'))}. Horizon: {markdown(card.get('horizon'))}.",
        *(f"- {markdown(it, 400)}" for it in dataset.get("derived", ())),
        f"- Periods: {markdown(first)} to {markdown(last)}." if first else "- Periods: the files have none.",
        f"- Sources: {number(len(sources))}.",
    ]
    named = [f"  - {markdown(it.get('path'))}: {counted(it['accepted'], 'row')}" for it in sources[:MOST_SOURCES]]
    rest = len(sources) - MOST_SOURCES
    return told + named + ([f"  - and {number(rest)} more, all named in ingestedfiles.txt"] if rest > 0 else [])


def _trained_on(card: Facts, tested: HoldoutScores) -> str:
    """What was fitted on how many rows: of clients who are held out by hash on none, of very many on a sample."""
    n_rows, n_labelled, learned = card.get("n_rows") or 0, card.get("n_labelled") or 0, card.get("learned", ALL_ROWS)
    rows = counted(n_rows, "row")
    if learned == RECALIBRATED:
        return f"The former model, its risks set right (recalibrated) on {rows}"
    if learned == ALL_ROWS and n_labelled > n_rows:
        n_out = tested.n_rows if "by hash" in tested.scored_on else 0
        if n_rows + n_out == n_labelled:
            return f"Trained on {rows} (all {number(n_labelled)} but the {number(n_out)} of held-out clients)"
        return f"Trained on {rows} (a part of all {number(n_labelled)}{', without held-out clients' if n_out else ''})"
    return f"Trained on {rows} ({markdown(learned)})"


def factors(card: Facts, predict: Predict) -> list[list[str]]:
    """Name, kind, way in, typical value and effect of every feature, safe in Markdown.

    A card of an older program has no `probes`: then what a feature does is not told.
    """
    probes = card.get("probes") or []
    described = {it["name"]: it for it in (card.get("reference") or {}).get("features") or ()}
    effects = base_rate_words.effects(card, reasons.effects(predict, probes))
    kinds = {name: feature["kind"] for name, feature in (described | {it["name"]: it for it in probes}).items()}
    levels = Counter({it["name"]: len(set(it["values"]) - {None}) + it["n_unasked"] for it in probes})
    unknown = [NOTHING, "not recorded: the program that trained it kept no values to ask about"]
    return [
        [markdown(name), kind, _enters(card, described.get(name), kind, levels[name]), *effects.get(name, unknown)]
        for name, kind in kinds.items()
    ]


def _enters(card: Facts, feature: Facts | None, kind: str, n_levels: int) -> str:
    if card.get("learned") == RECALIBRATED:
        return "as in the model whose risks were set right"
    if kind != "numeric" and card.get("encoding") and n_levels > MANY_LEVELS:
        return RATES
    if card.get("family") == "boosting":
        return GROUPS if kind != "numeric" else THRESHOLDS
    scaled = SCALED.get(str(card.get("family")))
    if scaled is None:
        return f"as a {kind} value"
    value = "the logarithm of 1 + the value" if feature and feature["log"] else "the value"
    value = FORMS[str(card.get("family"))] if card.get("size") else value
    return LEVELS if kind != "numeric" else f"{value}, {scaled}; {MISSING}"


def _scores(own: Scores, verdict: Verdict) -> list[str]:
    where, tested = _scored_on(verdict)
    scores = {"out of fold": own, where: verdict.scores}
    measured = {name: [words.measured(it, key) for it in scores.values()] for key, name in NAMES.items()}
    rows = [[name, *(cell for pair in pairs for cell in pair)] for name, pairs in measured.items()]
    header = ["score", *(word for name in scores for word in (name, "95 % interval"))]
    sizes = [
        f"- {name}: {number(it.n_rows)} rows, {number(it.n_leavers)} of them left; capture: the share of "
        f"these among the first {number(it.capture_k)} names."
        for name, it in scores.items()
        if it.n_rows > 0
    ]
    return [*_table(header, rows), "", *sizes, *tested, RATED]


def _scored_on(verdict: Verdict) -> tuple[str, list[str]]:
    """Whose outcomes the scores of a verdict are of, and a line on them; verdicts of older programs have none."""
    scored_on = verdict.scores.scored_on
    if scored_on in TESTED:
        return "test data", [f"- test data: {TESTED[scored_on]}"]
    return markdown(scored_on) if scored_on else "test data", []


def _calibration(own: Scores, verdict: Verdict) -> list[str]:
    where = "out of fold" if own.calibration else _scored_on(verdict)[0]
    bins = own.calibration or verdict.scores.calibration
    rows = [[percent(it.risk), percent(it.share), number(it.n_rows)] for it in bins]
    told = f"Of those with about this risk, so many left ({where}):"
    return [told, "", *_table(["stated risk", "left", "rows"], rows)]


def _caveats(card: Facts, own: Scores, verdict: Verdict) -> list[str]:
    caveats = [f"{number(own.n_leavers)} of its rows are of leavers; the intervals say how little or much that is."]
    if verdict.provisional and not base_rate_words.is_base_rate(card):
        caveats.append("It is provisional: use the order of its list with care, and do not rely on the percentages.")
    if _overruled(verdict):
        caveats.append("The gate did not ask for it; a person did.")
    for leak in leakage.words(card.get("leaks") or ()):
        caveats.append(f"When it was trained, leakage was found. {markdown(leak, 1000)}")
    if not verdict.scores.n_rows > 0:
        caveats.append("It was not measured on test data.")
    caveats.append("Its scores are of the past. Each report measures it on the newest outcomes.")
    return [f"- {caveat}" for caveat in caveats]


def _overruled(verdict: Verdict) -> bool:
    return bool(verdict.forced) and not verdict.deploy


def _origin(card: Facts, verdict: Verdict) -> list[str]:
    compared = card.get("candidates") or []
    named = "; ".join(f"{markdown(it.get('name'))} {number(it.get('log_loss'), 4)}" for it in compared)
    packages = ", ".join(f"{name} {it}" for name, it in (card.get("packages") or {}).items())
    return [
        f"- Trained in run {number(card.get('run'))}, for this reason: {markdown(card.get('reason'))}.",
        *([f"- Compared by out-of-fold log-loss: {named}."] if named else []),
        f"- Judged against {markdown(verdict.champion)}: {markdown(verdict.sentence, 1000)}",
        f"- SHA-256 of the model file: {markdown(card.get('sha256'))}. Packages: {packages}.",
    ]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]
