"""`spark-kernel run`: executes a notebook in our own kernel, prints it as it goes, and writes it down executed.

The first Ctrl-C interrupts the running cell, whose jobs are cancelled; a second one ends the kernel. Whatever happens,
what has been executed so far is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient.client import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from spark_kernel.common.errors import DecodeError, PathNotFoundError, StorageError
from spark_kernel.notebook.html_page import html_page
from spark_kernel.notebook.kernel_specs import KERNEL_NAME, OwnKernelSpecs
from spark_kernel.notebook.terminal_output import TerminalOutput

SUCCEEDED, FAILED, INTERRUPTED = 0, 1, 130
"""Exit statuses."""

_KERNEL_OPTIONS = [
    # Each picture is complete before the next cell begins.
    "--SparkKernel.settings=spark.kernel.card.patience=30",
    # The kernel's own log would stand between the outputs.
    "--log-level=ERROR",
]


def read_notebook(path: Path) -> Any:
    """The notebook at ``path``.

    Raises PathNotFoundError, StorageError, and DecodeError when it is not a notebook.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PathNotFoundError(f"There is no notebook {path}. Check the path; it ends in .ipynb.") from None
    except UnicodeDecodeError as error:
        raise DecodeError(f"{path} is not a notebook: byte {error.start} is not UTF-8.") from None
    except OSError as error:
        raise StorageError(
            f"{path} can't be read: {error.strerror}. A notebook is a file that ends in .ipynb."
        ) from None
    try:
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except nbformat.reader.NotJSONError:
        raise DecodeError(f"{path} is not a notebook: it is not JSON. Save it from Jupyter again.") from None
    except (nbformat.ValidationError, AttributeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DecodeError(f"{path} is JSON, but not a notebook: {reason}") from None
    return notebook


def default_folder(path: Path, now: float | None = None) -> Path:
    """Where the executed notebook goes when nobody says: ``spark-kernel-runs/<name>-<time>`` here."""
    return Path("spark-kernel-runs") / f"{path.stem}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}"


def run_notebook(path: Path, folder: Path | None = None, timeout: int | None = None) -> int:
    """Execute the notebook and write it as ``.ipynb`` and ``.html`` into ``folder``; returns the exit status.

    ``timeout`` is in seconds per cell. Raises what `read_notebook` raises, and StorageError when it can't be written.
    """
    notebook = read_notebook(path)
    folder = default_folder(path) if folder is None else folder
    _make(folder)
    terminal = TerminalOutput(sys.stdout, *shutil.get_terminal_size())
    outcome = asyncio.run(NotebookRun(notebook, path, terminal, timeout).execute())
    executed, page = folder / path.name, folder / f"{path.stem}.html"
    nbformat.write(notebook, executed)
    page.write_text(html_page(notebook, path.stem, str(path.parent)), encoding="utf-8")
    if outcome.message:
        terminal.line(outcome.message)
    terminal.line(f"Executed notebook: {executed}\nSelf-contained page: {page}")
    return outcome.status


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder {folder} can't be made: {error.strerror}. Name another one with -o.") from None


@dataclass(frozen=True)
class Outcome:
    """How the execution of a notebook ended."""

    status: int
    message: str = ""


class PrintingClient(NotebookClient):  # type: ignore[misc, unused-ignore]
    """Executes cells, and prints what the kernel sends as it comes."""

    terminal: TerminalOutput

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Print the message and take it into the notebook."""
        self.terminal.message(msg["msg_type"], msg["content"])
        return super().process_message(msg, cell, cell_index)


class NotebookRun:
    """One execution of a notebook."""

    def __init__(self, notebook: Any, path: Path, terminal: TerminalOutput, timeout: int | None) -> None:
        self._notebook = notebook
        self._terminal = terminal
        self._folder = str(path.resolve().parent)
        self._manager = AsyncKernelManager(kernel_name=KERNEL_NAME, kernel_spec_manager=OwnKernelSpecs())
        self._client = PrintingClient(
            notebook,
            km=self._manager,
            timeout=timeout,
            store_widget_state=False,
            extra_arguments=list(_KERNEL_OPTIONS),
        )
        self._client.terminal = terminal
        self._interrupts = 0
        self._main: asyncio.Task[Any] | None = None
        self._background: set[asyncio.Task[Any]] = set()

    async def execute(self) -> Outcome:
        """Execute every cell until one fails; the kernel is gone afterwards."""
        self._main = asyncio.current_task()
        with self._handling_interrupts():
            try:
                await self._client.async_start_new_kernel(cwd=self._folder)
                await self._client.async_start_new_kernel_client()
                return await self._execute_cells()
            except asyncio.CancelledError:
                return Outcome(INTERRUPTED, "Interrupted.")
            except RuntimeError as error:
                return Outcome(FAILED, f"The kernel did not start: {error}")
            finally:
                await self._end_kernel()

    async def _execute_cells(self) -> Outcome:
        self._notebook.metadata["kernelspec"] = {
            "display_name": self._manager.kernel_spec.display_name,
            "language": "python",
            "name": KERNEL_NAME,
        }
        cells = [(index, cell) for index, cell in enumerate(self._notebook.cells) if _is_code(cell)]
        for number, (index, cell) in enumerate(cells, start=1):
            self._terminal.begin_cell(number, len(cells), cell.source)
            problem = await self._execute_cell(cell, index)
            self._terminal.end_cell()
            if problem is not None:
                status = INTERRUPTED if self._interrupts else FAILED
                return Outcome(status, f"Cell {number} of {len(cells)} {problem}")
        return Outcome(SUCCEEDED)

    async def _execute_cell(self, cell: Any, index: int) -> str | None:
        """Execute one cell; what is wrong with it, or None."""
        try:
            await self._client.async_execute_cell(cell, index)
        except CellExecutionError as error:
            message = str(error.evalue).partition("\n")[0]
            return f"failed: {error.ename}: {message}" if message else f"failed: {error.ename}"
        except CellTimeoutError:
            return f"took longer than {self._client.timeout} s. Give it more time with --timeout."
        except DeadKernelError:
            return "ended the kernel."
        return None

    async def _end_kernel(self) -> None:
        client, self._client.kc = self._client.kc, None
        if client is not None:
            client.stop_channels()
        if self._manager.has_kernel:
            await self._manager.shutdown_kernel(now=self._interrupts > 1)

    @contextlib.contextmanager
    def _handling_interrupts(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._interrupted, number)
        try:
            yield
        finally:
            for number in signals:
                with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                    loop.remove_signal_handler(number)

    def _interrupted(self, number: signal.Signals) -> None:
        self._interrupts += 1
        is_running = self._client.kc is not None
        if self._interrupts == 1 and number == signal.SIGINT and is_running:
            self._terminal.line("Interrupting the cell; Ctrl-C again ends the kernel.")
            task = asyncio.ensure_future(self._manager.interrupt_kernel())
            self._background.add(task)
            task.add_done_callback(self._background.discard)
        elif self._main is not None:
            self._main.cancel()


def _is_code(cell: Any) -> bool:
    return bool(cell.cell_type == "code" and cell.source.strip())
