"""What the Tab key offers, asked through IPython's completer as a front end does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from IPython.core.completer import provisionalcompleter

from spark_kernel.notebook.magics.flags import CELL_FLAGS
from spark_kernel.notebook.magics.spark_line import COMMANDS
from tests.support.notebooks import Notebook, notebook


@pytest.fixture
def cells() -> Iterator[Notebook]:
    with notebook() as opened:
        yield opened


def offered(cells: Notebook, code: str) -> dict[str, str]:
    """What stands in the cell after each completion at ``|``, by completion."""
    cursor = code.index("|")
    code = code.replace("|", "")
    with provisionalcompleter():
        found = list(cells.shell.Completer.completions(code, cursor))
    return {each.text: code[: each.start] + each.text + code[each.end :] for each in found}


def test_every_flag_of_a_spark_cell_is_offered(cells: Notebook) -> None:
    assert set(offered(cells, "%%spark |\n")) == {spelling for flag in CELL_FLAGS for spelling in flag.spellings}


def test_a_begun_flag_is_completed_in_place(cells: Notebook) -> None:
    assert offered(cells, "%%spark --pl|\nx = 1") == {"--plan": "%%spark --plan\nx = 1"}


def test_a_flag_that_is_there_is_not_offered_again(cells: Notebook) -> None:
    assert "--plan" not in offered(cells, "%%spark --plan |\n")


def test_masters_are_offered_where_one_is_expected(cells: Notebook) -> None:
    assert "local[*]" in offered(cells, "%%spark --master |\n")
    assert offered(cells, "%%spark --master loc|\n")["local[2]"] == "%%spark --master local[2]\n"
    assert offered(cells, "%%spark --master local[|\n")["local[2]"] == "%%spark --master local[2]\n"


def test_subcommands_are_offered(cells: Notebook) -> None:
    assert set(offered(cells, "%spark |")) == set(COMMANDS)
    assert offered(cells, "x = 1\n%spark st|")["status"] == "x = 1\n%spark status"


def test_the_flags_of_a_subcommand_are_offered(cells: Notebook) -> None:
    assert set(offered(cells, "%spark last |")) == {"--json", "--traceback"}


def test_running_jobs_are_offered_to_cancel(cells: Notebook) -> None:
    cells.run("x = sc")
    cells.context._active[12] = (None, None)  # type: ignore[assignment]
    found = offered(cells, "%spark cancel |")
    cells.context._active.clear()
    assert set(found) == {"12"}


def test_names_that_the_cell_assigns_are_offered_before_it_has_run(cells: Notebook) -> None:
    code = "%%spark\nword_list = sc.textFile('x')\nfirst, wordless = 1, 2\nword|"
    assert {"word_list", "wordless"} <= set(offered(cells, code))


def test_existing_variables_are_offered_in_a_spark_cell(cells: Notebook) -> None:
    cells.run("word_count_of_yesterday = 1")
    assert "word_count_of_yesterday" in offered(cells, "%%spark\nprint(word_c|")


def test_attributes_of_sc_are_offered_in_a_spark_cell(cells: Notebook) -> None:
    cells.run("x = sc")
    assert any("parallelize" in text for text in offered(cells, "%%spark\nlines = sc.paral|"))


def test_other_magics_are_not_disturbed(cells: Notebook) -> None:
    assert "%%spark" in offered(cells, "%%spar|")
    assert not {"--plan", "status"} & set(offered(cells, "%time |"))
