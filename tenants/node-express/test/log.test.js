import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createLog } from '../lib/log.js';

function lines(level, write) {
  const written = [];
  write(createLog({ level, write: (line) => written.push(line) }));
  return written;
}

test('writes up to the level it is given, info if that is none', () => {
  const all = (log) => ['error', 'warn', 'info', 'debug'].forEach((level) => log[level]('x'));
  assert.deepEqual(
    ['error', 'WARN', 'info', 'debug', 'loud', undefined].map((level) => lines(level, all).length),
    [1, 2, 3, 4, 3, 3],
  );
});

test('a message is one line and cannot speak to a terminal', () => {
  const [line, ...others] = lines('info', (log) => log.info('a\n2024-01-15T10:00:00Z [INFO] forged\u001b[2J'));
  assert.deepEqual(others, []);
  assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \[INFO\] a\\n2024-01-15T10:00:00Z \[INFO\] forged\\u001b\[2J\n$/);
});
