"""A driver for the tests that kill it: starts the cluster of its first argument, and does what it is told.

Says one JSON object a line: first what it started, then an answer to each command.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import distributed

from spark_kernel.resource_managers.interface import ClusterAddress
from spark_kernel.resource_managers.registry import resource_manager
from spark_kernel.resource_managers.supervised_manager import SupervisedManager
from tests.support.clusters import application, until


def say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def start_child() -> int:
    """A process beside the worker, as a function of a user may start it."""
    import subprocess

    return subprocess.Popen(["sleep", "600"]).pid


def hold_the_interpreter_lock(begun: str) -> None:
    """Minutes of C code that neither yields nor can be interrupted; makes the file ``begun`` before."""
    import re

    Path(begun).touch()
    re.match(r"(a+)+$", "a" * 60 + "b")


class Commands:
    def __init__(self, manager: SupervisedManager, cluster: ClusterAddress, scratch: Path) -> None:
        self.manager = manager
        self.scratch = scratch
        self.client = distributed.Client(cluster.address, set_as_default=False)
        self.client.wait_for_workers(cluster.expected_workers, timeout=30)

    def workers(self) -> dict[str, int]:
        return self.client.run(os.getpid)

    def task(self) -> int:
        return self.client.submit(sum, [1, 2, 3], pure=False).result(timeout=20)

    def child(self) -> int:
        return self.client.submit(start_child, pure=False).result(timeout=20)

    def hog(self) -> bool:
        begun = self.scratch / "begun"
        distributed.fire_and_forget(self.client.submit(hold_the_interpreter_lock, str(begun), pure=False))
        return bool(until(begun.exists, "the function's begin", 20))

    def fork(self) -> int:
        """A child that keeps all that the driver has open, and outlives it."""
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        return pid

    def stop(self) -> bool:
        self.client.close()
        self.manager.stop()
        return True

    def exit(self) -> None:
        sys.exit(0)


def main() -> None:
    manager = resource_manager(sys.argv[1])
    assert isinstance(manager, SupervisedManager)
    mine = application()
    cluster = manager.start(mine)
    commands = Commands(manager, cluster, mine.scratch)
    processes = manager.describe()["processes"]
    say(supervisor=processes["supervisor"], scratch=str(mine.scratch), address=cluster.address, pid=os.getpid())
    while True:
        try:
            line = sys.stdin.readline()
            if not line:
                return
            command: Callable[[], Any] = getattr(commands, line.strip())
            say(value=command())
        except KeyboardInterrupt:
            say(interrupted=True)


if __name__ == "__main__":
    main()
