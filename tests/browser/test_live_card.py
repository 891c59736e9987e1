"""A cell runs in our kernel: its card goes along with it, can cancel it, and stays."""

from __future__ import annotations

import re

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tests.support.jupyter_lab import LabServer, wait_until
from tests.support.notebook_page import CARD, NotebookPage

# Long enough to be seen running on a busy machine.
SLOW = """%%spark --master local[2] --name "slow counts"
import time
def slowly(x):
    time.sleep(0.4)
    return x % 3, 1
counts = sc.parallelize(range(24), 12).map(slowly).reduceByKey(lambda a, b: a + b)
sorted(counts.collect())"""

# Ends when the file is there.
HELD = """%%spark --master local[2] --name "held"
import os, time
def wait(x):
    while not os.path.exists({file!r}):
        time.sleep(0.05)
    return x
sc.parallelize(range(4), 4).map(wait).count()"""

ENDLESS = """%%spark --master local[2] --name "endless"
import time
def stuck(x):
    time.sleep(3600)
    return x
sc.parallelize(range(4), 4).map(stuck).count()"""

LIVE = ".jp-OutputArea-output .sk-live"


def notebook(*cells: str) -> nbformat.NotebookNode:
    kernelspec = {"name": "spark", "display_name": "Spark (Dask)", "language": "python"}
    return new_notebook(cells=[new_code_cell(cell) for cell in cells], metadata={"kernelspec": kernelspec})


def tasks_done(page: NotebookPage) -> int:
    """What the running card says of the whole run, 0 while it says nothing."""
    told = re.search(r"(\d+)/24 tasks", page.output(0))
    return int(told[1]) if told else 0


def test_the_card_goes_along_with_the_run_and_stays_when_the_page_is_loaded_again(
    page: NotebookPage, lab: LabServer
) -> None:
    name = lab.write_notebook("slow.ipynb", notebook(SLOW))
    page.open_with_kernel(name)
    page.run_all_cells()
    page.wait_for(f"{LIVE} svg .sk-step", seconds=60.0)
    early = wait_until("a task is done", lambda: tasks_done(page), 60.0)
    wait_until("more tasks are done", lambda: tasks_done(page) > early, 60.0)
    assert page.all(CARD) == [], "the run is over before it was seen running"
    assert page.all(f"{LIVE} .sk-step")
    page.screenshot("running-card")

    finished = page.text(f"{CARD} .spk-header", seconds=60.0)
    assert re.match(r"slow counts Succeeded [\d.]+ m?s 1 job 2 stages 24 tasks", finished)
    assert page.all(LIVE) == [], "the live card is still there beside the finished one"
    wait_until("the result", lambda: page.output(0).endswith("[(0, 8), (1, 8), (2, 8)]"))
    page.screenshot("finished-card")

    page.save()
    page.open_with_kernel(name)
    assert page.text(f"{CARD} .spk-header") == finished
    assert "Error displaying widget" not in page.output(0)


def test_a_page_that_is_loaded_again_in_the_middle_of_a_run_gets_its_card(page: NotebookPage, lab: LabServer) -> None:
    finish = lab.notebooks / "finish"
    name = lab.write_notebook("held.ipynb", notebook(HELD.format(file=str(finish))))
    page.open_with_kernel(name)
    page.run_all_cells()
    page.wait_for(f"{LIVE} svg .sk-step", seconds=60.0)
    page.save()
    page.open_with_kernel(name)
    finish.touch()
    wait_until("the finished card", lambda: re.match(r"✓ held · .* 4/4", page.output(0)), 90.0)
    page.screenshot("card-after-reload")
    assert "Error displaying widget" not in page.output(0)


def test_cancel_ends_the_run_and_leaves_the_kernel_usable(page: NotebookPage, lab: LabServer) -> None:
    page.open_with_kernel(lab.write_notebook("endless.ipynb", notebook(ENDLESS, "sc.parallelize(range(10)).sum()")))
    page.run_all_cells()
    page.wait_for(f"{LIVE} svg .sk-step", seconds=60.0)
    wait_until("tasks run", lambda: "2 running" in page.output(0), 60.0)
    page.screenshot("running-card-to-be-cancelled")
    page.press("Cancel")
    header = page.text(f"{CARD} .spk-header", seconds=60.0)
    assert header.startswith("endless Cancelled")
    page.screenshot("cancelled-card")
    assert page.output(1) == "", "the next queued cell did not stop"
    page.run_cell(1)
    wait_until("the kernel computes again", lambda: page.output(1).endswith("45"), 60.0)
