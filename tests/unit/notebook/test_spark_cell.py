"""What ``%%spark`` cells do, over a fake engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spark_kernel.common.call_sites import CELLS
from spark_kernel.common.errors import MasterUrlError, SettingsError
from tests.support.notebooks import Notebook, notebook


@pytest.fixture
def cells() -> Iterator[Notebook]:
    with notebook() as opened:
        yield opened


WORDS = """%%spark
lines = sc.parallelize(["to be", "or not"])
words = lines.flatMap(str.split)
"""


def test_sc_exists_in_the_first_cell(cells: Notebook) -> None:
    cells.run("%%spark\nrows = sc.parallelize([1, 2]).collect()")
    assert cells.value("rows") == [1, 2]


def test_datasets_carry_the_names_of_their_variables(cells: Notebook) -> None:
    cells.run(WORDS + "words.count()")
    names = [node["name"] for node in cells.cards[0].model.to_json()["nodes"]]
    assert names == ["lines", "words"]


def test_a_dataset_keeps_its_first_name(cells: Notebook) -> None:
    cells.run(WORDS + "again = words\nagain.count()")
    names = [node["name"] for node in cells.cards[0].model.to_json()["nodes"]]
    assert names == ["lines", "words"]


def test_every_job_of_a_cell_is_on_one_card(cells: Notebook) -> None:
    cells.run(WORDS + "words.count()\nlines.count()")
    (card,) = cells.cards
    assert card.shown == 1
    assert [job["name"] for job in card.model.to_json()["jobs"]] == ["count", "count"]
    assert card.finished == [("succeeded", "")]


def test_a_cell_that_starts_no_job_has_no_card(cells: Notebook) -> None:
    cells.run(WORDS)
    assert cells.cards == []


def test_call_sites_count_the_magic_as_line_one(cells: Notebook) -> None:
    cells.run(WORDS + "words.count()")
    model = cells.cards[0].model.to_json()
    assert [(node["cell"], node["line"]) for node in model["nodes"]] == [(1, 2), (1, 3)]
    assert model["jobs"][0]["place"] == "cell [1], line 4"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("%%spark\n\n\nn = sc.parallelize([1]).count()", 4),
        ("\n%%spark\nn = sc.parallelize([1]).count()", 3),
        ("%%time\n%%spark\nn = sc.parallelize([1]).count()", 3),
        ("%%spark\n%time \\\n  x = 1\nn = sc.parallelize([1]).count()", 4),
        ("%%spark\n    # indented\n    n = sc.parallelize([1]).count()", 3),
        ("%%spark\ndef go():\n    return sc.parallelize([1]).count()\nn = go()", 3),
    ],
)
def test_lines_are_those_that_the_user_sees(cells: Notebook, code: str, line: int) -> None:
    cells.run(code)
    assert cells.cards[0].model.to_json()["jobs"][0]["place"] == f"cell [1], line {line}"


def test_a_lazy_last_value_shows_its_first_rows(cells: Notebook) -> None:
    output = cells.run(WORDS + "words")
    (card,) = cells.cards
    assert [(job["name"], job["place"]) for job in card.model.to_json()["jobs"]] == [("preview", "cell [1], line 4")]
    (shown,) = output.displays
    assert shown["text/plain"] == "all 4 rows of words\n'to'\n'be'\n'or'\n'not'"
    assert "<table" in shown["text/html"]


def test_a_lazy_last_value_is_kept_like_any_result(cells: Notebook) -> None:
    cells.run(WORDS + "words")
    cells.run("n = Out[1].count()")
    assert cells.value("n") == 4


def test_a_semicolon_silences_the_last_value(cells: Notebook) -> None:
    output = cells.run(WORDS + "words;  # quiet")
    assert output.displays == []
    assert cells.cards == []


def test_other_last_values_are_shown_as_ipython_does(cells: Notebook) -> None:
    output = cells.run("%%spark\nsc.parallelize([1, 2]).collect()")
    assert output.text.strip() == "Out[1]: [1, 2]"
    assert cells.value("Out")[1] == [1, 2]


def test_line_magics_work(cells: Notebook) -> None:
    output = cells.run("%%spark\nfolder = %pwd\n%time n = sc.parallelize([1]).count()\nprint(type(folder), n)")
    assert "<class 'str'> 1" in output.text


def test_help_works_inside_a_cell(cells: Notebook) -> None:
    output = cells.run("%%spark\n?sc.parallelize\nx = 1")
    assert output.error is None
    assert cells.value("x") == 1


def test_top_level_await_is_refused_with_a_way_out(cells: Notebook) -> None:
    output = cells.run("%%spark\nran = True\nimport asyncio\nawait asyncio.sleep(0)")
    assert isinstance(output.error, SyntaxError)
    assert output.error.lineno == 4
    assert "plain cell" in str(output.error)
    assert "ran" not in cells.shell.user_ns


def test_a_syntax_error_names_the_cells_own_line(cells: Notebook) -> None:
    output = cells.run("%%spark\nx = 1\ny = = 2")
    assert isinstance(output.error, SyntaxError)
    assert output.error.lineno == 3
    assert "x" not in cells.shell.user_ns


def test_future_statements_hold_for_the_whole_cell(cells: Notebook) -> None:
    output = cells.run("%%spark\nfrom __future__ import annotations\ndef f(x: no_such_type): return x\nf(1)")
    assert output.error is None


def test_an_empty_cell_does_nothing(cells: Notebook) -> None:
    assert cells.run("%%spark").error is None
    assert cells.run("%%spark\n\n# nothing\n").error is None
    assert cells.cards == []


def test_a_cell_can_be_nothing_but_a_flag(cells: Notebook) -> None:
    cells.run("%%spark --master local[4]")
    assert cells.value("sc").master == "local[4]"


def test_the_cells_file_is_known_to_call_sites(cells: Notebook) -> None:
    cells.run("x = 0")
    cells.run("%%spark\ndef f(): pass")
    assert CELLS.cell_of(cells.value("f").__code__.co_filename) == 2


# -- flags -------------------------------------------------------------------------------------------------------


def test_o_hands_over_the_last_value(cells: Notebook) -> None:
    cells.run("%%spark -o result\nsc.parallelize([1, 2]).collect()")
    assert cells.value("result") == [1, 2]


def test_o_hands_over_a_lazy_dataset_too(cells: Notebook) -> None:
    cells.run("%%spark -o handed\nrdd = sc.parallelize([1, 2])\nrdd")
    assert cells.value("handed") is cells.value("rdd")


def test_o_takes_the_variable_that_the_last_line_assigns(cells: Notebook) -> None:
    cells.run("%%spark -o result\nn = sc.parallelize([1, 2]).count()")
    assert cells.value("result") == 2


def test_o_is_refused_before_anything_runs_when_there_is_no_value(cells: Notebook) -> None:
    output = cells.run("%%spark -o result\nran = True\nif ran:\n    pass")
    assert isinstance(output.error, SettingsError)
    assert "ran" not in cells.shell.user_ns


def test_name_is_the_title_of_the_card(cells: Notebook) -> None:
    cells.run("%%spark --name 'word count'\nsc.parallelize([1]).count()")
    assert cells.cards[0].title == "word count"


def test_the_title_is_the_cell_without_a_name(cells: Notebook) -> None:
    cells.run("%%spark\nsc.parallelize([1]).count()")
    assert cells.cards[0].title == "cell [1]"


def test_no_card_shows_none_and_still_records_the_run(cells: Notebook) -> None:
    cells.run("%%spark --no-card\nsc.parallelize([1]).count()")
    assert cells.cards == []
    assert cells.session.last_run is not None
    assert len(cells.session.last_run.model.to_json()["jobs"]) == 1


def test_limit_is_the_number_of_rows_in_a_preview(cells: Notebook) -> None:
    output = cells.run("%%spark --limit 2\nsc.parallelize([7, 8, 9])")
    assert output.displays[0]["text/plain"] == "first 2 rows of parallelize (more with --limit N)\n7\n8"


def test_limit_zero_draws_the_graph_and_computes_nothing(cells: Notebook) -> None:
    output = cells.run("%%spark --limit 0\nsc.parallelize([7, 8, 9])")
    (card,) = cells.cards
    assert output.displays == []
    assert card.model.to_json()["jobs"] == []
    assert len(card.model.to_json()["nodes"]) == 1
    assert card.shown == 1
    assert len(card.finished) == 1


@pytest.mark.parametrize("code", ["%%spark -h", "%%spark --help\n", "%%spark -h\nran = True"])
def test_help_lists_every_flag_and_runs_nothing(cells: Notebook, code: str) -> None:
    output = cells.run(code)
    for flag in ("--plan", "-o NAME", "--name TEXT", "--master URL", "--no-card", "--limit N", "-h"):
        assert flag in output.text
    assert "ran" not in cells.shell.user_ns


def test_an_unknown_flag_names_the_nearest_one(cells: Notebook) -> None:
    output = cells.run("%%spark --plam\nran = True")
    assert isinstance(output.error, SettingsError)
    assert output.text.splitlines()[0] == "SettingsError: %%spark has no flag --plam. Did you mean --plan?"
    assert "ran" not in cells.shell.user_ns


def test_master_moves_this_and_later_cells(cells: Notebook) -> None:
    cells.run("%%spark\nfirst = sc")
    cells.run("%%spark --master local[4]\nsecond = sc")
    cells.run("%%spark\nthird = sc")
    assert cells.value("first").stopped
    assert cells.value("second").master == "local[4]"
    assert cells.value("third") is cells.value("second")


def test_the_same_master_changes_nothing(cells: Notebook) -> None:
    cells.run("%%spark --master local[2]\nfirst = sc")
    cells.run("%%spark --master local[2]\nsecond = sc")
    assert cells.value("first") is cells.value("second")


def test_another_master_is_refused_while_jobs_run(cells: Notebook) -> None:
    cells.run("%%spark\nbefore = sc")
    cells.context._active[7] = (None, None)  # type: ignore[assignment]
    output = cells.run("%%spark --master local[4]\nx = 1")
    cells.context._active.clear()
    assert isinstance(output.error, SettingsError)
    assert "job 7" in output.text
    assert "%spark cancel" in output.text
    assert not cells.value("before").stopped


def test_a_wrong_master_leaves_the_application_as_it_is(cells: Notebook) -> None:
    cells.run("%%spark\nbefore = sc")
    output = cells.run("%%spark --master lokal[4]\nx = 1")
    assert isinstance(output.error, MasterUrlError)
    assert not cells.value("before").stopped


# -- --plan ------------------------------------------------------------------------------------------------------


def test_plan_draws_the_jobs_and_runs_none(cells: Notebook) -> None:
    cells.run("seen = []")
    output = cells.run(
        "%%spark --plan\nrdd = sc.parallelize([1]).map(seen.append)\nn = rdd.count()\nprint('after')\nm = n + 1\nm"
    )
    (card,) = cells.cards
    assert cells.value("seen") == []
    assert [job["outcome"] for job in card.model.to_json()["jobs"]] == ["planned"]
    assert card.finished == [("planned", "")]
    assert output.text.splitlines() == [
        "after",
        "Planned. Nothing ran.",
        "  line 3: count would run 1 stage with 2 tasks",
        "  line 5: not compiled, needs the result of line 3 (n)",
        "  line 6: not compiled, needs the result of line 3 (m)",
    ]
    assert {"n", "m"}.isdisjoint(cells.shell.user_ns)


def test_plan_does_not_compile_with_results_of_an_earlier_run(cells: Notebook) -> None:
    cells.run("n = 5")
    output = cells.run("%%spark --plan\nn = sc.parallelize([1]).count()\nprint('stale', n)")
    assert "stale" not in output.text
    assert "line 3: not compiled, needs the result of line 2 (n)" in output.text
    assert cells.value("n") == 5


def test_plan_draws_a_lazy_last_value(cells: Notebook) -> None:
    output = cells.run("%%spark --plan\nsc.parallelize([1]).map(str)")
    (card,) = cells.cards
    assert [stage["state"] for stage in card.model.to_json()["stages"]] == ["planned"]
    assert output.displays == []


def test_plan_draws_the_last_dataset_of_a_cell_without_actions(cells: Notebook) -> None:
    cells.run("%%spark --plan\nwords = sc.parallelize([1]).map(str)")
    assert [node["name"] for node in cells.cards[0].model.to_json()["nodes"]] == [None, "words"]


def test_plan_says_when_there_is_nothing_to_draw(cells: Notebook) -> None:
    output = cells.run("%%spark --plan\nx = 1")
    assert "Nothing to plan" in output.text
    assert cells.cards == []


def test_plan_raises_errors_that_are_the_cells_own(cells: Notebook) -> None:
    output = cells.run("%%spark --plan\nn = sc.parallelize([1]).count()\nprint(no_such_name)")
    assert isinstance(output.error, NameError)


def test_an_action_inside_a_loop_holds_the_whole_statement(cells: Notebook) -> None:
    output = cells.run(
        "%%spark --plan\ntotal = 0\nfor i in range(3):\n    total = total + sc.parallelize([i]).count()\nprint(total)"
    )
    assert "line 4: count would run" in output.text
    assert "line 5: not compiled, needs the result of line 4 (total)" in output.text
    assert cells.value("total") == 0
