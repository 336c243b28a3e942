import type { Dialect } from './dialect.ts';

/**
 * What streams of server-sent events have in common in all APIs. The heartbeat is a comment, which all SDKs of 2026 pass
 * over: `event: ping` breaks three of OpenAI's, and in Anthropic's API not every client expects one before `message_start`.
 */
export const eventStream: Pick<Dialect, 'streamType' | 'heartbeat'> = {
  streamType: 'text/event-stream',
  heartbeat: Buffer.from(': keep-alive\n\n'),
};
