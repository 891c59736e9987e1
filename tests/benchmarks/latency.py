"""How soon there is a first result, and how long the smallest job takes.

    python tests/benchmarks/latency.py [--pyspark PYTHON] [--rounds 5]

Start-up: from starting the kernel process to the first result of a small RDD job in it; PySpark's in an ordinary Python
kernel (its environment needs ipykernel, too). Tiny job: a collect over 2 partitions in local[2], beside two bare Dask
tasks on 2 single-threaded workers, and PySpark. Prints one line a case: name, ours, peer, ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.manager import KernelManager

FIRST_JOB = "print(sc.parallelize(range(10)).map(lambda x: x + 1).collect())"
PYSPARK_FIRST_JOB = f"from pyspark import SparkContext\nsc = SparkContext('local[2]')\n{FIRST_JOB}"
EXPECTED = str(list(range(1, 11)))
JOBS = 60

TINY = f"""
import json, statistics, time
def median(run, n={JOBS}):
    for _ in range(10):
        run()
    times = []
    for _ in range(n):
        begin = time.perf_counter(); run(); times.append(time.perf_counter() - begin)
    return statistics.median(times)
"""
TINY_OURS = f"""{TINY}
from spark_kernel.core.context import SparkContext
with SparkContext("local[2]", "latency") as sc:
    rdd = sc.parallelize(range(10), 2).map(lambda x: x + 1)
    print(json.dumps(median(lambda: rdd.collect())))
"""
TINY_PYSPARK = TINY_OURS.replace("spark_kernel.core.context", "pyspark")
TINY_DASK = f"""{TINY}
from operator import neg
from dask._task_spec import Task
from distributed import Client, LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        n = iter(range(10**9))
        def run():
            keys = [("tiny", next(n)), ("tiny", next(n))]
            client.get({{key: Task(key, neg, key[1]) for key in keys}}, keys)
        print(json.dumps(median(run)))
"""


def first_result(arguments: list[str], code: str) -> float:
    """Seconds from starting the kernel whose command line is given to the output of ``code``."""
    with tempfile.TemporaryDirectory() as folder:
        spec = {"argv": arguments, "display_name": "benchmark", "language": "python"}
        place = Path(folder) / "kernels" / "benchmark"
        place.mkdir(parents=True)
        (place / "kernel.json").write_text(json.dumps(spec))
        manager = KernelManager(kernel_name="benchmark")
        manager.kernel_spec_manager.kernel_dirs = [str(place.parent)]
        begin = time.perf_counter()
        manager.start_kernel(cwd=folder, stderr=subprocess.DEVNULL)
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=60)
            printed: list[str] = []

            def collect(message: dict) -> None:
                if message["msg_type"] == "stream":
                    printed.append(message["content"]["text"])

            reply = client.execute_interactive(code, timeout=120, output_hook=collect)
            seconds = time.perf_counter() - begin
            if EXPECTED not in "".join(printed):
                raise SystemExit(f"{arguments}: {reply['content']} {printed}")
            return seconds
        finally:
            client.stop_channels()
            manager.shutdown_kernel()


def run_program(python: str, program: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.py"
        path.write_text(program)
        done = subprocess.run([python, str(path)], capture_output=True, text=True, timeout=300, env={**os.environ})
        if done.returncode:
            raise SystemExit(f"{path.name} failed:\n{done.stderr[-3000:]}")
        return json.loads(done.stdout.splitlines()[-1])


def report(case: str, ours: float, peers: dict[str, float]) -> None:
    cells = [f"{case:24}", f"ours {ours:8.4f} s"]
    cells += [f"{name} {seconds:8.4f} s  ours is {ours / seconds:.2f} of it" for name, seconds in peers.items()]
    print("  |  ".join(cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pyspark", help="python of a virtual environment with pyspark and ipykernel")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    ours = [sys.executable, "-m", "spark_kernel.notebook.kernel", "-f", "{connection_file}"]
    theirs = [arguments.pyspark, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    times: dict[str, list[float]] = {"ours": [], "pyspark": []}
    for _ in range(arguments.rounds):
        times["ours"].append(first_result(ours, FIRST_JOB))
        if arguments.pyspark:
            times["pyspark"].append(first_result(theirs, PYSPARK_FIRST_JOB))
    medians = {name: statistics.median(each) for name, each in times.items() if each}
    report("kernel to first result", medians.pop("ours"), medians)
    tiny: dict[str, list[float]] = {"ours": [], "two bare dask tasks": [], "pyspark": []}
    for _ in range(max(1, arguments.rounds // 2)):
        tiny["ours"].append(run_program(sys.executable, TINY_OURS))
        tiny["two bare dask tasks"].append(run_program(sys.executable, TINY_DASK))
        if arguments.pyspark:
            tiny["pyspark"].append(run_program(arguments.pyspark, TINY_PYSPARK))
    medians = {name: statistics.median(each) for name, each in tiny.items() if each}
    report("tiny job, 2 partitions", medians.pop("ours"), medians)


if __name__ == "__main__":
    main()
