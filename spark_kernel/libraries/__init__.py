"""Layer 4: what is built on the engine: SQL, streaming, machine learning, graphs."""
