import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';

import { ConvergenceClient, ConvergenceError } from '../index.js';
import { startParent } from './parent.js';

const KEY = 'sk_tenant_secret';

/** A client and its parent, which is stopped when the test ends. */
async function connected(t, answer, options = {}) {
  const parent = await startParent(answer);
  t.after(() => parent.stop());
  const client = new ConvergenceClient({ apiUrl: parent.apiUrl, apiKey: KEY, tenantId: 'tenant_1', ...options });
  return { client, requests: parent.requests };
}

const ok = () => ({ body: { result: 'done' } });

test('converge sends the prompt, its options and the key', async (t) => {
  const { client, requests } = await connected(t, ok);
  const options = { agentARole: 'Product Manager', agentBRole: 'Technical Architect', maxIterations: 8 };
  assert.deepEqual(await client.converge('Build it', { ...options, requestId: 'r-1' }), { result: 'done' });
  const [request] = requests;
  assert.equal(`${request.method} ${request.url}`, 'POST /api/v1/converge');
  assert.deepEqual(request.body, { ...options, prompt: 'Build it' });
  assert.equal(request.headers.authorization, `Bearer ${KEY}`);
  assert.equal(request.headers['x-tenant-id'], 'tenant_1');
  assert.equal(request.headers['x-request-id'], 'r-1');
});

test('design, review and decide are convergences with roles of their own', async (t) => {
  const { client, requests } = await connected(t, ok);
  await client.design('A shop');
  await client.review('let x = 1');
  await client.decide('Refactor?', { age: 3 }, { agentBRole: 'Accountant' });
  await client.decide('Ship?');
  assert.deepEqual(
    requests.map(({ body }) => [body.prompt, body.agentBRole]),
    [
      ['A shop', 'Pragmatic Engineer'],
      ['Review this code:\n\nlet x = 1', 'Security Expert'],
      ['Refactor?\n\nContext:\n{"age":3}', 'Accountant'],
      ['Ship?', "Devil's Advocate"],
    ],
  );
});

test('status keeps a task id in its place', async (t) => {
  const { client, requests } = await connected(t, ok);
  await client.status('a/../b?c');
  await client.status(7);
  assert.deepEqual(requests.map(({ url }) => url), ['/api/v1/status/a%2F..%2Fb%3Fc', '/api/v1/status/7']);
});

test('is set up from the variables that a tenant has', async (t) => {
  const parent = await startParent(ok);
  t.after(() => parent.stop());
  const before = { ...process.env };
  t.after(() => (process.env = before));
  Object.assign(process.env, { CONVERGENCE_API_URL: `${parent.apiUrl}//`, CONVERGENCE_API_KEY: KEY, TENANT_ID: 't' });
  const client = new ConvergenceClient();
  await client.converge('x');
  assert.equal(client.apiUrl, parent.apiUrl);
  assert.equal(parent.requests[0].headers['x-tenant-id'], 't');
});

test('an error of the parent keeps its status, code, message and request id', async (t) => {
  const error = { code: 'rate_limited', message: 'slow down', requestId: 'r-9' };
  const { client } = await connected(t, () => ({ status: 429, headers: { 'retry-after': '7' }, body: { error } }));
  await assert.rejects(client.converge('x'), (caught) => {
    assert.ok(caught instanceof ConvergenceError);
    assert.equal(caught.message, 'Convergence API error: slow down');
    assert.deepEqual(
      [caught.status, caught.code, caught.requestId, caught.retryAfter],
      [429, 'rate_limited', 'r-9', 7],
    );
    return true;
  });
});

test('an error page of something in between is an error too', async (t) => {
  const { client } = await connected(t, () => ({ status: 503, body: '<html>' }));
  await assert.rejects(client.converge('x'), { status: 503, code: undefined, message: /HTTP 503/ });
});

test('says where nobody answered', async (t) => {
  const parent = await startParent(ok);
  await parent.stop();
  const client = new ConvergenceClient({ apiUrl: parent.apiUrl, apiKey: KEY });
  await assert.rejects(client.converge('x'), {
    code: 'unreachable',
    status: undefined,
    message: /^Convergence API error: ECONNREFUSED 127\.0\.0\.1:\d+$/,
  });
  await assert.rejects(client.ping(), { code: 'unreachable' });
});

test('ping is content with any answer', async (t) => {
  const { client } = await connected(t, () => ({ status: 404, body: {} }));
  await client.ping();
});

test('gives up on a parent that does not answer in time', async (t) => {
  const { client } = await connected(t, () => undefined, { timeout: 50 });
  await assert.rejects(client.converge('x'), { code: 'timeout' });
});

test('a call can be cancelled by its caller', async (t) => {
  const { client } = await connected(t, () => undefined);
  const controller = new AbortController();
  const call = client.converge('x', { signal: controller.signal });
  controller.abort();
  await assert.rejects(call, { code: 'cancelled' });
  await assert.rejects(client.status('x', { signal: controller.signal }), { code: 'cancelled' });
});

test('refuses answers that are not JSON or too large', async (t) => {
  let body = 'not json';
  const { client } = await connected(t, () => ({ body }));
  await assert.rejects(client.converge('x'), { code: 'malformed' });
  body = `"${'x'.repeat(8 * 1024 * 1024)}"`;
  await assert.rejects(client.converge('x'), { code: 'too_large' });
});

test('does not carry the key to where a redirect points', async (t) => {
  const { client, requests } = await connected(t, () => ({ status: 307, headers: { location: '/elsewhere' }, body: {} }));
  await assert.rejects(client.converge('x'), { code: 'unreachable' });
  assert.equal(requests.length, 1);
});

test('refuses arguments of the wrong kind before it calls anyone', async (t) => {
  const { client, requests } = await connected(t, ok);
  for (const wrong of [undefined, null, '', '  ', 7, {}]) {
    await assert.rejects(client.converge(wrong), TypeError);
    await assert.rejects(client.review(wrong), TypeError);
  }
  await assert.rejects(client.status(), TypeError);
  assert.equal(requests.length, 0);
  assert.throws(() => new ConvergenceClient({ apiUrl: 'file:///etc/passwd', apiKey: KEY }), TypeError);
  assert.throws(() => new ConvergenceClient({ apiUrl: 'nonsense', apiKey: KEY }), TypeError);
  assert.throws(() => new ConvergenceClient({ apiUrl: 'http://h/', apiKey: '' }), TypeError);
});

test('neither a printed client nor a printed error shows the key', async (t) => {
  const { client } = await connected(t, () => ({ status: 401, body: { error: { message: 'no' } } }));
  const error = await client.converge('x').catch((caught) => caught);
  assert.ok(!`${inspect(client, { depth: 9, showHidden: true })}${inspect(error, { depth: 9 })}`.includes(KEY));
});
