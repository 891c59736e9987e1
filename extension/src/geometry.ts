/** Where drawn things are, read from their coordinates: it needs no layout, so it works before the page shows them. */

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The bounds of the first outline (polygon, path, ellipse or rectangle) inside `group`, or null. */
export function outlineBox(group: Element): Box | null {
  const outline = group.querySelector('polygon, path, ellipse, rect');
  switch (outline?.localName) {
    case 'polygon':
      return boundsOf(outline.getAttribute('points') ?? '');
    case 'path':
      return boundsOf(outline.getAttribute('d') ?? '');
    case 'ellipse':
      return around(outline);
    case 'rect':
      return {
        x: amount(outline, 'x'),
        y: amount(outline, 'y'),
        width: amount(outline, 'width'),
        height: amount(outline, 'height')
      };
    default:
      return null;
  }
}

/**
 * The bounds of a list of absolute coordinates, as in `points` or in a path of M, L, C and Z (what Graphviz writes).
 * Control points count as points, which is exact for rounded boxes.
 */
export function boundsOf(coordinates: string): Box | null {
  const numbers = (coordinates.match(/-?\d+(\.\d+)?(e-?\d+)?/g) ?? []).map(Number);
  const xs = numbers.filter((_, index) => index % 2 === 0);
  const ys = numbers.filter((_, index) => index % 2 === 1);
  if (!ys.length || xs.length !== ys.length) {
    return null;
  }
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

function around(ellipse: Element): Box {
  const [rx, ry] = [amount(ellipse, 'rx'), amount(ellipse, 'ry')];
  return { x: amount(ellipse, 'cx') - rx, y: amount(ellipse, 'cy') - ry, width: 2 * rx, height: 2 * ry };
}

function amount(of: Element, name: string): number {
  return Number.parseFloat(of.getAttribute(name) ?? '') || 0;
}
