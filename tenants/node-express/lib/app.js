import { randomUUID } from 'node:crypto';

import express from 'express';
import helmet from 'helmet';

import { BadRequest, explain } from './errors.js';

/** Prompts are text: this is a book chapter, or a source file of seven thousand lines. */
const BODY_LIMIT = '256kb';

/** A caller's own request id, if it is one that can stand in a log line. */
const REQUEST_ID = /^[\w.-]{1,64}$/;

/**
 * The application: six endpoints in front of the parent's API. What it needs comes in, so that tests can bring their own.
 *
 * `convergence` is a ConvergenceClient, `tenant` what `/health` says about this tenant, `log` has `error`, `warn`, `info`, `debug`.
 */
export function createApp({ convergence, tenant, log }) {
  const app = express();
  app.disable('x-powered-by');
  app.use(identify, logRequests(log), helmet(), express.json({ limit: BODY_LIMIT }));

  // Says nothing about the parent: its absence is no reason to restart this container.
  app.get('/health', (request, response) => {
    response.json({ status: 'ok', tenant, uptime: Math.floor(process.uptime()) });
  });

  app.post('/api/converge', async (request, response) => {
    const { prompt, ...options } = body(request);
    await answer(response, convergence.converge(text('prompt', prompt), within(response, options)));
  });

  app.post('/api/design', async (request, response) => {
    const { prompt, description = prompt, ...options } = body(request);
    await answer(response, convergence.design(text('description', description), within(response, options)));
  });

  app.post('/api/review', async (request, response) => {
    const { code, ...options } = body(request);
    await answer(response, convergence.review(text('code', code), within(response, options)));
  });

  app.post('/api/decide', async (request, response) => {
    const { question, context, ...options } = body(request);
    await answer(response, convergence.decide(text('question', question), context, within(response, options)));
  });

  app.get('/api/status/:taskId', async (request, response) => {
    await answer(response, convergence.status(request.params.taskId, within(response, {})));
  });

  app.use((request, response) => {
    fail(response, { status: 404, code: 'not_found', message: `There is no ${request.method} ${request.path}.` });
  });
  app.use(handleErrors(log));
  return app;
}

/** Gives the request an id that its log lines, its answer and the parent's log have in common. */
function identify(request, response, next) {
  const given = request.get('x-request-id');
  response.locals.requestId = REQUEST_ID.test(given ?? '') ? given : randomUUID();
  response.set('x-request-id', response.locals.requestId);
  next();
}

/** One line a request, when it has been answered. Health checks come every few seconds and are for debugging only. */
function logRequests(log) {
  return (request, response, next) => {
    const started = performance.now();
    const { method, path } = request;
    response.on('close', () => {
      const took = Math.round(performance.now() - started);
      const outcome = response.writableFinished ? response.statusCode : 'gone';
      const line = `${method} ${path} ${outcome} ${took}ms ${response.locals.requestId}`;
      if (path === '/health') log.debug(line);
      else log.info(line);
    });
    next();
  };
}

function handleErrors(log) {
  return (error, request, response, next) => {
    const explanation = explain(error);
    const { requestId } = response.locals;
    if (explanation.status === 500) log.error(`${requestId} ${error.stack ?? error}`);
    else if (explanation.status > 500) log.warn(`${requestId} ${error.message}`);
    if (response.headersSent) return next(error);
    return fail(response, explanation);
  };
}

function fail(response, { status, code, message, retryAfter }) {
  if (retryAfter !== undefined) response.set('retry-after', String(retryAfter));
  response.status(status).json({ error: { code, message, requestId: response.locals.requestId } });
}

async function answer(response, call) {
  const result = await call;
  response.json({ success: true, result });
}

/** The options of a call, with the request's id and an end when the caller goes away. */
function within(response, options) {
  const { requestId } = response.locals;
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return { ...options, requestId, signal: gone.signal };
}

function body(request) {
  const { body } = request;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new BadRequest('Send a JSON object with the header Content-Type: application/json.');
  }
  return body;
}

function text(name, value) {
  if (typeof value !== 'string' || value.trim() === '') throw new BadRequest(`"${name}" must be a text that is not empty.`);
  return value;
}
