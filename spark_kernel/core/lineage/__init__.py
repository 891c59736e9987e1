"""What was asked for: immutable datasets and how they depend on each other. Pure data; nothing here runs."""
