const LEVELS = ['error', 'warn', 'info', 'debug'];

/**
 * Log lines on standard output, as the tenants' logs are documented: `2024-01-15T10:00:00Z [INFO] Listening on port 3000`.
 * `level` is the last level that is written; `info` if it is none of ours.
 */
export function createLog({ level = 'info', write = (line) => process.stdout.write(line) } = {}) {
  const last = LEVELS.includes(level.toLowerCase()) ? LEVELS.indexOf(level.toLowerCase()) : LEVELS.indexOf('info');
  const log = {};
  for (const [index, name] of LEVELS.entries()) {
    log[name] = (message) => {
      if (index <= last) write(`${timestamp()} [${name.toUpperCase()}] ${oneLine(message)}\n`);
    };
  }
  return log;
}

function timestamp() {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z');
}

/** What callers send must not be able to write lines of its own, nor to speak to a terminal. */
function oneLine(message) {
  return String(message).replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => JSON.stringify(character).slice(1, -1));
}
