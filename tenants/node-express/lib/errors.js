import { ConvergenceError } from 'convergence-client';

/** A request that the caller can correct. */
export class BadRequest extends Error {
  constructor(message) {
    super(message);
    this.name = 'BadRequest';
  }
}

/** The parent's answers that are the caller's business; of others the caller only learns that the parent did not answer. */
const PASSED_ON = new Set([400, 404, 409, 413, 422, 429]);

/** What a caller is told about an error: `{ status, code, message, retryAfter }`. */
export function explain(error) {
  if (error instanceof BadRequest) return { status: 400, code: 'bad_request', message: error.message };
  if (error instanceof ConvergenceError) return explainParent(error);
  if (error.type === 'entity.parse.failed') {
    return { status: 400, code: 'bad_json', message: 'The body is not valid JSON.' };
  }
  if (error.type === 'entity.too.large') {
    return { status: 413, code: 'too_large', message: 'The body is larger than 256 KiB.' };
  }
  // What Express and its parsers refuse carries its status: a bad escape in the path, an unknown charset, a broken upload.
  if (error.status >= 400 && error.status < 500) {
    return { status: error.status, code: 'bad_request', message: 'The request cannot be read.' };
  }
  return { status: 500, code: 'internal', message: 'Something went wrong in this application; its log says more.' };
}

function explainParent({ status, code, message, retryAfter }) {
  if (PASSED_ON.has(status)) return { status, code: code ?? 'refused', message, retryAfter };
  if (code === 'timeout') return { status: 504, code: 'parent_timeout', message };
  if (status === undefined) return { status: 502, code: 'parent_unreachable', message };
  return { status: 502, code: 'parent_failed', message, retryAfter };
}
