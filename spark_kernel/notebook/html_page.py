"""An executed notebook as one HTML file that needs nothing from elsewhere: no CDN, no kernel, no front end."""

from __future__ import annotations

from typing import Any

from nbconvert.exporters.html import HTMLExporter

# nbconvert's page without what it loads from the network: require.js, MathJax, Mermaid and the widget manager. Run
# cards are plain HTML by then, and formulas stay readable as they were typed.
_TEMPLATE = """{%- extends 'index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
"""


def html_page(notebook: Any, title: str, folder: str) -> str:
    """The notebook as HTML. Images that its Markdown refers to in ``folder``, where it lies, are put into the page."""
    exporter = HTMLExporter(raw_template=_TEMPLATE, embed_images=True)
    text, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title, "path": folder}})
    return str(text)
