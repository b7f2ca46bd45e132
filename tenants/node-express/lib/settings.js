const DEFAULT_PORT = 3000;

/** What the runtime tells its tenant through environment variables, apart from what the client library reads itself. */
export function readSettings(environment) {
  return {
    port: readPort(environment.PORT),
    tenant: { id: environment.TENANT_ID, name: environment.TENANT_NAME, envId: environment.CONVERGENCE_ENV_ID },
  };
}

function readPort(text = String(DEFAULT_PORT)) {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new TypeError(`PORT is ${JSON.stringify(text)}, not a port number`);
  return port;
}
