"""The RDD API: thin handles over lineage nodes, one theme a file."""
