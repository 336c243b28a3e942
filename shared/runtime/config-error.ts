/** A problem of the configuration or of the machine that its user can put right; the message says what to do. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}
