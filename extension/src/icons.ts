/** One small drawn sign per state, so that no state is told by colour alone. */

import { svgElement } from './dom.js';
import type { State } from './model.js';

const SIGNS: Record<State, string> = {
  succeeded: 'M4.6 8.4 7 10.8 11.4 5.6',
  failed: 'M5.4 5.4 10.6 10.6 M10.6 5.4 5.4 10.6',
  cancelled: 'M5.6 5.6 H10.4 V10.4 H5.6 Z',
  running: 'M8 4.2 V8 L10.6 9.6',
  waiting: 'M5 8 H5.1 M8 8 H8.1 M11 8 H11.1',
  skipped: 'M5 5 8 8 5 11 M8.6 5 11.6 8 8.6 11',
  planned: 'M5 6 H11 M5 8.4 H11 M5 10.8 H8.4'
};

/** The sign of `state`, 16 by 16; hidden from screen readers, which are told in words. */
export function stateIcon(state: State): SVGSVGElement {
  return svgElement(
    'svg',
    { class: 'spk-icon', viewBox: '0 0 16 16', 'data-state': state, 'aria-hidden': 'true' },
    svgElement('circle', { class: 'spk-icon-disc', cx: 8, cy: 8, r: 7 }),
    svgElement('path', { class: 'spk-icon-sign', d: SIGNS[state] })
  );
}
