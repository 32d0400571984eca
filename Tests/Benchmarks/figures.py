#!/usr/bin/env python3
"""What Tests/Benchmarks/measure does with figures: puts turns together, and prints tables and facts."""

import datetime
import json
import os
import re
import statistics
import subprocess
import sys


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def show(value):
    print(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))


def spread(values):
    values = [value for value in values if value is not None]
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)} if values else None


def merge(paths):
    """One report of those of all turns: its rows have the runs of all."""
    reports = [read(path) for path in paths]
    rows = {}
    for report in reports:
        for row in report["rows"]:
            key = (row["scenario"], row["size"])
            if key not in rows:
                rows[key] = row
                continue
            rows[key]["runs"] += row["runs"]
            rows[key]["latencyMicroseconds"] += row["latencyMicroseconds"]
            for name in ("peakMiB", "brokerPeakMiB"):
                values = [one[name] for one in (rows[key], row) if one.get(name) is not None]
                if values:
                    rows[key][name] = max(values)
            if row.get("complaint") and not rows[key].get("complaint"):
                rows[key]["complaint"] = row["complaint"]
    for row in rows.values():
        runs = row["runs"]
        figures = {
            "messagesPerSecond": [run["messages"] / run["seconds"] for run in runs],
            "cpuMicrosecondsPerMessage": [run["cpuSeconds"] / run["messages"] * 1e6 for run in runs],
            "brokerCPUMicrosecondsPerMessage": [
                run["brokerCPUSeconds"] / run["messages"] * 1e6 for run in runs if run.get("brokerCPUSeconds") is not None
            ],
        }
        for name, values in figures.items():
            if values:
                row[name] = spread(values)
    # Ports and files of a run say nothing to anybody later.
    report = dict(reports[0], rows=list(rows.values()))
    report["url"] = re.sub(r"//[^/?]*", "//127.0.0.1", report["url"])
    show(report)


def limits(transport, path):
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            label, scenario, size, name, rate = line.rstrip("\n").split("\t")
            found.setdefault((label, scenario, int(size), name), []).append(float(rate))
    result = []
    for (label, scenario, size, name), rates in found.items():
        limit = {"scenario": scenario, "size": size, "name": name, "rates": rates}
        result.append(dict(limit, label=label) if label else limit)
    show({"transport": transport, "limits": result})


def number(value):
    """Thousands a second with three digits."""
    value /= 1000
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.1f}"


def cell(figures):
    return f"{number(figures['median'])} ({number(figures['lowest'])} to {number(figures['highest'])})" if figures else ""


def table(paths):
    reports = [read(path) for path in paths]
    limits = [limit for one in reports if "limits" in one for limit in one["limits"]]
    reports = [one for one in reports if "rows" in one]
    columns = []
    for report in reports:
        for row in report["rows"]:
            column = (report.get("label"), row["size"])
            if column not in columns:
                columns.append(column)

    def name(column):
        label = f"{column[0]}, " if column[0] and len(reports) > 1 else ""
        return f"{label}{column[1]} bytes"

    def rows(scenario, column):
        return [
            row
            for report in reports
            if report.get("label") == column[0]
            for row in report["rows"]
            if row["scenario"] == scenario and row["size"] == column[1]
        ]

    first = reports[0]
    broker = first.get("broker") or {"name": first["system"], "version": ""}
    label = f" ({first['label']})" if first.get("label") and len(reports) == 1 else ""
    print(f"\n## {' '.join(filter(None, (broker['name'], broker['version'])))}{label}\n")
    print("Thousand messages a second; microseconds of processor time for a message, of client and server.\n")
    names = [text for column in columns for text in (name(column), "CPU")]
    print(f"| Scenario | {' | '.join(names)} |")
    print("| --- |" + " --- |" * len(names))
    scenarios = list(dict.fromkeys(row["scenario"] for report in reports for row in report["rows"]))
    for scenario in scenarios:
        if scenario == "latency":
            continue
        cells = []
        for column in columns:
            for row in rows(scenario, column)[:1] or [{}]:
                cpu = [row.get(key) for key in ("cpuMicrosecondsPerMessage", "brokerCPUMicrosecondsPerMessage")]
                cells += [cell(row.get("messagesPerSecond")), ", ".join(f"{one['median']:.2f}" for one in cpu if one)]
        print(f"| `{scenario}` | {' | '.join(cells)} |")
        raw = [
            [one for one in limits if one["scenario"] == scenario and one["size"] == size and one.get("label") in (None, label)]
            for label, size in columns
        ]
        if any(raw):
            cells = [text for one in raw for text in (cell(spread(one[0]["rates"])) if one else "", "")]
            print(f"| {next(one[0]['name'] for one in raw if one)} | {' | '.join(cells)} |")
    for report in reports:
        for row in report["rows"]:
            if row["latencyMicroseconds"]:
                p50, p99 = (statistics.median(one[key] for one in row["latencyMicroseconds"]) for key in ("p50", "p99"))
                which = f"{report['label']}, " if len(reports) > 1 else ""
                print(f"\n`latency`, {which}{row['size']} bytes: {p50:.0f} us in the median, {p99:.0f} us at the 99th percentile.")
            if row.get("complaint"):
                print(f"\nWRONG: {row['scenario']}, {row['size']} bytes: {row['complaint']}")


def output(*command, **more):
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, **more)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (result.stdout or result.stderr).strip().splitlines()
    return lines[0].strip() if result.returncode == 0 and lines else None


def first_value(path, name):
    with open(path, encoding="utf-8") as file:
        return next((line.split(":" if ":" in line else "=", 1)[1].strip().strip('"') for line in file if line.startswith(name)), None)


def machine(root):
    packages = ["redis-server", "nats-server", "rabbitmq-server", "librdkafka1", "libnats3.4", "librabbitmq4", "libsqlite3-0"]
    versions = {name: output("dpkg-query", "-W", "-f", "${Version}", name) for name in packages}
    show(
        {
            "date": datetime.date.today().isoformat(),
            "processor": first_value("/proc/cpuinfo", "model name"),
            "processors": os.cpu_count(),
            "memoryMiB": int(first_value("/proc/meminfo", "MemTotal").split()[0]) // 1024,
            "kernel": os.uname().release,
            "system": first_value("/etc/os-release", "PRETTY_NAME"),
            "swift": output("swift", "--version"),
            "commit": output("git", "rev-parse", "--short", "HEAD", cwd=root),
            "packages": {name: version for name, version in versions.items() if version},
            "loadBefore": round(os.getloadavg()[0], 2),
        }
    )


if __name__ == "__main__":
    command, arguments = sys.argv[1], sys.argv[2:]
    {"merge": merge, "limits": lambda a: limits(*a), "table": table, "machine": lambda a: machine(*a)}[command](arguments)
