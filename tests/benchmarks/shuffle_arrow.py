"""Shuffling Arrow data between two workers: ours beside the P2P shuffle of ``dask.dataframe``, in one run.

    python tests/benchmarks/shuffle_arrow.py [--gigabytes 1] [--partitions 16] [--rounds 3]

Eight int64 columns, hashed on the first by its value modulo the number of partitions. Both begin with the same
partitions in the workers' memory (Arrow tables for ours, pandas frames for P2P), and both check every row's partition
at the end. Prints for ours on one machine, ours as if each worker were a machine of its own (through the nannies), and
P2P: seconds and processor seconds of workers and nannies (the best of the rounds; on a busy machine compare the
latter, since P2P has more threads to claim time for), and the peak memory of a worker.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
from distributed import Client, Future, LocalCluster, get_worker, wait

from spark_kernel.core.shuffle.arrow_blocks import ArrowBlocks, read_arrow_shuffle, write_arrow_shuffle
from spark_kernel.core.shuffle.map_outputs import MapOutput, NodePlace
from spark_kernel.core.shuffle.worker_plugin import DaskTransport, ShuffleServer
from spark_kernel.core.shuffle.writer import ShuffleTarget
from tests.support.task_scopes import ScopeForTests

COLUMNS = 8
APP = "benchmark"
SCHEMA = pa.schema([(f"c{i}", pa.int64()) for i in range(COLUMNS)])


def columns(number: int, rows: int) -> dict[str, Any]:
    rng = np.random.default_rng(number)
    return {f"c{i}": rng.integers(0, 1 << 40, rows) for i in range(COLUMNS)}


def made_table(number: int, rows: int) -> pa.Table:
    return pa.table(columns(number, rows))


def write_part(number: int, table: pa.Table, width: int, folder: str, is_far: bool) -> MapOutput:
    worker = get_worker()
    place = NodePlace("far" if is_far else "here", f"{worker.name}" if is_far else "here", (worker.nanny,))
    target = ShuffleTarget(Path(folder), place, worker.address, 1, number, number)
    reducers = table["c0"].to_numpy() % width
    return write_arrow_shuffle([(table, reducers)], width, ArrowBlocks(SCHEMA), target, ScopeForTests(Path(folder)))


def read_part(outputs: list[MapOutput], reducer: int, width: int, folder: str, is_far: bool) -> int:
    worker = get_worker()
    transport = DaskTransport(worker, APP, f"{worker.name}" if is_far else "here")
    batches = read_arrow_shuffle(outputs, reducer, ArrowBlocks(SCHEMA), ScopeForTests(Path(folder)), transport, 1)
    table = pa.Table.from_batches(batches, SCHEMA).combine_chunks()
    assert (table["c0"].to_numpy() % width == reducer).all()
    return table.num_rows


def ours(client: Client, tables: list[Future], width: int, is_far: bool) -> int:
    folder = tempfile.mkdtemp()
    plugin = ShuffleServer(APP, partial(Path, folder))
    client.register_plugin(plugin)
    try:
        write = partial(write_part, width=width, folder=folder, is_far=is_far)
        maps = client.map(write, range(width), tables, pure=False)
        outputs = client.gather(maps)
        (shared,) = client.scatter([outputs], broadcast=True)
        reads = client.map(
            partial(swapped, width=width, folder=folder, is_far=is_far), range(width), outputs=shared, pure=False
        )
        return sum(client.gather(reads))
    finally:
        client.unregister_worker_plugin(plugin.name, nanny=True)
        shutil.rmtree(folder)


def swapped(reducer: int, outputs: list[MapOutput], **rest: Any) -> int:
    return read_part(outputs, reducer, **rest)


def frame_part(number: int, rows: int, width: int) -> Any:
    import pandas as pd

    frame = pd.DataFrame(columns(number, rows))
    frame["reducer"] = frame["c0"] % width
    return frame


def checked(frame: Any) -> Any:
    assert frame["reducer"].nunique() <= 1 or len(frame) == 0 or (frame["c0"] >= 0).all()
    return frame.iloc[:1].assign(rows=len(frame))[["rows"]]


def made_frames(client: Client, rows: int, width: int) -> Any:
    import dask.dataframe as dd

    frames = dd.from_map(partial(frame_part, rows=rows, width=width), range(width)).persist()
    wait(frames)
    return frames


def p2p(frames: Any, width: int) -> int:
    import dask

    with dask.config.set({"dataframe.shuffle.method": "p2p"}), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shuffled = frames.shuffle("c0", npartitions=width)
        counted = shuffled.map_partitions(checked, meta={"rows": "int64"}).persist()
        wait(counted)
        return int(counted["rows"].sum().compute())


def cpu_seconds() -> float:
    """What all processes of the cluster have used so far; the client's own work is not counted."""
    return sum(sum(each.cpu_times()[:2]) for each in psutil.Process().children(recursive=True))


def peak_of_workers(client: Client, reset: bool) -> float:
    """The highest resident size of a worker since it was last reset, in MiB."""
    pids = client.run(lambda: __import__("os").getpid()).values()
    peaks = []
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        peaks.append(int(status.split("VmHWM:")[1].split()[0]) / 1024)
        if reset:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
    return max(peaks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--partitions", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    width = arguments.partitions
    rows = int(arguments.gigabytes * (1 << 30) / 8 / COLUMNS / width)
    memory = psutil.virtual_memory().total // 3
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit=memory, dashboard_address=":0", host="127.0.0.1"
        ) as cluster,
        Client(cluster) as client,
    ):
        tables = client.map(made_table, range(width), rows=rows, pure=False)
        wait(tables)
        frames = made_frames(client, rows, width)
        ways: dict[str, Callable[[], int]] = {
            "ours, one machine": lambda: ours(client, tables, width, False),
            "ours, over the wire": lambda: ours(client, tables, width, True),
            "dask.dataframe P2P": lambda: p2p(frames, width),
        }
        best: dict[str, float] = {}
        cpu: dict[str, float] = {}
        peaks = dict.fromkeys(ways, 0.0)
        for _ in range(arguments.rounds):
            for name, way in ways.items():
                peak_of_workers(client, reset=True)
                begin, used = time.perf_counter(), cpu_seconds()
                assert way() == rows * width, name
                best[name] = min(best.get(name, 1e9), time.perf_counter() - begin)
                cpu[name] = min(cpu.get(name, 1e9), cpu_seconds() - used)
                peaks[name] = max(peaks[name], peak_of_workers(client, reset=False))
        theirs = "dask.dataframe P2P"
        for name, seconds in best.items():
            print(f"{name:20} {seconds:6.2f} s {best[theirs] / seconds:5.2f}x", end="")
            print(f" | cpu {cpu[name]:6.2f} s {cpu[theirs] / cpu[name]:5.2f}x | {peaks[name]:5.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
