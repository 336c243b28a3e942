import path from 'node:path';
import { lastLine, runLongTool } from './run-tool.mjs';
import { SetupError } from './say.mjs';

const installTimeoutMs = 15 * 60_000;

/**
 * Runs the npm that started us (any of 10, 11, 12), or the one on the PATH. Its cache is tried first, so that it works
 * offline; when the cache is too old to know a version, once more with the registry first. Proxies, registries and
 * certificates are those of the user's npm settings.
 */
export async function npm(context, args, cwd) {
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  let result = await runNpm(context, [...args, ...quiet, '--prefer-offline'], cwd);
  if (result.code !== 0 && /ETARGET|ENOVERSIONS|E404|EINTEGRITY|ENOTCACHED/.test(result.output)) {
    result = await runNpm(context, [...args, ...quiet, '--prefer-online'], cwd);
  }
  context.signal.throwIfAborted();
  if (result.code !== 0) throw new SetupError(explain(args[0], result));
}

function runNpm(context, args, cwd) {
  const options = { cwd, env: context.env, signal: context.signal, timeoutMs: installTimeoutMs };
  const script = context.env.npm_execpath;
  if (!script || !/npm-cli\.[cm]?js$/.test(path.basename(script))) return runLongTool('npm', args, options);
  return runLongTool(context.env.npm_node_execpath || process.execPath, [script, ...args], options);
}

function explain(command, result) {
  const what = `npm ${command} failed: ${lastLine(result.output)}`;
  const again = 'then run the same command again.';
  if (/ENOSPC/.test(result.output)) return `${what}\nThe disk is full: free about 1 GB, ${again}`;
  if (/EACCES|EROFS|EPERM/.test(result.output))
    return `${what}\nThat folder cannot be written: make it yours, ${again}`;
  if (/ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ENETUNREACH|network/i.test(result.output)) {
    return `${what}\nThe package registry cannot be reached: check the network (behind a proxy: npm config set https-proxy URL), ${again}`;
  }
  return `${result.output.trim()}\n${what}\nRepair what npm names above, ${again}`;
}
