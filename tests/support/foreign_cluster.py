"""A Dask cluster that is not ours, for tests of ``dask://``: a scheduler and workers in other processes.

Run with one JSON argument, it serves until its input is closed, and says its address as one line first:

    workers    number of worker processes under a nanny
    bare       number of workers without a nanny, in the scheduler's process
    preload    Python code that each worker runs at its start
    late       seconds after which the workers come
    resources  what each worker has, such as {"GPU": 2}
    tls        folder with ca.pem and key.pem: speak TLS
    variables  of the environment of all its processes
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def foreign_cluster(**options: Any) -> Iterator[str]:
    """The address of a running cluster."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.foreign_cluster", json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **options.get("variables", {})},
        cwd=Path(__file__).parent.parent.parent,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


async def serve(options: dict[str, Any]) -> None:
    import distributed

    with tempfile.TemporaryDirectory() as folder:
        preload = Path(folder) / "at_start.py"
        preload.write_text(options.get("preload", ""))
        security = None
        if "tls" in options:
            files = {"ca_file": "ca.pem", "cert": "ca.pem", "key": "key.pem"}
            paths = {name: str(Path(options["tls"]) / file) for name, file in files.items()}
            roles = {f"tls_{role}_{kind}": paths[kind] for role in ("scheduler", "worker") for kind in ("cert", "key")}
            security = distributed.Security(tls_ca_file=paths["ca_file"], require_encryption=True, **roles)
        common: dict[str, Any] = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "security": security}
        workers: dict[str, Any] = {"nthreads": 2, "memory_limit": 0, "local_directory": folder, **common}
        async with distributed.Scheduler(port=0, protocol="tls" if security else "tcp", **common) as scheduler:
            sys.stdout.write(scheduler.address + "\n")
            sys.stdout.flush()
            await asyncio.sleep(options.get("late", 0))
            kinds = [distributed.Nanny] * options.get("workers", 0) + [distributed.Worker] * options.get("bare", 0)
            workers["resources"] = options.get("resources")
            servers = [kind(scheduler.address, preload=[str(preload)], **workers) for kind in kinds]
            await asyncio.gather(*servers)
            await asyncio.to_thread(sys.stdin.read)
            await asyncio.gather(*(server.close() for server in servers))


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
