import { ConvergenceError } from './error.js';

export { ConvergenceError };

/** An answer that is larger than this many bytes is refused rather than collected. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** Two agents that converge over several rounds take their time. In milliseconds. */
const DEFAULT_TIMEOUT = 120_000;

const ROLES = {
  design: { agentARole: 'Software Architect', agentBRole: 'Pragmatic Engineer' },
  review: { agentARole: 'Senior Engineer', agentBRole: 'Security Expert' },
  decide: { agentARole: 'Decision Maker', agentBRole: "Devil's Advocate" },
};

/**
 * The parent Convergence API, as a tenant sees it.
 *
 * Without options it is set up from the variables that Landfall gives to each tenant: `CONVERGENCE_API_URL`,
 * `CONVERGENCE_API_KEY`, `TENANT_ID`. Every method rejects with a `ConvergenceError`, except for arguments of the wrong kind,
 * which are a `TypeError`. All take `{ signal, requestId }` beside their own options.
 */
export class ConvergenceClient {
  #apiUrl;
  #apiKey;
  #tenantId;
  #timeout;

  constructor({
    apiUrl = process.env.CONVERGENCE_API_URL,
    apiKey = process.env.CONVERGENCE_API_KEY,
    tenantId = process.env.TENANT_ID,
    timeout = DEFAULT_TIMEOUT,
  } = {}) {
    this.#apiUrl = baseUrl(apiUrl);
    this.#apiKey = required('apiKey (or CONVERGENCE_API_KEY)', apiKey);
    this.#tenantId = tenantId;
    this.#timeout = timeout;
  }

  /** Where the parent is, without the key. */
  get apiUrl() {
    return this.#apiUrl;
  }

  /** Lets two agents work on a prompt. Options: `agentARole`, `agentBRole`, `maxIterations` and what else the parent takes. */
  async converge(prompt, { signal, requestId, ...options } = {}) {
    const body = { ...options, prompt: required('prompt', prompt) };
    return this.#call('POST', '/converge', { body, signal, requestId });
  }

  /** Designs what the description asks for. */
  async design(description, options = {}) {
    return this.converge(required('description', description), { ...ROLES.design, ...options });
  }

  /** Reviews a piece of code. */
  async review(code, options = {}) {
    return this.converge(`Review this code:\n\n${required('code', code)}`, { ...ROLES.review, ...options });
  }

  /** Decides a question; `context` is text, or anything that JSON can hold. */
  async decide(question, context, options = {}) {
    const text = typeof context === 'string' ? context : JSON.stringify(context);
    const prompt = required('question', question) + (text ? `\n\nContext:\n${text}` : '');
    return this.converge(prompt, { ...ROLES.decide, ...options });
  }

  /** The state of a task that was started asynchronously. */
  async status(taskId, { signal, requestId } = {}) {
    const path = `/status/${encodeURIComponent(required('taskId', String(taskId ?? '')))}`;
    return this.#call('GET', path, { signal, requestId });
  }

  /** Resolves when the parent answers anything at all. */
  async ping({ signal } = {}) {
    try {
      await this.#call('GET', '/health', { signal });
    } catch (error) {
      if (error.status === undefined) throw error;
    }
  }

  async #call(method, path, { body, signal, requestId }) {
    const timeout = AbortSignal.timeout(this.#timeout);
    const headers = { accept: 'application/json', authorization: `Bearer ${this.#apiKey}` };
    if (this.#tenantId) headers['x-tenant-id'] = this.#tenantId;
    if (requestId) headers['x-request-id'] = requestId;
    if (body) headers['content-type'] = 'application/json';
    try {
      const response = await fetch(this.#apiUrl + path, {
        method,
        headers,
        body: body && JSON.stringify(body),
        // The key must not follow a redirect to somewhere else.
        redirect: 'error',
        signal: signal ? anySignal([signal, timeout]) : timeout,
      });
      return await readAnswer(response);
    } catch (failure) {
      // Asked of the signals: what `fetch` throws for them differs between versions of Node.js.
      if (signal?.aborted) throw new ConvergenceError('the call was cancelled', { code: 'cancelled', cause: failure });
      if (timeout.aborted) throw new ConvergenceError('the parent did not answer in time', { code: 'timeout', cause: failure });
      throw ConvergenceError.fromFailure(failure);
    }
  }
}

async function readAnswer(response) {
  const text = await readBounded(response);
  const body = parse(text);
  if (!response.ok) throw ConvergenceError.fromAnswer(response, body);
  if (body === undefined) {
    throw new ConvergenceError('the answer is not JSON', { status: response.status, code: 'malformed' });
  }
  return body;
}

async function readBounded(response) {
  const chunks = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) {
      throw new ConvergenceError('the answer is larger than 8 MiB', { status: response.status, code: 'too_large' });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `AbortSignal.any`, which Node.js has from 20.3 on. */
function anySignal(signals) {
  const controller = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true, signal: controller.signal });
  }
  return controller.signal;
}

function baseUrl(url) {
  const text = required('apiUrl (or CONVERGENCE_API_URL)', url);
  if (!URL.canParse(text) || !['http:', 'https:'].includes(new URL(text).protocol)) {
    throw new TypeError(`apiUrl must be an http:// or https:// URL, not ${JSON.stringify(text)}`);
  }
  return text.replace(/\/+$/, '');
}

function required(name, value) {
  if (typeof value !== 'string' || value.trim() === '') throw new TypeError(`${name} must be a text that is not empty`);
  return value;
}
