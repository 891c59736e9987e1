"""The SparkContext: a session on a cluster, from which datasets come and to which actions go."""
