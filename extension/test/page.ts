/** A page to build cards in: jsdom under the global names that a browser has. Import it before anything of src/. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { JSDOM } from 'jsdom';

const { window } = new JSDOM('<!doctype html><body></body>', {
  pretendToBeVisual: true,
  runScripts: 'outside-only'
});

Object.assign(globalThis, {
  window,
  document: window.document,
  DOMParser: window.DOMParser,
  Node: window.Node,
  Event: window.Event,
  MouseEvent: window.MouseEvent,
  KeyboardEvent: window.KeyboardEvent
});

/** The JSON of a run as the kernel saves it; a copy that the test may change. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export function exampleRun(): Record<string, any> {
  return JSON.parse(readFileSync(join(process.cwd(), 'test', 'example.json'), 'utf8'));
}

/** What `selector` finds in `root`; fails the test when it finds nothing. */
export function find<E extends Element = HTMLElement>(root: Element | Document, selector: string): E {
  const found = root.querySelector<E>(selector);
  if (!found) {
    throw new Error(`nothing matches ${selector}`);
  }
  return found;
}
