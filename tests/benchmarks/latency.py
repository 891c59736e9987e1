"""How soon there is a first result, how long the smallest job takes, and how soon a cancelled one is gone.

    python tests/benchmarks/latency.py [--pyspark PYTHON] [--rounds 5]

Start-up: from starting the kernel process to the first result of a small RDD job in it; PySpark's in an ordinary Python
kernel (its environment needs ipykernel, too). Tiny job: a collect over 2 partitions in local[2], beside two bare Dask
tasks on 2 single-threaded workers, and PySpark. Cancel: from cancelling two tasks that never end to the result of the
next job in their slots, beside PySpark. Prints one line a case: name, ours, peer, ratio.
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

CANCEL_OURS = """
import glob, json, os, tempfile, threading, time
from spark_kernel.core.context import SparkContext
folder = tempfile.mkdtemp()
def spin(partition):
    open(os.path.join(folder, str(partition)), "w").close()
    while True:
        partition += 1
def endless():
    try:
        sc.parallelize(range(2), 2).map(spin).count()
    except Exception:
        pass
with SparkContext("local[2]", "latency") as sc:
    thread = threading.Thread(target=endless)
    thread.start()
    while len(glob.glob(os.path.join(folder, "*"))) < 2:
        time.sleep(0.01)
    begin = time.perf_counter()
    sc.cancelAllJobs()
    thread.join()
    sc.parallelize(range(2), 2).map(lambda x: x).collect()
    print(json.dumps(time.perf_counter() - begin))
"""
CANCEL_PYSPARK = CANCEL_OURS.replace("spark_kernel.core.context", "pyspark")


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
    few = max(1, arguments.rounds // 2)
    compare("tiny job, 2 partitions", few, arguments.pyspark, TINY_OURS, TINY_PYSPARK, TINY_DASK)
    compare("cancel, then next job", few, arguments.pyspark, CANCEL_OURS, CANCEL_PYSPARK)


def compare(case: str, rounds: int, pyspark: str | None, ours: str, theirs: str, bare_dask: str | None = None) -> None:
    """Run the programs in turns, ``rounds`` times, and print the medians of what they say."""
    programs = {"ours": (sys.executable, ours)}
    if bare_dask is not None:
        programs["two bare dask tasks"] = (sys.executable, bare_dask)
    if pyspark is not None:
        programs["pyspark"] = (pyspark, theirs)
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            times[name].append(run_program(*program))
    medians = {name: statistics.median(each) for name, each in times.items()}
    report(case, medians.pop("ours"), medians)


if __name__ == "__main__":
    main()
