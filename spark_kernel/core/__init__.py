"""Layer 3: the engine. Lineage is cut into stages, stages run as tasks."""
