import assert from 'node:assert/strict';
import { test } from 'node:test';

import { find } from './page.js';

import { boundsOf } from '../src/geometry.js';
import { readDrawing } from '../src/svg.js';

const HEAD =
  '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 100 50"';

/** All names and values that stand in the page after reading `inner`. */
function copied(inner: string, attributes = ''): string {
  return readDrawing(`${HEAD} ${attributes}>${inner}</svg>`)?.svg.outerHTML ?? 'refused';
}

test('shapes, text and geometry are copied', () => {
  const inner =
    '<g transform="translate(4 46)"><path d="M0,0 L1,1" stroke="#aab" fill="none"/><text x="1">a &lt; b</text></g>';
  assert.equal(copied(inner), `<svg viewBox="0 0 100 50">${inner.replaceAll('/>', '></path>')}</svg>`);
});

for (const [what, inner] of Object.entries({
  'a script': '<script>hurt()</script>',
  'a script in disguise': '<g><SCRIPT>hurt()</SCRIPT></g>',
  'HTML inside foreignObject':
    '<foreignObject><div xmlns="http://www.w3.org/1999/xhtml"><img src="hurt"/></div></foreignObject>',
  'an HTML element': '<iframe xmlns="http://www.w3.org/1999/xhtml" src="hurt"/>',
  'an element of another namespace': '<path xmlns="urn:hurt" d="M0,0"/>',
  'a handler': '<rect onload="hurt()" onclick="hurt()" width="1" height="1"/>',
  'a link': '<a href="javascript:hurt()" xlink:href="javascript:hurt()"><text>x</text></a>',
  'an image': '<image href="https://hurt/"/>',
  'a reference': '<use href="https://hurt/#a"/>',
  'an animation of an attribute':
    '<rect><set attributeName="onmouseover" to="hurt()"/><animate attributeName="href" to="hurt"/></rect>',
  'a style sheet': '<style>@import url(https://hurt/);</style>',
  'a style attribute': '<rect style="fill: url(https://hurt/)"/>',
  'a paint server elsewhere': '<rect fill="url(https://hurt/#a)" stroke="url(#hurt)"/>',
  'a filter': '<rect filter="url(https://hurt/)" mask="url(#hurt)" clip-path="url(#hurt)"/>',
  'an id that the page may look up': '<g id="hurt-panel" class="jp-hurt" name="hurt"/>',
  'a command': '<g data-commandlinker-command="hurt" data-commandlinker-args="{}"/>',
  'a title': '<title>hurt</title>',
  'a number with an expression in it': '<rect width="expression(hurt)" height="1"/>'
})) {
  test(`${what} is left behind`, () => {
    const page = copied(inner);
    assert.notEqual(page, 'refused');
    assert.doesNotMatch(page, /hurt/i);
  });
}

test('attributes of the root are held to the same rule', () => {
  assert.doesNotMatch(copied('', 'onload="hurt()" style="x: hurt" class="hurt"'), /hurt/);
});

test('entities are not expanded', () => {
  const bomb = '<!DOCTYPE svg [<!ENTITY a "hurt">]>';
  assert.equal(readDrawing(`${bomb}${HEAD}><text>&a;</text></svg>`), null);
});

test('what is no SVG, has no size, or is too large is refused', () => {
  assert.equal(readDrawing('<html><body>hurt</body></html>'), null);
  assert.equal(readDrawing('<svg viewBox="0 0 1 1"><g></svg>'), null);
  assert.equal(readDrawing('<svg xmlns="http://www.w3.org/2000/svg"></svg>'), null);
  assert.equal(readDrawing(`${HEAD} width="0">${' '.repeat(7_000_000)}</svg>`), null);
  assert.equal(readDrawing(`${HEAD}>${'<g/>'.repeat(70_000)}</svg>`), null);
});

test('a picture nested very deeply does not overflow the stack', () => {
  const depth = 3000;
  const drawing = readDrawing(`${HEAD}>${'<g>'.repeat(depth)}${'</g>'.repeat(depth)}</svg>`);
  assert.equal(drawing?.svg.querySelectorAll('g').length, depth);
});

test('what an element stands for is read off its id', () => {
  const drawing = readDrawing(
    `${HEAD}><g id="app-1-run-2-stage3"><g id="a_app-1-run-2-stage4"/></g><g id="x-node12"/><g id="x-node12-stage9"/><g id="x-edge7-12"/><g id="x-edge7-8-node7-node8-stage3"/><g id="node9"/></svg>`
  )!;
  assert.deepEqual([...drawing.stages.keys()], [3]);
  assert.deepEqual([...drawing.nodes.keys()], [12]);
  assert.equal(drawing.nodes.get(12)?.length, 2);
  assert.deepEqual(
    drawing.edges.map(({ parent, child }) => [parent, child]),
    [
      [7, 12],
      [7, 8]
    ]
  );
  assert.equal(find(drawing.svg, 'g').id, '');
});

test('the roles of shapes are kept, under names that only this extension styles', () => {
  assert.match(copied('<rect class="sk-box jp-hurt sk_hurt x-sk-hurt"/>'), /<rect class="spk-shape-box">/);
});

test('bounds are read off coordinates', () => {
  assert.deepEqual(boundsOf('M12,-4C12,0 20,8 20,8'), { x: 12, y: -4, width: 8, height: 12 });
  assert.equal(boundsOf(''), null);
});
