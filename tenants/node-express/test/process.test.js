import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import { startParent } from '../../convergence-client/test/parent.js';

const INDEX = fileURLToPath(new URL('../index.js', import.meta.url));

/** The program as a container runs it, with nothing but these variables. */
function start(t, environment) {
  const child = spawn(process.execPath, [INDEX], { env: { PORT: '0', ...environment }, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const lines = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  const until = async (pattern) => {
    for (;;) {
      const found = lines.map((line) => pattern.exec(line)).find(Boolean);
      if (found) return found;
      await Promise.race([once(reader, 'line'), once(reader, 'close').then(() => assert.fail(`ended: ${lines}`))]);
    }
  };
  return { child, lines, until, exit: once(child, 'exit') };
}

test('starts from the variables of a tenant, serves, and ends when asked to', async (t) => {
  const parent = await startParent(() => ({ body: {} }));
  t.after(() => parent.stop());
  const { child, until, exit, lines } = start(t, {
    CONVERGENCE_API_URL: parent.apiUrl,
    CONVERGENCE_API_KEY: 'sk_tenant_secret',
    TENANT_ID: 'tenant_1',
    TENANT_NAME: 'acme',
    CONVERGENCE_ENV_ID: '1',
  });
  const [, port] = await until(/\[INFO\] Listening on port (\d+)$/);
  await until(/\[INFO\] Connected to parent API$/);
  const { tenant } = await (await fetch(`http://127.0.0.1:${port}/health`)).json();
  assert.deepEqual(tenant, { id: 'tenant_1', name: 'acme', envId: '1' });
  child.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null]);
  assert.ok(!lines.join().includes('secret'));
});

test('serves although the parent is down', async (t) => {
  const { until } = start(t, { CONVERGENCE_API_URL: 'http://127.0.0.1:1/api/v1', CONVERGENCE_API_KEY: 'k' });
  const [, port] = await until(/Listening on port (\d+)$/);
  await until(/\[WARN\] Cannot reach the parent API at http:\/\/127\.0\.0\.1:1\/api\/v1: .*/);
  assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200);
});

test('says what is missing in an environment that is not that of a tenant', async (t) => {
  for (const [environment, message] of [
    [{}, /apiUrl \(or CONVERGENCE_API_URL\)/],
    [{ PORT: 'http', CONVERGENCE_API_URL: 'http://h/', CONVERGENCE_API_KEY: 'k' }, /PORT is "http"/],
  ]) {
    const { exit, lines } = start(t, environment);
    assert.deepEqual(await exit, [2, null]);
    assert.match(lines.join('\n'), message);
  }
});
