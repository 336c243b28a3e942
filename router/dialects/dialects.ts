import { chatCompletions } from './chat-completions.ts';
import { completions } from './completions.ts';
import type { Dialect } from './dialect.ts';

/** Every dialect that is served; each is a route of its own. */
export const dialects: readonly Dialect[] = [chatCompletions, completions];
