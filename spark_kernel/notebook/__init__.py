"""Layer 5: what a person sees: kernel, magics, run cards, pictures, the command line.

kernel, extension      put the layer into our kernel, and into any other IPython
engine, session        what the layer needs of the engine; the one application of a notebook
cells, runs, job_log   which cell is executed, and what it caused
magics/                ``%%spark`` and ``%spark``
cell_compiler, cell_execution, dataset_names, previews, sent_functions
                       a cell's Python, from its text to its last value
error_display, interrupts, completion
                       what happens when something goes wrong, is stopped, or is half typed
card/                  the picture of a run
command_line, run_notebook, terminal_output, html_page, saved_runs, doctor, kernel_specs
                       ``spark-kernel``
"""
