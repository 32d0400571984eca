#!/usr/bin/env python3
"""What Tests/Benchmarks/count does with what it has counted: prints it beside what is kept, compares, and keeps.

    counts.py ROOT FOLDER [--keep]      FOLDER has callgrind's files, SCENARIO.MESSAGES.out
"""

import json
import pathlib
import platform
import re
import subprocess
import sys

TOLERANCE = 0.03
# What has few allocations may have so many more.
ALLOCATIONS = 0.05
ALLOCATORS = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"}
# What allocators call each other by, which is one allocation.
INSIDE = ALLOCATORS | {"_mid_memalign", "realloc_hook_ini", "malloc_hook_ini"}
NAMES = ("instructions", "allocations")


def read(path):
    """Instructions and allocations of a run."""
    names, caller, callee, instructions, allocations = {}, None, None, 0, 0
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if match := re.match(r"(c?)fn=\((\d+)\)(?: ([^'\n]*))?", line):
                # A name stands where its number is first. After ' is how deep a recursion is.
                name = names.setdefault(match[2], (match[3] or "").split(".constprop")[0])
                if match[1]:
                    callee = name
                else:
                    caller = name
            elif line.startswith("calls=") and callee in ALLOCATORS and caller not in INSIDE:
                allocations += int(line[6:].split()[0])
            elif line.startswith("totals:"):
                instructions = int(line.split()[1])
    return instructions, allocations


def per_message(folder):
    scenarios = {}
    # In the order in which they were counted.
    for path in sorted(folder.glob("*.out"), key=lambda path: path.stat().st_mtime_ns):
        scenario, messages, _ = path.name.split(".")
        scenarios.setdefault(scenario, {})[int(messages)] = read(path)
    result = {}
    for scenario, runs in scenarios.items():
        (few, least), (many, most) = sorted(runs.items())
        instructions, allocations = ((more - less) / (many - few) for less, more in zip(least, most))
        result[scenario] = {"instructions": round(instructions), "allocations": round(allocations, 2) + 0.0}
    return result


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def surroundings():
    return {
        "architecture": platform.machine(),
        "swift": re.search(r"Swift version (\S+)", output("swift", "--version"))[1],
        "valgrind": output("valgrind", "--version").strip().removeprefix("valgrind-"),
    }


def difference(now, kept):
    return f"{(now / kept - 1) * 100:+.1f} %" if kept else f"{now - kept:+.2f}"


def table(counted, kept):
    print(f"{'scenario':15}{'instructions':>13}{'kept':>9}{'':>9}{'allocations':>14}{'kept':>9}{'':>9}")
    for scenario, now in counted.items():
        row = f"{scenario:15}"
        for name, form, width in (("instructions", ",.0f", 13), ("allocations", ".2f", 14)):
            before = kept.get(scenario, {}).get(name)
            texts = ("", "") if before is None else (format(before, form), difference(now[name], before))
            row += f"{format(now[name], form):>{width}}{texts[0]:>9}{texts[1]:>9}"
        print(row.rstrip())


def compare(counted, kept):
    """What has risen and what has fallen by more than it may."""
    risen, fallen = [], []
    for scenario, now in counted.items():
        for name in NAMES:
            before = kept[scenario][name]
            room = before * TOLERANCE if name == "instructions" else max(before * TOLERANCE, ALLOCATIONS)
            text = f"{scenario}: {now[name]:,} {name} for a message, {before:,} are kept ({difference(now[name], before)})"
            # Figures are rounded, differences of theirs are not exact.
            if now[name] - before > room + 1e-9:
                risen.append(text)
            elif before - now[name] > room + 1e-9:
                fallen.append(text)
    return risen, fallen


class Document:
    """The table of Docs/benchmarks.md, whose rows end with the numbers."""

    def __init__(self, root):
        self.path = root / "Docs/benchmarks.md"
        self.text = self.path.read_text(encoding="utf-8")
        self.start = self.text.index("\n## What a message costs\n")
        self.end = self.text.index("\n## ", self.start + 1)

    def with_counts(self, scenarios):
        section = self.text[self.start:self.end]
        for scenario, counts in scenarios.items():
            numbers = f"| {counts['instructions']:,} | {counts['allocations']:.2f} |"
            section = re.sub(rf"(\n\| `{scenario}` \|.*?)\| [\d,]+ \| [\d.]+ \|(?=\n)", lambda match: match[1] + numbers, section)
        return self.text[:self.start] + section + self.text[self.end:]


def main():
    root, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    path = root / "Docs/benchmarks/counts.json"
    counted, here, document = per_message(folder), surroundings(), Document(root)
    record = json.loads(path.read_text()) if path.exists() else dict(here, scenarios={})
    kept = record["scenarios"]
    others = [f"{name} {record[name]}, here {here[name]}" for name in ("architecture", "swift") if record[name] != here[name]]
    table(counted, kept)

    if "--keep" in sys.argv[3:]:
        if others and not kept.keys() <= counted.keys():
            sys.exit(f"Tests/Benchmarks/count: the others are of {'; '.join(others)}: keep all")
        kept.update(counted)
        path.write_text(json.dumps(dict(here, scenarios=kept), indent=2, sort_keys=True) + "\n")
        document.path.write_text(document.with_counts(kept), encoding="utf-8")
        print(f"Kept in {path.relative_to(root)}")
        return
    if document.text != document.with_counts(kept):
        sys.exit("Tests/Benchmarks/count: the table in Docs/benchmarks.md is not what is kept")
    if others:
        print(f"Not compared: what is kept is of {'; '.join(others)}")
        return
    if missing := counted.keys() - kept.keys():
        sys.exit(f"Tests/Benchmarks/count: nothing is kept for {', '.join(sorted(missing))}; see --keep")
    risen, fallen = compare(counted, kept)
    if fallen:
        print("Fewer than before; keep them with --keep:", *fallen, sep="\n    ")
    if risen:
        print(f"FAILED: more than {TOLERANCE:.0%} above what is kept:", *risen, sep="\n    ")
        sys.exit(1)
    print("PASSED")


main()
