"""Layer 1: where bytes live. The only layer that knows fsspec."""
