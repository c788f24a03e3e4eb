"""The name of everything on disk, once.

Plain text only: the idle tick imports this module, so it imports nothing.
"""

from __future__ import annotations

# ingesteddata/
PARTS = "parts"
FINGERPRINTS = "fingerprints"
SIGNATURES = "signatures.json"
VERSIONS = "versions"
CURRENT = "current"
FINAL_DATA = "finaldata.csv"
INGESTED_FILES = "ingestedfiles.txt"
REJECTED = "rejected.csv"
MANIFEST = "manifest.json"
DATASET_LINKS = (FINAL_DATA, INGESTED_FILES, REJECTED)

# models/: the desk of the challenger
MODEL = "trainedmodel.pkl"
CARD = "trainedmodel.json"
LATEST_SCORE = "latestscore.txt"
VERDICT = "verdict.json"
API_RETURNS = "apireturns.txt"
BACKTEST = "backtest.json"
BACKTEST_FIGURE = "backtest.png"
COMPARE = "compare"
CANDIDATES_FIGURE = "candidates.svg"

# in a release, beside what came from the desk
MODEL_CARD = "modelcard.md"

# models/reports/
REPORTS = "reports"
SNAPSHOT = "snapshot.json"
REPORT = "report.pdf"
CALL_LIST = "calllist.csv"
CALL_LIST_EXCEL = "calllist.xlsx"
CLIENT_RISKS = "clientrisks.csv"
LIST_COLUMNS = ("rank", "client", "risk", "prediction", "owner", "value", "period")  # of clientrisks.csv
CLIENT_FEATURES = "clientfeatures.jsonl"
CLIENT_ROWS = "clientrows.parquet"
CONFUSION_MATRIX = "confusionmatrix.png"
LISTS = "lists"
REPORT_LINKS = (REPORT, CALL_LIST, CALL_LIST_EXCEL, CLIENT_RISKS, CONFUSION_MATRIX, SNAPSHOT)

# production_deployment/
RELEASES = "releases"
RELEASE_LINKS = (MODEL, LATEST_SCORE, INGESTED_FILES)
JOURNAL = "journal.jsonl"
LOCK = "fullprocess.lock"
TICK = "tick.json"
DELIVERY = "delivery.json"
DELIVERY_LOCK = "delivery.lock"
RESTORING = "restoring.json"  # while a backup is brought back: nothing else may read or write then
ERASED = "erased.jsonl"  # the register of erased clients, as keyed digests
ERASED_KEY = "erased.key"
ERASING = "erasing.jsonl"  # what an erasure has still to do; it alone holds names, and goes when that is done

# the ends of the names of tables, in the input folder and in that of the test data
TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".zip", ".xlsx", ".parquet")

# beside the scripts
CONFIG = "config.json"
NEXT_STEPS = "nextsteps.csv"
OUTCOMES = "outcomes"
RECORDED = "recorded.csv"  # in outcomes: what the service was told
RECORDED_LOCK = ".recorded.lock"

# the beginning of every name that is not finished yet; whatever carries it may be deleted
UNFINISHED = ".unfinished-"
STAGED = ".erasing-"  # the beginning of the name of a file that an erasure will put in the place of another

# practice keeps the whole house below one folder
PRACTICE_MODELS = "practicemodels"
INGESTED = "ingesteddata"
PRODUCTION = "production_deployment"

# the release's own memory of the out-of-fold risk of every row that it learned
LEARNED_RISKS = "learnedrisks.parquet"

PROGRAM = "1.6.0"


def kind_of(name: str) -> str:
    """The kind of table that a file name tells: the longest end of it that is known; blank where none is."""
    return max((end for end in TABLES if name.lower().endswith(end)), key=len, default="")


def number_of(name: str) -> int:
    """The number in the name of a version, release or report, which is number-digest; 0 where it has none."""
    number = name.partition("-")[0]
    return int(number) if number.isdecimal() else 0


def digest_of(name: str) -> str:
    """The digest in the name of a version or release."""
    return name.partition("-")[2]
