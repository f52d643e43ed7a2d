"""What was measured, for people: lines while a run goes on, docs/benchmarks.md and its chart, README's section.

report.py            # rewrite docs/ from the figures in .cache/benchmarks/
report.py readme     # README's table too
report.py goals      # print which goals are reached and which are missed
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import chart
import goals
import results
from sides import REPOSITORY

DOCUMENTS = REPOSITORY / "docs"
README = REPOSITORY / "README.md"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
# Of each of these the chart has a group of bars.
CHARTED = (
    "lambda",
    "40-line function",
    "cold function",
    "function using packages, 3000 modules",
    "100 closures",
    "dataclass",
    "config dict",
    "ints",
    "strs",
    "json-like records",
    "set",
    "plain instances",
    "plain instances, shuffled",
    "slots instances",
    "datetimes",
    "Decimals",
    "cyclic tree",
    "__main__ instances",
    "small ndarrays",
    "ndarray, 100 MB",
    "pandas frame",
)
NAME_WIDTH = 38


@dataclass(frozen=True)
class Judged:
    """One wanted ratio and what was measured, by version of Python."""

    direction: str
    workload: str
    against: str
    wanted: float
    ratios: dict[str, float]

    @property
    def reached(self) -> bool:
        return all(ratio >= self.wanted for ratio in self.ratios.values())

    @property
    def in_doubt(self) -> bool:
        """Whether what is missing is no more than noise."""
        return all(ratio >= self.wanted - goals.NOISE for ratio in self.ratios.values())

    @property
    def mark(self) -> str:
        return "✓" if self.reached else "✗"

    def __str__(self) -> str:
        where = "" if len(self.ratios) == 1 else f" ({' / '.join(self.ratios)})"
        what = f"{self.direction:5} {self.workload:{NAME_WIDTH}} vs {self.against:8}"
        return f"{what} {cell(self.ratios.values()):>6}{where}, wanted {self.wanted:g}"


# On the terminal.


def heading() -> str:
    return (
        f"{'':{NAME_WIDTH}}{'dumps':>11} {'upstream':>8} {'C':>6} {'marshal':>7}"
        f" | {'loads':>11} {'upstream':>8} {'C':>6} {'marshal':>7} {'plain':>6} | {'bytes':>11} {'upstream':>11}"
    )


def line(name: str, figure: dict[str, Any]) -> str:
    """One workload: times are ours, other figures how many times longer the others take."""
    sides = ("upstream", "c", "marshal")
    columns = [f"{name:{NAME_WIDTH}}"]
    for direction, others in (("dumps", sides), ("loads", (*sides, "plain"))):
        found = figure[direction]
        columns.append(f"{duration(found['seconds']['ours']):>11}")
        widths = (9, 7, 8, 7)
        columns.extend(
            f"{ratio_text(found['ratio'][other]) if other in found['ratio'] else '':>{width}}"
            for other, width in zip(others, widths)
        )
        columns.append(" | ")
    columns[-1] = f" | {figure['size']['ours']:>11} {figure['size']['upstream']:>11}"
    return "".join(columns)


def import_line(figure: dict[str, Any]) -> str:
    ours, upstream = (duration(figure["seconds"][name]) for name in ("ours", "upstream"))
    ratio = ratio_text(figure["ratio"]["upstream"])
    return f"{'import cloudpickle':{NAME_WIDTH}}{ours:>11}; upstream {upstream}, {ratio} times as long"


def verdict(figures: dict[str, Any]) -> str:
    """The table of what is wanted, which goals are missed, and what is slower or larger than it may be."""
    times = {results.version_of_python(): figures}
    tables = [[*goals_table(direction, times), ""] for direction in goals.GOALS]
    # Of a direction of which nothing was measured there are only the two lines of its head.
    return "\n".join([*(line for table in tables if len(table) > 3 for line in table), *verdict_lines(times)])


def verdict_lines(times: dict[str, Any]) -> Iterator[str]:
    judged = [entry for direction in goals.GOALS for entry in judge(direction, times)]
    missed = [entry for entry in judged if not entry.reached]
    behind = slower(times)
    yield f"{len(judged) - len(missed)} of {len(judged)} wanted ratios reached on Python {', '.join(times)}"
    for title, found in (
        ("missed:", missed),
        ("slower than upstream or C pickle:", [entry for entry in behind if not entry.in_doubt]),
        (f"below {goals.FLOOR:g} by no more than noise:", [entry for entry in behind if entry.in_doubt]),
        ("larger than upstream's:", larger(times)),
        ("not flat or not quicker:", other_failures(times)),
    ):
        if found:
            yield title
            yield from (f"  {entry}" for entry in found)


# Judgement.


def promised() -> dict[str, Any]:
    """What was measured on the versions that something is promised for; on all others, if on none of these."""
    times = results.load(results.TIMES)
    return {version: figures for version, figures in times.items() if version in goals.VERSIONS} or times


def ratios_of(times: dict[str, Any], workload: str, direction: str, against: str) -> dict[str, float]:
    found = {}
    for version, figures in times.items():
        ratio = figures["workloads"].get(workload, {}).get(direction, {}).get("ratio", {}).get(against)
        if ratio is not None:
            found[version] = ratio
    return found


def judge(direction: str, times: dict[str, Any]) -> Iterator[Judged]:
    """Every wanted ratio of this direction that was measured."""
    for goal in goals.GOALS[direction]:
        for against, wanted in (("upstream", goal.upstream), ("c", goal.c)):
            ratios = ratios_of(times, goal.workload, direction, against)
            if wanted is not None and ratios:
                yield Judged(direction, goal.workload, against, wanted, ratios)


def workloads_in(times: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(name for figures in times.values() for name in figures["workloads"]))


def slower(times: dict[str, Any]) -> list[Judged]:
    """Every workload that is slower here than with upstream or C `pickle`, on some version."""
    found = []
    for workload in workloads_in(times):
        for direction in goals.GOALS:
            for against in ("upstream", "c", "plain"):
                ratios = ratios_of(times, workload, direction, against)
                entry = Judged(direction, workload, against, goals.FLOOR, ratios)
                if not entry.reached:
                    found.append(entry)
    return found


def larger(times: dict[str, Any]) -> list[str]:
    return [
        f"{name} on {version}: {figure['size']['ours']} bytes, upstream {figure['size']['upstream']}"
        for version, figures in times.items()
        for name, figure in figures["workloads"].items()
        if figure["size"]["ours"] > figure["size"]["upstream"]
    ]


def other_failures(times: dict[str, Any]) -> list[str]:
    found = []
    for version, figures in times.items():
        spread = flatness(figures)
        if spread is not None and spread > goals.FLAT_WITHIN:
            found.append(f"{goals.FLAT[0]} on {version}: {spread:.2f} times the time with fewer")
        if "import" in figures and figures["import"]["ratio"]["upstream"] < goals.FLOOR:
            found.append(
                f"import on {version}: upstream takes {figures['import']['ratio']['upstream']:.2f} times as long"
            )
    return found


def flatness(figures: dict[str, Any]) -> float | None:
    """Our time with many modules over that with few."""
    try:
        many, few = (figures["workloads"][name]["dumps"]["seconds"]["ours"] for name in goals.FLAT)
    except KeyError:
        return None
    return float(many / few)


# Documents.


def write_documents() -> None:
    """docs/benchmarks.md and docs/benchmarks.svg."""
    times = promised()
    DOCUMENTS.mkdir(exist_ok=True)
    (DOCUMENTS / "benchmarks.md").write_text("\n".join(document(times)) + "\n", encoding="utf-8")
    (DOCUMENTS / "benchmarks.svg").write_text(ratios_chart(times), encoding="utf-8")
    print("rewrote docs/benchmarks.md and docs/benchmarks.svg")


def write_readme() -> None:
    """The table between the markers."""
    times = promised()
    text = README.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"README.md has no {BEGIN} and {END}")
    table = "\n".join([*measured_on(times), "", *goals_table("dumps", times), "", *goals_table("loads", times)])
    README.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")
    print("rewrote README.md")


def document(times: dict[str, Any]) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield "Written by `make bench`; [benches/README.md](../benches/README.md) says how it is measured."
    yield from measured_on(times)
    yield ""
    yield "![How many times quicker](benchmarks.svg)"
    yield ""
    yield "## What was wanted"
    yield ""
    yield from goals_table("dumps", times)
    yield ""
    yield from goals_table("loads", times)
    yield ""
    yield "```"
    yield from verdict_lines(times)
    yield "```"
    for direction in goals.GOALS:
        yield ""
        yield f"## Every workload: {direction}"
        yield ""
        yield from full_table(direction, times)
    yield ""
    yield "## Sizes"
    yield ""
    yield from sizes_table(times)
    yield ""
    yield "## Import"
    yield ""
    yield from import_table(times)
    memory = results.load(results.MEMORY)
    if memory:
        yield ""
        yield "## Peak memory"
        yield ""
        yield from memory_table(memory)
    scaling = results.load(results.SCALING)
    if scaling:
        yield ""
        yield "## Cost by size"
        yield ""
        yield "![Time per object](scaling.svg)"
        yield ""
        yield from scaling_table(scaling)


def measured_on(times: dict[str, Any]) -> list[str]:
    pythons = ", ".join(figures["python"] for figures in times.values())
    machines = "; ".join(dict.fromkeys(figures["machine"] for figures in times.values()))
    return [
        f"Python {pythons}, on {machines}.",
        f"A figure says how many times longer the other takes: {' / '.join(times)}, medians.",
    ]


def goals_table(direction: str, times: dict[str, Any]) -> Iterator[str]:
    """The wanted ratios with what was measured."""
    yield f"| {direction} of | vs upstream | wanted | vs C `pickle` | wanted |"
    yield "| --- | ---: | :--- | ---: | :--- |"
    found: dict[str, dict[str, Judged]] = {}
    for entry in judge(direction, times):
        found.setdefault(entry.workload, {})[entry.against] = entry
    for workload, entries in found.items():
        cells = [workload_text(workload)]
        for against in ("upstream", "c"):
            judged = entries.get(against)
            cells.append(merged(ratios_of(times, workload, direction, against), times))
            cells.append(f"{judged.wanted:g} {judged.mark}" if judged else "")
        yield row(cells)


def full_table(direction: str, times: dict[str, Any]) -> Iterator[str]:
    others = ["upstream", "c", "marshal", *(["plain"] if direction == "loads" else [])]
    titles = {
        "upstream": "vs upstream",
        "c": "vs C `pickle`",
        "marshal": "vs `marshal`",
        "plain": "`pickle.loads`, our bytes vs upstream's",
    }
    yield row([f"{direction} of", "ours takes", *(titles[other] for other in others)])
    yield row(["---", *("---:" for _ in range(len(others) + 1))])
    for workload in workloads_in(times):
        seconds = [
            duration(figures["workloads"][workload][direction]["seconds"]["ours"])
            for figures in times.values()
            if workload in figures["workloads"]
        ]
        ratios = [merged(ratios_of(times, workload, direction, other), times) for other in others]
        yield row([workload_text(workload), " / ".join(seconds), *ratios])


def sizes_table(times: dict[str, Any]) -> Iterator[str]:
    version, figures = list(times.items())[-1]
    yield row([f"bytes, Python {version}", "ours", "upstream", "C `pickle`", "`marshal`"])
    yield row(["---", "---:", "---:", "---:", "---:"])
    for name, figure in figures["workloads"].items():
        sizes = figure["size"]
        yield row([workload_text(name), *(str(sizes.get(side, "")) for side in ("ours", "upstream", "c", "marshal"))])


def import_table(times: dict[str, Any]) -> Iterator[str]:
    yield row(["`import cloudpickle`", "ours", "upstream", "ratio"])
    yield row(["---", "---:", "---:", "---:"])
    for version, figures in times.items():
        seconds, ratio = figures["import"]["seconds"], figures["import"]["ratio"]["upstream"]
        yield row([f"Python {version}", duration(seconds["ours"]), duration(seconds["upstream"]), ratio_text(ratio)])


def memory_table(memory: dict[str, Any]) -> Iterator[str]:
    """Of the newest Python that was measured."""
    version, figures = list(memory.items())[-1]
    yield "What a process takes at most during the call, beyond what it had before, the result included."
    yield ""
    yield row([f"kB, Python {version}", "`dumps`: ours", "upstream", "C", "`dump`: ours", "upstream", "C", ""])
    yield row(["---", *(["---:"] * 6), ":---"])
    for name, figure in figures["workloads"].items():
        cells = [
            str(figure[call][side] // 1024) if side in figure[call] else ""
            for call in ("dumps", "dump")
            for side in ("ours", "upstream", "c")
        ]
        yield row([workload_text(name), *cells, "" if memory_fits(figure) else "✗"])
    yield ""
    added = figures["gigabyte"]
    yield (
        f"`dump` of 1 GB of arrays to a file adds {added['ours'] / 2**20:.1f} MB here, "
        f"{added['upstream'] / 2**20:.1f} MB with upstream, {added['c'] / 2**20:.1f} MB with C `pickle`."
    )


def memory_fits(figure: dict[str, Any]) -> bool:
    """Whether we take no more than C `pickle`."""
    return all(
        "c" not in figure[call] or figure[call]["ours"] <= figure[call]["c"] + goals.MEMORY_TOLERANCE_BYTES
        for call in ("dumps", "dump")
    )


def scaling_table(scaling: dict[str, Any]) -> Iterator[str]:
    version, figures = list(scaling.items())[-1]
    counts = figures["counts"]
    yield row([f"ns per object, Python {version}", "", *(f"{count:,}" for count in counts), "dearest / cheapest"])
    yield row(["---", "---", *("---:" for _ in counts), "---:"])
    for kind, sides in figures["kinds"].items():
        for side, costs in sides.items():
            spread = max(costs) / min(costs)
            mark = f" {'✓' if spread <= goals.LINEAR_WITHIN else '✗'}" if side == "ours" else ""
            yield row([kind, side, *(f"{cost:.1f}" for cost in costs), f"{spread:.2f}{mark}"])


def ratios_chart(times: dict[str, Any]) -> str:
    rows: list[tuple[str, list[float | None]]] = []
    for name in CHARTED:
        ratios = [ratios_of(times, name, "dumps", against).values() for against in ("upstream", "c")]
        if ratios[0]:
            rows.append((name, [median(found) if found else None for found in ratios]))
    return chart.bars(
        "cloudpickle.dumps: how many times longer the others take",
        f"Medians; Python {', '.join(times)}. Logarithmic; 1 is our time.",
        ("upstream 3.1.2", "C pickle"),
        rows,
    )


# Figures as text.


def row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def workload_text(name: str) -> str:
    return name.replace("__main__", "`__main__`")


def cell(ratios: Any) -> str:
    return " / ".join(ratio_text(ratio) for ratio in ratios)


def merged(ratios: dict[str, float], times: dict[str, Any]) -> str:
    """One figure per version of Python that was measured, `-` where it lacks something; nothing, if all do."""
    if not ratios:
        return ""
    return " / ".join(ratio_text(ratios[version]) if version in ratios else "-" for version in times)


def ratio_text(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 99.5 else f"{ratio:.1f}" if ratio >= 9.95 else f"{ratio:.2f}"


def duration(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def main(words: list[str]) -> int:
    if words == ["goals"]:
        print("\n".join(verdict_lines(promised())))
        return 0
    if words not in ([], ["readme"]):
        print(__doc__, file=sys.stderr)
        return 2
    if not promised():
        print("nothing was measured yet: run make bench", file=sys.stderr)
        return 1
    write_documents()
    if words:
        write_readme()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
