import { isRecord } from '#shared/runtime/is-record.ts';
import type { Segment } from './tokens.ts';

/** Tokens that one picture (or sound, or file) of a message takes, whatever its size. */
const pictureTokens = 256;

/**
 * Renders a conversation the way chat templates do (ChatML): first the system messages with the tools in the same
 * turn, then one turn per message, at last the opened turn of the assistant. Control tokens are never made from
 * text, so nobody can write them into a message.
 */
export function renderChat({
  messages,
  tools,
}: {
  readonly messages: readonly unknown[];
  readonly tools?: readonly unknown[] | undefined;
}): Segment[] {
  const segments: Segment[] = [];
  const turns = messages.filter(isRecord);
  const leading = turns.findIndex((turn) => !isSystem(turn));
  const system = leading < 0 ? turns : turns.slice(0, leading);
  if (system.length > 0 || (tools !== undefined && tools.length > 0)) {
    openTurn(segments, 'system');
    for (const turn of system) addContent(segments, turn['content']);
    if (tools !== undefined && tools.length > 0) addTools(segments, tools);
    closeTurn(segments);
  }
  for (const turn of turns.slice(system.length)) {
    openTurn(segments, String(turn['role']));
    addContent(segments, turn['content']);
    if (Array.isArray(turn['tool_calls'])) addToolCalls(segments, turn['tool_calls']);
    closeTurn(segments);
  }
  openTurn(segments, 'assistant');
  return segments;
}

function isSystem(turn: Record<string, unknown>): boolean {
  return turn['role'] === 'system' || turn['role'] === 'developer';
}

function openTurn(segments: Segment[], role: string): void {
  segments.push({ control: 'turn' }, { text: `${role}\n` });
}

function closeTurn(segments: Segment[]): void {
  segments.push({ control: 'end' }, { text: '\n' });
}

function addTools(segments: Segment[], tools: readonly unknown[]): void {
  segments.push({ text: '\n\n# Tools\nCall one of these functions when it helps:\n' }, { control: 'tools' });
  for (const tool of tools) segments.push({ text: `\n${JSON.stringify(tool)}` });
  segments.push({ control: 'tools-end' });
}

function addToolCalls(segments: Segment[], calls: readonly unknown[]): void {
  for (const call of calls.filter(isRecord)) {
    const called = isRecord(call['function']) ? call['function'] : {};
    segments.push({ control: 'call' }, { text: `${String(called['name'])}\n${String(called['arguments'])}` });
    segments.push({ control: 'call-end' });
  }
}

function addContent(segments: Segment[], content: unknown): void {
  if (typeof content === 'string') segments.push({ text: content });
  if (!Array.isArray(content)) return;
  for (const part of content.filter(isRecord)) {
    if (typeof part['text'] === 'string') segments.push({ text: part['text'] });
    else segments.push({ picture: JSON.stringify(part), tokens: pictureTokens });
  }
}
