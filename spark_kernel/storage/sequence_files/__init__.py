"""Hadoop's SequenceFile: binary pairs that can be split and compressed, as Spark reads and writes them.

vints           integers of variable length
header          the beginning of a file
writables       Hadoop's classes of values -> Python values
python_values   Python values -> Hadoop's classes
reading         a split -> pairs
writing         pairs -> the bytes of a file
buffered        looking ahead in an open file
java_arrays     byte[][] as Java serialises it: the values in the files of saveAsPickleFile
"""
