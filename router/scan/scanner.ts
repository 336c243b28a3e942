import { JsonWalker } from './json-walker.ts';
import { RequestSink } from './request-sink.ts';
import { ScanError } from './scan-error.ts';
import type { ScanProblem, ScanResult } from './scan-result.ts';
import { defaultScanLimits } from './span-rules.ts';
import type { ScanLimits, SpanRules } from './span-rules.ts';

export interface Scanner {
  /** Takes the next bytes of the body; keeps no reference to them. After a problem the rest is ignored. */
  write(chunk: Uint8Array): void;
  /** The problem found so far, so that a long body can be refused early. */
  readonly problem: ScanProblem | undefined;
  /** Ends the body; nothing may be written after it. */
  end(): ScanResult;
}

/**
 * Reads a request body that arrives in pieces, cut anywhere: finds the members that routing needs and hashes those that
 * become the prompt. One pass, no copy of the body, no JSON.parse of anything long.
 */
export function createScanner(rules: SpanRules, limits: ScanLimits = defaultScanLimits): Scanner {
  const sink = new RequestSink(rules, limits);
  const walker = new JsonWalker(sink, limits.maxDepth);
  let bytes = 0;
  let problem: ScanProblem | undefined;

  const attempt = (act: () => void): void => {
    if (problem) return;
    try {
      act();
    } catch (error) {
      if (!(error instanceof ScanError)) throw error;
      problem = { ok: false, code: error.code, at: error.at, ...(error.key === undefined ? {} : { key: error.key }) };
    }
  };

  return {
    get problem() {
      return problem;
    },
    write(chunk) {
      attempt(() => walker.write(chunk));
      bytes += chunk.length;
    },
    end() {
      attempt(() => walker.end());
      return problem ?? { ok: true, bytes, ...sink.result() };
    },
  };
}
