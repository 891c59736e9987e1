"""Ours beside PySpark beside plain Python, on the same data, in one run.

    python tests/benchmarks/rdd.py --pyspark PYTHON [--rounds 3] [--scale 1] [--only TEXT]

Prints one line a case: seconds of ours, PySpark's and plain Python's (medians), the ratios, and each engine's peak
memory (resident size of its whole process tree). Results are compared; a difference ends the run. PySpark needs
Java 17 and a virtual environment of its own, since `pyspark` and `pyspark-client` share their module names.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil

HERE = Path(__file__).parent
ALL = ["word count, 140 MB", "groupByKey, 5 M", "sortByKey, 3 M", "map-filter-sum, 10 M", "join, 1 M with 1 M"]
ALL += ["200 empty tasks"]


class Engine:
    """A process that runs cases when asked, and how much memory its tree takes."""

    def __init__(self, name: str, python: str, environment: dict[str, str]) -> None:
        self.name = name
        command = [python, str(HERE / "rdd_cases.py"), name]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.process = subprocess.Popen(command, env={**os.environ, **environment}, **pipes)
        self.peak = 0

    def run(self, case: str) -> dict:
        self.peak = 0
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(done,), daemon=True)
        watcher.start()
        self.process.stdin.write(case + "\n")
        self.process.stdin.flush()
        try:
            for line in self.process.stdout:
                if line.startswith("ANSWER "):
                    return json.loads(line.removeprefix("ANSWER "))
        finally:
            done.set()
            watcher.join()
        raise SystemExit(f"{self.name} ended during {case!r}")

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def _watch(self, done: threading.Event) -> None:
        while not done.wait(0.1):
            self.peak = max(self.peak, tree_memory(self.process.pid))


def tree_memory(pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.Error:
        pass  # A process that ended while we looked has no memory.
    return total


def write_text(path: Path, megabytes: float) -> None:
    """Words of a skewed vocabulary, about 5.8 bytes each with their blank, 12 a line."""
    rng = random.Random(1)
    vocabulary = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 8))) for _ in range(20_000)]
    weights = [1 / (rank + 10) for rank in range(len(vocabulary))]
    lines = "".join(" ".join(rng.choices(vocabulary, weights, k=12)) + "\n" for _ in range(20_000))
    with path.open("w") as file:
        for _ in range(max(1, round(megabytes * 1e6 / len(lines)))):
            file.write(lines)


def measure(engines: list[Engine], case: str, rounds: int) -> dict[str, tuple[float, int]]:
    seconds: dict[str, list[float]] = {engine.name: [] for engine in engines}
    peaks = dict.fromkeys(seconds, 0)
    digests = {}
    for _ in range(rounds):
        for engine in engines:
            answer = engine.run(case)
            if answer["seconds"] is not None:
                seconds[engine.name].append(answer["seconds"])
                peaks[engine.name] = max(peaks[engine.name], engine.peak)
                digests[engine.name] = answer["digest"]
    if any(found != digests["ours"] for found in digests.values()):
        raise SystemExit(f"{case}: the engines disagree: {digests}")
    return {name: (statistics.median(times), peaks[name]) for name, times in seconds.items() if times}


def report(case: str, figures: dict[str, tuple[float, int]]) -> None:
    ours = figures["ours"][0]
    cells = [f"{case:22}"]
    for name, (seconds, peak) in figures.items():
        ratio = "" if name == "ours" else f" ({seconds / ours:5.2f}x)"
        cells.append(f"{name} {seconds:7.3f} s{ratio} {peak / 2**20:6.0f} MiB")
    print("  |  ".join(cells), flush=True)


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
            engine.run("200 empty tasks")
        ratios = []
        for case in [each for each in ALL if arguments.only in each]:
            figures = measure(engines, case, arguments.rounds)
            report(case, figures)
            if "pyspark" in figures:
                ratios.append(figures["pyspark"][0] / figures["ours"][0])
        if ratios:
            print(f"geometric mean against pyspark: {math.exp(statistics.mean(map(math.log, ratios))):.2f}x")
        for engine in engines:
            engine.close()


if __name__ == "__main__":
    main()
