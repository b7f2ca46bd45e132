/**
 * A call to the parent API that did not succeed.
 *
 * `status` is the HTTP status of the answer, or undefined if there was none. `code` is a word for programs: the parent's own
 * (`error.code` of its answer), or `unreachable`, `timeout`, `cancelled`, `too_large`, `malformed`. `requestId` is the
 * parent's, for its logs. `retryAfter` is in seconds, when the parent named a time. No error holds the API key.
 */
export class ConvergenceError extends Error {
  constructor(message, { status, code, requestId, retryAfter, cause } = {}) {
    super(`Convergence API error: ${message}`, cause === undefined ? undefined : { cause });
    this.name = 'ConvergenceError';
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
  }

  /** From what `fetch` or reading its answer threw. */
  static fromFailure(failure) {
    if (failure instanceof ConvergenceError) return failure;
    return new ConvergenceError(describe(failure), { code: 'unreachable', cause: failure });
  }

  /** From an answer whose status says that the call failed; `body` is what came with it, parsed if it was JSON. */
  static fromAnswer(response, body) {
    const { code, message, requestId } = typeof body?.error === 'object' && body.error !== null ? body.error : {};
    const retryAfter = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
    return new ConvergenceError(typeof message === 'string' ? message : `HTTP ${response.status}`, {
      status: response.status,
      code: typeof code === 'string' ? code : undefined,
      requestId: typeof requestId === 'string' ? requestId : undefined,
      retryAfter: Number.isFinite(retryAfter) ? retryAfter : undefined,
    });
  }
}

/** `ECONNREFUSED 127.0.0.1:3000` rather than `fetch failed`. */
function describe(failure) {
  const cause = failure?.cause?.errors?.[0] ?? failure?.cause ?? failure;
  const where = cause?.address ? ` ${cause.address}:${cause.port}` : cause?.hostname ? ` ${cause.hostname}` : '';
  return cause?.code ? `${cause.code}${where}` : (cause?.message ?? String(cause));
}
