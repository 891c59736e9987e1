"""What may stand behind ``%%spark``."""

from __future__ import annotations

import pytest

from spark_kernel.common.errors import SettingsError
from spark_kernel.notebook.magics.flags import CELL_FLAGS, CellOptions, cell_options, describe_flags


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("", CellOptions()),
        ("--plan", CellOptions(plan=True)),
        ("-o result", CellOptions(output="result")),
        ("-o=result", CellOptions(output="result")),
        ("--name 'two words'", CellOptions(name="two words")),
        ("--name=--dashed", CellOptions(name="--dashed")),
        ("--master local-cluster[2,1,1024]", CellOptions(master="local-cluster[2,1,1024]")),
        ("--no-card --limit=0", CellOptions(no_card=True, limit=0)),
        ("-h", CellOptions(help=True)),
        ("--help", CellOptions(help=True)),
        ("--limit 3 --plan -o x", CellOptions(plan=True, output="x", limit=3)),
    ],
)
def test_flags_are_read(line: str, options: CellOptions) -> None:
    assert cell_options(line) == options


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--lmit 3", "no flag --lmit. Did you mean --limit?"),
        ("--no-crad", "Did you mean --no-card?"),
        ("-p", "no flag -p"),
        ("-o", "-o needs a value: -o NAME"),
        ("--name --plan", "--name needs a value: --name TEXT"),
        ("-o 2x", "'2x' can't be the name of a variable"),
        ("-o class", "'class' can't be the name of a variable"),
        ("--limit ten", "'ten' is not a number of rows"),
        ("--limit=-1", "'-1' is not a number of rows"),
        ("--plan=yes", "--plan takes no value"),
        ("sc.range(3)", "'sc.range(3)' is not a flag; code begins on the next line"),
        ("--name 'open", "close the quotes"),
    ],
)
def test_mistakes_say_what_was_expected(line: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        cell_options(line)
    assert told in str(caught.value)


def test_the_help_names_every_flag_with_its_value() -> None:
    text = describe_flags(CELL_FLAGS)
    for flag in CELL_FLAGS:
        assert all(spelling in text for spelling in flag.spellings)
        assert flag.help in text
        assert flag.value is None or flag.value in text


def test_every_flag_sets_an_option() -> None:
    assert {flag.field for flag in CELL_FLAGS} == set(CellOptions.__dataclass_fields__)
