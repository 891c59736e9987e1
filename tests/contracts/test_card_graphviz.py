"""Run cards against the real Graphviz: pictures of all sizes come to an end, and its process never stays behind.

Deadlines are generous: they prove that nothing hangs, not how fast it is.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from spark_kernel.notebook.card.bundle import final_bundle, make_pictures
from spark_kernel.notebook.card.layout import Layout, LayoutCache, lay_out
from spark_kernel.notebook.card.layout_client import GraphvizError, GraphvizMissing, GraphvizProcess, GraphvizTimeout
from spark_kernel.notebook.card.picture import Picture
from spark_kernel.notebook.card.png import MOST_BYTES
from spark_kernel.notebook.card.run_json import MIME
from tests.support.run_events import (
    RunEvents,
    dense_lineage,
    failed_run,
    join_with_skipped_stage,
    long_lineage,
    rounds_over_cached_links,
    snapshot,
    word_count,
)

REPOSITORY = Path(__file__).parent.parent.parent
# 500 nodes that each read three others: dot does not lay this out within minutes.
ENDLESS = "digraph {\n" + "".join(
    f"{i} -> {{{(i * 7 + 1) % 500} {(i * 13 + 5) % 500} {(i * 29 + 11) % 500}}}\n" for i in range(500)
)
ENDLESS += "}"


@pytest.fixture(scope="module")
def graphviz() -> Iterator[GraphvizProcess]:
    process = GraphvizProcess()
    yield process
    process.stop()


def placed(run: RunEvents, graphviz: GraphvizProcess) -> tuple[Picture, Layout]:
    found = lay_out(snapshot(run), graphviz=graphviz, cache=LayoutCache(), seconds=10.0)
    assert found is not None
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_rounds_stand_beside_each_other_in_their_order(graphviz: GraphvizProcess) -> None:
    picture, layout = placed(rounds_over_cached_links(12), graphviz)
    assert picture.detail == "steps"
    places = [rect.x for rect in layout.boxes]
    assert all(before.x + before.width < after.x for before, after in pairwise(layout.boxes)), places


@pytest.mark.parametrize("make", [word_count, join_with_skipped_stage, failed_run])
def test_every_part_of_a_picture_gets_a_place_inside(make: Callable[[], RunEvents], graphviz: GraphvizProcess) -> None:
    picture, layout = placed(make(), graphviz)
    assert (len(layout.boxes), len(layout.steps)) == (len(picture.boxes), len(picture.steps))
    for rect in (*layout.boxes, *layout.steps):
        assert 0 <= rect.x <= rect.x + rect.width <= layout.width + 1
        assert 0 <= rect.y <= rect.y + rect.height <= layout.height + 1


@pytest.mark.parametrize("make", [word_count, join_with_skipped_stage, lambda: dense_lineage(40)])
def test_steps_stand_in_their_box_and_not_on_each_other(
    make: Callable[[], RunEvents], graphviz: GraphvizProcess
) -> None:
    picture, layout = placed(make(), graphviz)
    steps = iter(layout.steps)
    for box, around in zip(picture.boxes, layout.boxes, strict=True):
        for _ in box.steps:
            step = next(steps)
            assert around.x < step.x
            assert step.x + step.width < around.x + around.width
            assert around.y < step.y
            assert step.y + step.height < around.y + around.height
    for index, one in enumerate(layout.steps):
        for other in layout.steps[index + 1 :]:
            apart_x = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert apart_x or one.y + one.height <= other.y or other.y + other.height <= one.y


def test_links_between_stages_run_from_left_to_right(graphviz: GraphvizProcess) -> None:
    picture, layout = placed(join_with_skipped_stage(), graphviz)
    for link in picture.links:
        if link.kind == "shuffle" and link.source_box is not None and link.target_box is not None:
            source, target = layout.boxes[link.source_box], layout.boxes[link.target_box]
            assert source.x + source.width <= target.x


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "make",
    [
        lambda: long_lineage(1),
        lambda: long_lineage(300, 10),
        lambda: long_lineage(1000, 10),
        lambda: long_lineage(1000, 1000),
        lambda: long_lineage(1000, 2),
        lambda: dense_lineage(300),
        lambda: dense_lineage(500),
        lambda: dense_lineage(1000, 4),
    ],
)
def test_runs_of_every_size_become_a_card(make: Callable[[], RunEvents]) -> None:
    run, process = snapshot(make()), GraphvizProcess()
    try:
        bundle = final_bundle(run, make_pictures(run, process, LayoutCache(), seconds=2.0))
    finally:
        process.stop()
    assert bundle[MIME]["svg"] is not None
    assert len(json.dumps(bundle)) < 1_200_000


def test_the_png_is_one_and_small(graphviz: GraphvizProcess) -> None:
    pictures = make_pictures(snapshot(join_with_skipped_stage()), graphviz, LayoutCache(), seconds=20.0)
    assert pictures.png is not None
    assert pictures.png.startswith(b"\x89PNG")
    assert len(pictures.png) <= MOST_BYTES


def test_the_same_run_gets_the_same_bundle_from_two_processes() -> None:
    bundles = []
    for _ in range(2):
        process = GraphvizProcess()
        run = snapshot(join_with_skipped_stage())
        bundles.append(json.dumps(final_bundle(run, make_pictures(run, process, LayoutCache(), seconds=20.0))))
        process.stop()
    assert bundles[0] == bundles[1]


def test_a_layout_without_end_is_killed_and_the_next_one_works(graphviz: GraphvizProcess) -> None:
    graphviz.start()
    assert graphviz._process is not None
    pid = graphviz._process.pid
    with pytest.raises(GraphvizTimeout, match=r"more than 0\.5 s"):
        graphviz.ask(ENDLESS, "dot", "json0", 0.5)
    assert wait_until(lambda: not is_running(pid))
    assert graphviz.ask("digraph { a -> b }", "dot", "json0", 20.0).startswith(b"{")


def test_a_graph_that_graphviz_refuses_does_not_end_its_process(graphviz: GraphvizProcess) -> None:
    with pytest.raises(GraphvizError, match="can't draw"):
        graphviz.ask("digraph { a -> ", "dot", "json0", 20.0)
    assert graphviz.ask("digraph { a -> b }", "dot", "json0", 20.0)


def test_a_process_that_was_killed_is_replaced(graphviz: GraphvizProcess) -> None:
    graphviz.start()
    assert graphviz._process is not None
    os.kill(graphviz._process.pid, signal.SIGKILL)
    graphviz._process.wait(20)
    assert graphviz.ask("digraph { a -> b }", "dot", "json0", 20.0)


def test_a_forked_copy_of_the_kernel_leaves_the_process_alone() -> None:
    code = """
import os, sys
from spark_kernel.notebook.card.layout_client import GRAPHVIZ
GRAPHVIZ.start()
pid = GRAPHVIZ._process.pid
child = os.fork()
if child == 0:
    sys.exit(0)  # With atexit handlers, as a plain fork does.
os.waitpid(child, 0)
print(GRAPHVIZ.ask("digraph { a }", "dot", "json0", 20.0)[:1], GRAPHVIZ._process.pid == pid)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.stdout == "b'{' True\n", done.stderr


def test_what_graphviz_prints_does_not_reach_the_notebook(capfd: pytest.CaptureFixture[str]) -> None:
    process = GraphvizProcess()
    process.ask("digraph { a [shape=nonesuch fontname=nonesuch] }", "dot", "png", 20.0)
    process.stop()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dot", ["digraph { a }", ENDLESS], ids=["idle", "busy"])
def test_the_process_ends_when_the_kernel_is_killed(dot: str) -> None:
    code = f"""
import sys, threading
from spark_kernel.notebook.card.layout_client import GRAPHVIZ
GRAPHVIZ.start()
# Said when the process is at work, if there is work.
threading.Timer(0.7, lambda: print(GRAPHVIZ._process.pid, flush=True)).start()
try:
    GRAPHVIZ.ask({dot!r}, "dot", "json0", 5.0)
except Exception:
    pass
threading.Event().wait()
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.kill()
        parent.wait(20)
        assert wait_until(lambda: not is_running(child), 20.0)


def test_a_users_module_of_the_same_name_is_not_loaded_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("html", "json", "base64", "pygraphviz"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    process = GraphvizProcess()
    assert process.start()
    process.stop()


def test_without_any_graphviz_the_reason_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # A package of that name that can't be imported, and no dot on the PATH.
    (tmp_path / "pygraphviz.py").write_text("raise ImportError('broken')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    process = GraphvizProcess()
    with pytest.raises(GraphvizMissing, match="pip install pygraphviz"):
        process.ask("digraph { a }", "dot", "json0", 20.0)
    process.stop()


def test_the_dot_program_serves_where_pygraphviz_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Stands in for the program: what matters is how it is called and what becomes of its answer.
    (tmp_path / "pygraphviz.py").write_text("raise ImportError('broken')")
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[1:], len(sys.stdin.read()))\n")
    program.chmod(0o755)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    process = GraphvizProcess()
    assert process.ask("digraph { a }", "dot", "json0", 20.0) == b"['-Kdot', '-Tjson0'] 13\n"
    assert process.engine == str(program)
    process.stop()
