"""Layer 5: what a person sees: kernel, magics, run cards, pictures, the command line."""
