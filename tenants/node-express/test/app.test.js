import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { test } from 'node:test';

import { ConvergenceClient } from 'convergence-client';

import { startParent } from '../../convergence-client/test/parent.js';
import { createApp } from '../lib/app.js';
import { createLog } from '../lib/log.js';

const KEY = 'sk_tenant_secret';
const ok = () => ({ body: { score: 97 } });

/** The application between a caller and a parent that answers as told. */
async function serve(t, answer, options = {}) {
  const parent = await startParent(answer);
  const lines = [];
  const log = createLog({ level: 'debug', write: (line) => lines.push(line) });
  const convergence = new ConvergenceClient({ apiUrl: parent.apiUrl, apiKey: KEY, tenantId: 'tenant_1', ...options });
  const server = createServer(createApp({ convergence, tenant: { id: 'tenant_1', name: 'acme' }, log }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await parent.stop().catch(() => {});
  });
  const base = `http://127.0.0.1:${server.address().port}`;
  return { parent, lines, get: (path, init) => fetch(base + path, init), post: (path, body) => post(base + path, body) };
}

function post(url, body, type = 'application/json') {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(url, { method: 'POST', headers: { 'content-type': type }, body: text });
}

/** The status and the error of an answer, which must have the form that all of Landfall's errors have. */
async function failure(response) {
  const { error } = await response.json();
  assert.deepEqual(Object.keys(error), ['code', 'message', 'requestId']);
  assert.equal(error.requestId, response.headers.get('x-request-id'));
  return [response.status, error.code];
}

test('health says who it is and does not depend on the parent', async (t) => {
  const { parent, get } = await serve(t, ok);
  await parent.stop();
  const response = await get('/health');
  assert.equal(response.status, 200);
  const { status, tenant } = await response.json();
  assert.deepEqual({ status, tenant }, { status: 'ok', tenant: { id: 'tenant_1', name: 'acme' } });
});

test('each endpoint reaches its part of the parent with the key of this tenant', async (t) => {
  const { parent, get, post } = await serve(t, ok);
  const answers = [
    await post('/api/converge', { prompt: 'Build it', agentARole: 'Security Expert', maxIterations: 8 }),
    await post('/api/design', { prompt: 'A shop' }),
    await post('/api/design', { description: 'A shop' }),
    await post('/api/review', { code: 'let x' }),
    await post('/api/decide', { question: 'Refactor?', context: { age: 3 } }),
    await get('/api/status/task%201'),
  ];
  for (const answer of answers) assert.deepEqual([answer.status, await answer.json()], [200, { success: true, result: { score: 97 } }]);
  assert.deepEqual(
    parent.requests.map(({ method, url, body }) => `${method} ${url} ${body.prompt ?? ''}`),
    [
      'POST /api/v1/converge Build it',
      'POST /api/v1/converge A shop',
      'POST /api/v1/converge A shop',
      'POST /api/v1/converge Review this code:\n\nlet x',
      'POST /api/v1/converge Refactor?\n\nContext:\n{"age":3}',
      'GET /api/v1/status/task%201 ',
    ],
  );
  assert.deepEqual(parent.requests[0].body, { prompt: 'Build it', agentARole: 'Security Expert', maxIterations: 8 });
  for (const { headers } of parent.requests) assert.equal(headers.authorization, `Bearer ${KEY}`);
});

test('a request has one id in its answer, in the log and at the parent', async (t) => {
  const { parent, lines, get } = await serve(t, ok);
  const given = await get('/api/status/1', { headers: { 'x-request-id': 'caller-7' } });
  assert.equal(given.headers.get('x-request-id'), 'caller-7');
  assert.equal(parent.requests[0].headers['x-request-id'], 'caller-7');
  const made = await get('/api/status/1', { headers: { 'x-request-id': 'no good [INFO]' } });
  assert.match(made.headers.get('x-request-id'), /^[\da-f-]{36}$/);
  assert.match(lines[0], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \[INFO\] GET \/api\/status\/1 200 \d+ms caller-7\n$/);
});

test('a parent that is down is a 502', async (t) => {
  const { parent, post, lines } = await serve(t, ok);
  await parent.stop();
  assert.deepEqual(await failure(await post('/api/converge', { prompt: 'x' })), [502, 'parent_unreachable']);
  assert.match(lines.join(''), /\[WARN\] .*ECONNREFUSED/);
});

test('a parent that does not answer in time is a 504', async (t) => {
  const { post } = await serve(t, () => undefined, { timeout: 50 });
  assert.deepEqual(await failure(await post('/api/converge', { prompt: 'x' })), [504, 'parent_timeout']);
});

test('a caller that goes away ends the call to the parent', async (t) => {
  const caller = new AbortController();
  const { get, lines } = await serve(t, () => void setTimeout(() => caller.abort(), 20));
  await assert.rejects(get('/api/status/1', { signal: caller.signal }));
  while (!lines.some((line) => line.includes(' gone '))) await new Promise((resolve) => setTimeout(resolve, 5));
});

test('errors of the parent that concern the caller are passed on, others are not', async (t) => {
  const answer = ({ url }) => {
    const status = Number(url.split('/').pop());
    return { status, headers: { 'retry-after': '3' }, body: { error: { code: 'parents_word', message: 'why' } } };
  };
  const { get } = await serve(t, answer);
  for (const status of [400, 404, 429]) {
    assert.deepEqual(await failure(await get(`/api/status/${status}`)), [status, 'parents_word']);
  }
  for (const status of [401, 403, 500, 503]) {
    assert.deepEqual(await failure(await get(`/api/status/${status}`)), [502, 'parent_failed']);
  }
  assert.equal((await get('/api/status/429')).headers.get('retry-after'), '3');
});

test('bad input is refused before the parent is called', async (t) => {
  const { parent, get, post } = await serve(t, ok);
  const cases = [
    [await post('/api/converge', '{"prompt":'), 400, 'bad_json'],
    [await post('/api/converge', '[1]'), 400, 'bad_request'],
    [await post('/api/converge', {}), 400, 'bad_request'],
    [await post('/api/converge', { prompt: ' ' }), 400, 'bad_request'],
    [await post('/api/design', { prompt: 7 }), 400, 'bad_request'],
    [await post('/api/review', { code: null }), 400, 'bad_request'],
    [await post('/api/decide', { context: 'x' }), 400, 'bad_request'],
    [await post('/api/converge', { prompt: 'x'.repeat(300_000) }), 413, 'too_large'],
    [await get('/api/converge', { method: 'POST', body: 'prompt=x' }), 400, 'bad_request'],
    [await get('/api/status/%ff'), 400, 'bad_request'],
    [await get('/nothing'), 404, 'not_found'],
    [await get('/api/converge'), 404, 'not_found'],
  ];
  for (const [response, status, code] of cases) assert.deepEqual(await failure(response), [status, code], response.url);
  assert.equal(parent.requests.length, 0);
});

test('answers carry security headers and do not name the framework', async (t) => {
  const { get } = await serve(t, ok);
  const { headers } = await get('/health');
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  assert.equal(headers.get('x-powered-by'), null);
});

test('a mistake of the application is in its log and not in its answer', async (t) => {
  const lines = [];
  const log = createLog({ write: (line) => lines.push(line) });
  const convergence = { status: async () => { throw new Error('password is swordfish'); } };
  const server = createServer(createApp({ convergence, tenant: {}, log }));
  server.listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const response = await fetch(`http://127.0.0.1:${server.address().port}/api/status/1`);
  const text = await response.text();
  assert.equal(response.status, 500);
  assert.ok(!text.includes('swordfish'));
  assert.match(lines.join(''), /\[ERROR\] .*swordfish\\n {4}at /);
});
