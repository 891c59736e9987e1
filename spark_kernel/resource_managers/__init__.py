"""Layer 2: where cores and memory come from: a master URL becomes a running Dask cluster."""
