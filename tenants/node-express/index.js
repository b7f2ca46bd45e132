/**
 * Starter template for a Landfall tenant. The routes are in lib/app.js; this file connects them with the environment, the network
 * and the signals of the container.
 */
import { createServer } from 'node:http';

import { ConvergenceClient } from 'convergence-client';

import { createApp } from './lib/app.js';
import { createLog } from './lib/log.js';
import { readSettings } from './lib/settings.js';

/** How long requests under way may take to finish after SIGTERM; less than the engine waits before it kills. In milliseconds. */
const DRAIN = 8_000;

const log = createLog({ level: process.env.LOG_LEVEL });
log.info('Starting tenant app...');

const { settings, convergence } = configure();
const server = createServer(createApp({ convergence, tenant: settings.tenant, log }));
server.headersTimeout = 10_000;
server.requestTimeout = 30_000;
server.on('error', (error) => {
  log.error(`Cannot listen on port ${settings.port}: ${error.message}`);
  process.exit(1);
});
server.listen(settings.port, () => log.info(`Listening on port ${server.address().port}`));

// Only worth a line: the parent may restart at any time, and each call says for itself when it cannot be reached.
convergence.ping({ signal: AbortSignal.timeout(5_000) }).then(
  () => log.info('Connected to parent API'),
  (error) => log.warn(`Cannot reach the parent API at ${convergence.apiUrl}: ${error.message}`),
);

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    log.info(`${signal}: finishing what is under way`);
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), DRAIN).unref();
  });
}

function configure() {
  try {
    return { settings: readSettings(process.env), convergence: new ConvergenceClient() };
  } catch (error) {
    log.error(`The environment is not that of a tenant: ${error.message}`);
    process.exit(2);
  }
}
