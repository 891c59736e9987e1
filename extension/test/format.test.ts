import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatBytes, formatCount, formatSeconds } from '../src/format.js';

test('bytes are told in powers of 1000 with three digits at most', () => {
  const told = [0, 999, 1000, 999_499, 999_500, 2_480_000, 31_500_000_000, 5e15, 5e18].map(formatBytes);
  assert.deepEqual(told, [
    '0 B',
    '999 B',
    '1.0 kB',
    '999 kB',
    '1.0 MB',
    '2.5 MB',
    '32 GB',
    '5.0 PB',
    '5000 PB'
  ]);
});

test('counts are told in full, with their noun', () => {
  assert.deepEqual(
    [0, 7, 1234, 3_412_118].map(amount => formatCount(amount)),
    ['0', '7', '1,234', '3,412,118']
  );
  assert.deepEqual(
    [1, 0, 60_000].map(amount => formatCount(amount, 'row')),
    ['1 row', '0 rows', '60,000 rows']
  );
});

test('durations go from milliseconds to hours', () => {
  const told = [0, 0.0123, 0.95, 0.9999, 3.21, 9.96, 42.6, 59.6, 125, 3720].map(formatSeconds);
  assert.deepEqual(told, '0 ms,12 ms,950 ms,1.0 s,3.2 s,10 s,43 s,1 min 0 s,2 min 5 s,1 h 2 min'.split(','));
});
