"""What cells without a magic get of the notebook layer: in our kernel, and after ``%load_ext`` elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spark_kernel.common.errors import ClusterError, ContextError
from spark_kernel.notebook.cell_compiler import HOOK
from tests.support.notebooks import Notebook, notebook


@pytest.fixture
def kernel() -> Iterator[Notebook]:
    with notebook() as opened:
        yield opened


@pytest.fixture
def other() -> Iterator[Notebook]:
    with notebook(every_cell=False) as opened:
        yield opened


def test_in_our_kernel_a_plain_cell_has_a_card(kernel: Notebook) -> None:
    kernel.run("words = sc.parallelize([1])\nn = words.count()")
    (card,) = kernel.cards
    model = card.model.to_json()
    assert [node["name"] for node in model["nodes"]] == ["words"]
    assert model["jobs"][0]["place"] == "cell [1], line 2"
    assert card.finished == [("succeeded", "")]


def test_a_plain_cell_without_jobs_has_none(kernel: Notebook) -> None:
    kernel.run("x = sc")
    kernel.run("x = 1")
    assert kernel.cards == []


def test_a_lazy_last_value_of_a_plain_cell_is_not_computed(kernel: Notebook) -> None:
    output = kernel.run("sc.parallelize([1])")
    assert "FakeRDD" in output.text
    assert kernel.cards == []


@pytest.mark.parametrize(("mode", "plain", "magic"), [("auto", 1, 1), ("magic", 0, 1), ("off", 0, 0)])
def test_the_card_setting_says_which_cells_have_one(mode: str, plain: int, magic: int) -> None:
    with notebook(settings={"spark.kernel.card": mode}) as cells:
        cells.run("n = sc.parallelize([1]).count()")
        assert len(cells.cards) == plain
        cells.run("%%spark\nn = sc.parallelize([1]).count()")
        assert len(cells.cards) == plain + magic


def test_a_failed_cell_fails_its_run(kernel: Notebook) -> None:
    kernel.run("n = sc.parallelize([1]).count()\n1 / 0")
    assert kernel.cards[0].finished == [("failed", "ZeroDivisionError: division by zero")]


def test_a_magic_inside_a_plain_cell_shares_its_card(kernel: Notebook) -> None:
    kernel.run(
        "get_ipython().run_cell_magic('spark', '', 'a = sc.parallelize([1]).count()')\nsc.parallelize([2]).count()"
    )
    (card,) = kernel.cards
    assert len(card.model.to_json()["jobs"]) == 2
    assert len(card.finished) == 1


def test_a_cell_that_runs_a_cell_has_one_card(kernel: Notebook) -> None:
    kernel.run("sc.parallelize([1]).count()\nget_ipython().run_cell('sc.parallelize([2]).count()')")
    assert len(kernel.cards) == 1


def test_a_cell_that_does_not_need_spark_does_not_wait_for_it(kernel: Notebook) -> None:
    kernel.run("x = 1 + 1")
    assert kernel.engine.opened == []


def test_elsewhere_sc_appears_when_a_cell_names_it(other: Notebook) -> None:
    other.run("x = 1")
    assert other.engine.opened == []
    other.run("n = sc.parallelize([1, 2]).count()")
    assert other.value("n") == 2


def test_elsewhere_plain_cells_have_no_card(other: Notebook) -> None:
    other.run("n = sc.parallelize([1, 2]).count()")
    assert other.cards == []


def test_a_variable_of_the_users_own_is_left_alone(other: Notebook) -> None:
    other.run("sc = 'mine'")
    other.run("%%spark\nx = 1")
    assert other.value("sc") == "mine"


def test_a_context_that_does_not_start_says_why_at_its_first_use(kernel: Notebook) -> None:
    kernel.engine.failure = ClusterError("no worker came up within 10 s.")
    output = kernel.run("n = sc.parallelize([1])")
    assert isinstance(output.error, ContextError)
    assert "no worker came up" in output.text
    assert "%spark start" in output.text
    kernel.engine.failure = None
    assert kernel.run("%spark start").error is None
    assert kernel.run("n = sc.parallelize([1]).count()").error is None


def test_a_context_that_the_user_makes_is_followed(kernel: Notebook) -> None:
    kernel.run("sc.stop()")
    kernel.run("engine = 1")
    kernel.shell.user_ns["engine"] = kernel.engine
    kernel.run("sc = engine.open_context('local[3]', {})")
    kernel.run("n = sc.parallelize([1]).count()")
    assert kernel.value("sc").master == "local[3]"
    assert len(kernel.cards) == 1


def test_functions_that_may_travel_are_left_as_they_are(kernel: Notebook) -> None:
    kernel.run("def clean(x):\n    y = str(x)\n    return y\nfast = lambda x: x")
    assert HOOK not in kernel.value("clean").__code__.co_names


def test_reset_does_not_break_later_cells(kernel: Notebook) -> None:
    kernel.run("def load():\n    rows = sc.parallelize([1])\n    return rows.keyBy(1) if False else rows")
    load = kernel.value("load")
    kernel.run("%reset -f")
    kernel.shell.user_ns["load"] = load
    output = kernel.run("n = load().count()")
    assert output.error is None


def test_unloading_takes_everything_away() -> None:
    import builtins

    with notebook() as cells:
        cells.run("n = sc.parallelize([1]).count()")
    assert cells.context.stopped
    assert not hasattr(builtins, HOOK)
    assert "spark" not in cells.shell.magics_manager.magics["cell"]
    assert cells.shell.ast_transformers == []
