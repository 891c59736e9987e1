/**
 * Making elements. Strings become text nodes and attributes of elements that this extension names itself; there
 * is no way here to turn a string into markup.
 */

type Attributes = Record<string, string | number | boolean | null | undefined>;
type Child = Node | string | null | undefined;

/**
 * For everything that can have the focus. Without it JupyterLab takes keys for its own: Enter edits the cell, D D
 * deletes it. It has to stand on the element itself; on an ancestor it comes too late.
 */
export const KEEPS_ITS_KEYS = { 'data-lm-suppress-shortcuts': 'true' } as const;

const SVG = 'http://www.w3.org/2000/svg';

/** An HTML element. */
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
    { type: 'button', class: 'spk-button', title: label, 'aria-label': label, ...KEEPS_ITS_KEYS },
    glyph
  );
  made.addEventListener('click', event => {
    event.stopPropagation();
    action();
  });
  return made;
}

/** Set attributes; those that are null, undefined or false are left out, true is written as "". */
export function setAttributes(of: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      of.setAttribute(name, value === true ? '' : String(value));
    }
  }
}

function filled<E extends Element>(made: E, attributes: Attributes, children: Child[]): E {
  setAttributes(made, attributes);
  made.append(...children.filter((child): child is Node | string => child !== null && child !== undefined));
  return made;
}
