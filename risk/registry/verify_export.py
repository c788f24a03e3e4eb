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
            for name, content in sorted(found.items()):
                (info := zipfile.ZipInfo(name)).create_system = 3  # the same bytes on every system
                other.writestr(info, content)
        told += ["the zip was changed around its members"] * (again.getvalue() != place.read_bytes())
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    index, journal = json.loads(found["digests.json"]), found["production_deployment/journal.jsonl"]
    members, kept = index["members"] | {"digests.json": found["seal.txt"].decode()}, index["kept"]
    odd = digests.items() ^ members.items() | {(it, "") for it in kept.keys() & members if kept[it] != members[it]}
    told += [f"{it}: it was changed, added or taken away" for it in sorted({name for name, _ in odd} - {"seal.txt"})]
    chain, said = [index["journal"]["previous"]], dict[str, str]()
    for number, line in enumerate(journal.split(b"\n")[:-1], 1):
        record, folder = json.loads(line), "production_deployment/releases/{release}/"
        told += [f"the journal, line {number}: it does not follow"] * (record["previous"] != chain[-1])
        said |= {folder.format(**record) + it: digest for it, digest in (record.get("papers") or {}).items()}
        said = {it: (record.get("replaced") or {}).get(digest, digest) for it, digest in said.items()}
        chain.append(hashlib.sha256(line).hexdigest())
    held = {it.rpartition("/")[0] for it in members | kept}  # a release that was removed is not one
    told += [f"{it}: not as its line tells" for it in said if said[it] != kept.get(it) and it[: it.rindex("/")] in held]
    return told + [f"{it}: no line, nor the seal" for it in hashes if it not in {*chain, members["digests.json"]}]


if __name__ == "__main__":
    place, *hashes = sys.argv[1:] or [str(pathlib.Path(__file__).parent)]
    sys.exit("\n".join(faults(pathlib.Path(place), hashes, [])) or None)
