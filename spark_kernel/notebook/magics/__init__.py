"""The magics: ``%%spark`` (`spark_cell.py`), ``%spark`` (`spark_line.py`), their flags and their plain text tables."""
