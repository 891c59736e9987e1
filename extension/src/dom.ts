/**
 * Making elements. Strings become text nodes and attributes of elements that this extension names itself; there
 * is no way here to turn a string into markup.
 */

type Attributes = Record<string, string | number | boolean | null | undefined>;
type Child = Node | string | null | undefined;

const SVG = 'http://www.w3.org/2000/svg';

/** An HTML element; attributes that are null, undefined or false are left out, true is written as "". */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svgElement<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** A push button that looks like JupyterLab's own small buttons. */
export function button(label: string, glyph: Child, action: () => void): HTMLButtonElement {
  const made = element(
    'button',
    { type: 'button', class: 'spk-button', title: label, 'aria-label': label },
    glyph
  );
  made.addEventListener('click', event => {
    event.stopPropagation();
    action();
  });
  return made;
}

function filled<E extends Element>(made: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? '' : String(value));
    }
  }
  made.append(...children.filter((child): child is Node | string => child !== null && child !== undefined));
  return made;
}
