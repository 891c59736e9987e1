"""Ours beside plain Python on two processes beside PySpark, on the same data, in one run.

    python tests/benchmarks/rdd.py [--pyspark PYTHON] [--rounds 3] [--scale 1] [--only TEXT]

Prints for each case, and for each engine, seconds (the median of the rounds, which take turns), processor seconds of
its whole process tree (what to compare on a busy machine), and peak memory (resident size of the tree); for the others
how many times ours they are, in seconds and in processor seconds. At the end the geometric means, over all cases but
those that are named "also". Results are compared; a difference ends the run. PySpark needs Java 17 and a virtual
environment of its own, since `pyspark` and `pyspark-client` share their module names.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import psutil
from rdd_cases import CASES
from rdd_data import write_text

HERE = Path(__file__).parent
WARM_UP = "also: 200 empty tasks"


@dataclass(frozen=True)
class Figures:
    """What one engine needed for one case."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


class Engine:
    """A process that runs cases when asked, and what its tree takes."""

    def __init__(self, name: str, python: str, environment: dict[str, str]) -> None:
        self.name = name
        command = [python, str(HERE / "rdd_cases.py"), name]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.process = subprocess.Popen(command, env={**os.environ, **environment}, **pipes)
        self.peak = 0

    def run(self, case: str) -> tuple[Figures, object] | None:
        """What the case took and its result's digest; None when the engine does not know it."""
        self.peak = 0
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(done,), daemon=True)
        watcher.start()
        before = tree_cpu(self.process.pid)
        self.process.stdin.write(case + "\n")
        self.process.stdin.flush()
        try:
            for line in self.process.stdout:
                if line.startswith("ANSWER "):
                    answer = json.loads(line.removeprefix("ANSWER "))
                    break
            else:
                raise SystemExit(f"{self.name} ended during {case!r}")
        finally:
            done.set()
            watcher.join()
        if answer["seconds"] is None:
            return None
        return Figures(answer["seconds"], tree_cpu(self.process.pid) - before, self.peak), answer["digest"]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def _watch(self, done: threading.Event) -> None:
        while not done.wait(0.1):
            self.peak = max(self.peak, sum(process.memory_info().rss for process in tree(self.process.pid)))


def tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def tree_cpu(pid: int) -> float:
    """Processor seconds of the tree, with those of processes that have ended in it."""
    return sum(sum(process.cpu_times()[:4]) for process in tree(pid))


def measure(engines: list[Engine], case: str, rounds: int) -> dict[str, Figures]:
    """The medians of each engine that knows the case."""
    found: dict[str, list[Figures]] = {engine.name: [] for engine in engines}
    digests = {}
    for _ in range(rounds):
        for engine in engines:
            answer = engine.run(case)
            if answer is not None:
                found[engine.name].append(answer[0])
                digests[engine.name] = answer[1]
    if any(digest != digests["ours"] for digest in digests.values()):
        raise SystemExit(f"{case}: the engines disagree: {digests}")
    return {name: median_of(figures) for name, figures in found.items() if figures}


def median_of(figures: list[Figures]) -> Figures:
    return Figures(
        statistics.median(each.seconds for each in figures),
        statistics.median(each.cpu_seconds for each in figures),
        max(each.peak_bytes for each in figures),
    )


def report(case: str, figures: dict[str, Figures]) -> None:
    ours = figures["ours"]
    cells = [f"{case:24}"]
    for name, each in figures.items():
        cell = f"{name} {each.seconds:6.2f} s {each.cpu_seconds:6.2f} cpu {each.peak_bytes / 2**20:5.0f} MiB"
        if name != "ours":
            cell += f" = {each.seconds / ours.seconds:5.2f}x, cpu {each.cpu_seconds / ours.cpu_seconds:5.2f}x"
        cells.append(cell)
    print(" | ".join(cells), flush=True)


def report_means(results: dict[str, dict[str, Figures]], name: str) -> None:
    """The geometric means of how many times ours the engine needed."""
    pairs = [(each[name], each["ours"]) for case, each in results.items() if name in each and "also" not in case]
    if pairs:
        wall = statistics.geometric_mean(theirs.seconds / ours.seconds for theirs, ours in pairs)
        cpu = statistics.geometric_mean(theirs.cpu_seconds / ours.cpu_seconds for theirs, ours in pairs)
        print(f"geometric mean of {len(pairs)} cases, {name}: {wall:.2f}x, cpu {cpu:.2f}x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pyspark", help="python of a virtual environment with pyspark; left out when not given")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="fraction of the full data")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "words.txt"
        write_text(text, 140 * arguments.scale)
        environment = {"SPARK_KERNEL_BENCHMARK_TEXT": str(text), "SPARK_KERNEL_BENCHMARK_SCALE": str(arguments.scale)}
        engines = [Engine("ours", sys.executable, environment), Engine("plain", sys.executable, environment)]
        if arguments.pyspark:
            engines.append(Engine("pyspark", arguments.pyspark, environment))
        for engine in engines:  # Starting up is not what is measured here.
            engine.run(WARM_UP)
        results = {}
        for case in [each for each in CASES if arguments.only in each]:
            results[case] = measure(engines, case, arguments.rounds)
            report(case, results[case])
        for engine in engines[1:]:
            report_means(results, engine.name)
        for engine in engines:
            engine.close()


if __name__ == "__main__":
    main()
