/**
 * From the `svg` string of a saved run to elements that are safe to show.
 *
 * The string is parsed as XML in a document of its own, where nothing loads and nothing runs, and then *copied*:
 * only elements, attributes and values named below reach the page. Everything that can load, link, run, restyle
 * or be looked up is left behind: scripts, event handlers, links, images, foreign content, animations, style
 * sheets, url(...) values, ids and class names. What an element stands for is kept apart, in `Drawing`.
 */

import { svgElement } from './dom.js';

/** A checked picture. Units are those of its view box. */
export interface Drawing {
  svg: SVGSVGElement;
  width: number;
  height: number;
  /** A dataset is drawn once in each stage that computes it. */
  nodes: Map<number, SVGElement[]>;
  stages: Map<number, SVGElement>;
  edges: DrawnEdge[];
}

export interface DrawnEdge {
  parent: number;
  child: number;
  element: SVGElement;
}

const LONGEST_MARKUP = 6_000_000;
const MOST_ELEMENTS = 60_000;

/** Element names that are copied; a link becomes a plain group. */
const ELEMENTS = new Map<string, keyof SVGElementTagNameMap>([
  ['svg', 'svg'],
  ['g', 'g'],
  ['a', 'g'],
  ['path', 'path'],
  ['polygon', 'polygon'],
  ['polyline', 'polyline'],
  ['ellipse', 'ellipse'],
  ['circle', 'circle'],
  ['rect', 'rect'],
  ['line', 'line'],
  ['text', 'text'],
  ['tspan', 'tspan']
]);

const GEOMETRY = /^[\sA-Za-z0-9.,+\-()]*$/;
const LENGTHS = /^[\s0-9.,+\-e%]*$/;
const PAINT = /^(none|transparent|currentColor|#[0-9a-fA-F]{3,8}|[a-zA-Z]{3,20})$/;
const WORD = /^[a-z-]+$|^[0-9.]+$/;
/** The vocabulary of `spark_kernel/notebook/card/svg.py`. */
const ROLE = /^sk-([a-z-]+)$/;

/** Attribute names that are copied, and what their values have to look like. */
const ATTRIBUTES = new Map<string, RegExp>([
  ...names('d points transform viewBox', GEOMETRY),
  ...names('x y x1 y1 x2 y2 dx dy cx cy r rx ry width height', LENGTHS),
  ...names('stroke-width stroke-dasharray opacity fill-opacity stroke-opacity', LENGTHS),
  ...names('fill stroke', PAINT),
  ...names('text-anchor font-size font-weight font-style stroke-linecap', WORD)
]);

/** The picture in `markup`, or null when there is none that can be shown. */
export function readDrawing(markup: string): Drawing | null {
  // Whatever stands before the root, such as a document type with entities, is not even parsed.
  const start = markup.search(/<svg[\s>]/);
  if (start < 0 || markup.length > LONGEST_MARKUP) {
    return null;
  }
  const parsed = new DOMParser().parseFromString(markup.slice(start), 'image/svg+xml').documentElement;
  if (parsed.localName !== 'svg' || parsed.querySelector('parsererror')) {
    return null;
  }
  const size = viewBoxOf(parsed);
  return size && copy(parsed, size);
}

function viewBoxOf(root: Element): { width: number; height: number } | null {
  const numbers = (root.getAttribute('viewBox') ?? '')
    .trim()
    .split(/[\s,]+/)
    .map(Number);
  const [, , width, height] = numbers;
  return numbers.length === 4 && width && height && width > 0 && height > 0 ? { width, height } : null;
}

function copy(root: Element, size: { width: number; height: number }): Drawing | null {
  const svg = svgElement('svg', { viewBox: root.getAttribute('viewBox') });
  const drawing: Drawing = { svg, ...size, nodes: new Map(), stages: new Map(), edges: [] };
  const waiting: [Element, SVGElement][] = [[root, svg]];
  let copied = 0;
  for (let pair = waiting.pop(); pair; pair = waiting.pop()) {
    const [source, target] = pair;
    for (const child of Array.from(source.childNodes)) {
      const made = copyOne(child, target);
      if (made) {
        waiting.push([child as Element, made]);
        recordMeaning((child as Element).id, made, drawing);
        copied += 1;
      }
    }
    if (copied > MOST_ELEMENTS) {
      return null;
    }
  }
  return drawing;
}

/** Adds the harmless part of `source` to `target`; returns the new element when there may be children. */
function copyOne(source: Node, target: SVGElement): SVGElement | null {
  if (source.nodeType === Node.TEXT_NODE && isText(target)) {
    target.append(source.nodeValue ?? '');
  }
  const tag = isSvg(source) ? ELEMENTS.get(source.localName) : undefined;
  if (!isSvg(source) || !tag) {
    return null;
  }
  const made = svgElement(tag);
  copyAttributes(source, made);
  target.append(made);
  return made;
}

function copyAttributes(source: Element, target: SVGElement): void {
  for (const { name, value } of Array.from(source.attributes)) {
    if (ATTRIBUTES.get(name)?.test(value)) {
      target.setAttribute(name, value);
    }
  }
  for (const name of Array.from(source.classList)) {
    const role = ROLE.exec(name)?.[1];
    if (role) {
      // Under another name, so that the style sheet of a live picture elsewhere on the page does not reach it.
      target.classList.add(`spk-shape-${role}`);
    }
  }
}

function isText(target: SVGElement): boolean {
  return target.localName === 'text' || target.localName === 'tspan';
}

function isSvg(node: Node): node is Element {
  return (
    node.nodeType === Node.ELEMENT_NODE && (node as Element).namespaceURI === 'http://www.w3.org/2000/svg'
  );
}

/**
 * Ids end with what they stand for: `-node7`, `-node7-stage2` (drawn again), `-stage2`, `-edge3-7`, and
 * `-edge3-7-node3-node7-stage2` (between such). Graphviz wraps links as `a_<id>` inside.
 */
const MEANING =
  /^(?!a_).*?-(?:node(\d{1,9})(?:-stage\d+)?|stage(\d{1,9})|edge(\d{1,9})-(\d{1,9})(?:-(?:node|stage)[\w-]*)?)$/;

function recordMeaning(id: string, made: SVGElement, drawing: Drawing): void {
  const [, node, stage, parent, child] = MEANING.exec(id) ?? [];
  if (node !== undefined) {
    drawing.nodes.set(Number(node), [...(drawing.nodes.get(Number(node)) ?? []), made]);
  } else if (stage !== undefined) {
    drawing.stages.set(Number(stage), made);
  } else if (parent !== undefined && child !== undefined) {
    drawing.edges.push({ parent: Number(parent), child: Number(child), element: made });
  }
}

function names(list: string, values: RegExp): [string, RegExp][] {
  return list.split(' ').map(name => [name, values]);
}
