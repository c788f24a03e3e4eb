"""Checks an audit export: python3 verify.py [EXPORT.zip, or the folder it was unpacked into] [HASH kept before] ..."""

import hashlib
import io
import json
import pathlib
import sys
import zipfile


def faults(place: pathlib.Path, hashes: list[str], told: list[str]) -> list[str]:
    if place.is_dir():
        found = {it.relative_to(place).as_posix(): it.read_bytes() for it in place.rglob("*") if not it.is_dir()}
    else:
        with zipfile.ZipFile(place) as packed, zipfile.ZipFile(again := io.BytesIO(), "w") as other:
            found = {name: packed.read(name) for name in packed.namelist()}
            for name, content in found.items():
                (info := zipfile.ZipInfo(name)).create_system = 3  # the same bytes on every system
                other.writestr(info, content)
        told += ["the zip was changed around its members"] * (again.getvalue() != place.read_bytes())
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    index, journal = json.loads(found["digests.json"]), found["production_deployment/journal.jsonl"]
    members, kept = index["members"] | {"digests.json": found["seal.txt"].decode()}, index["kept"]
    for name in sorted((found.keys() | members) - {"seal.txt"}):
        if not digests.get(name) == members.get(name) == kept.get(name, members.get(name)):
            told.append(f"{name}: it was changed, added or taken away")
    chain = [index["journal"]["previous"]]
    for number, line in enumerate(journal.split(b"\n")[:-1], 1):
        record, folder = json.loads(line), "production_deployment/releases/{release}/"
        told += [f"the journal, line {number}: it does not follow"] * (record["previous"] != chain[-1])
        papers = [folder.format(**record) + paper for paper in record.get("papers") or ()]
        told += [f"{it}: not as the journal tells" for it in papers if kept.get(it, "").encode() not in journal]
        chain.append(hashlib.sha256(line).hexdigest())
    told += ["the journal: it does not end as digests.json tells"] * (chain[-1] != index["journal"]["sha256"])
    return told + [f"{it}: no line, nor the seal" for it in hashes if it not in {*chain, members["digests.json"]}]


if __name__ == "__main__":
    place = sys.argv[1] if sys.argv[1:] else pathlib.Path(__file__).parent
    sys.exit("\n".join(faults(pathlib.Path(place), sys.argv[2:], [])) or None)
