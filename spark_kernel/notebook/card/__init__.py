"""The run card: the picture of what one execution of a cell caused, live and afterwards.

Data flows one way: events -> `model` (a pure fold) -> `RunJson` (`run_json`) -> what a person sees:

    text_tree   text/plain, for terminals, Markdown and screen readers
    boxes       which stages, steps and links are drawn, and what a large run leaves out
    dot         those boxes in Graphviz's language
    layout      where Graphviz puts them (asked in a process of its own: `layout_process`)
    drawing     shapes, from boxes and layout; `svg` and `png` write them down
    html        text/html that survives sanitisers
    bundle      all of them as one mimebundle, which needs no kernel
    live        `RunCard`, what the magics use: follows a run and keeps its display up to date
    widget      the display while the run goes on, with its Cancel button

Nothing here is known to the engine: it announces events (`spark_kernel.common.events`), the card listens.
"""
