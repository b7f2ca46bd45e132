import { createServer } from 'node:http';
import { once } from 'node:events';

/**
 * A parent API for tests. It records what it was asked and answers with whatever `answer(request)` returns:
 * `{ status, body, headers }`, or nothing to leave the caller waiting.
 */
export async function startParent(answer) {
  const requests = [];
  const server = createServer(async (incoming, response) => {
    let text = '';
    for await (const chunk of incoming) text += chunk;
    const { method, url, headers } = incoming;
    const request = { method, url, headers, body: text && JSON.parse(text) };
    requests.push(request);
    const reply = answer(request);
    if (!reply) return;
    response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
    response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    requests,
    apiUrl: `http://127.0.0.1:${server.address().port}/api/v1`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
