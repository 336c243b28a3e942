/** A message of a conversation, as clients send it. */
export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** One user's conversation: everything that was said, to be sent whole with each turn. */
export interface Conversation {
  user: string;
  messages: Message[];
}

const syllables = [
  'ka',
  'lo',
  'mi',
  'ren',
  'tas',
  'vu',
  'del',
  'por',
  'qui',
  'zan',
  'hef',
  'go',
  'bri',
  'nul',
  'sy',
  'wat',
];

/** About `bytes` bytes of words that no other seed makes. */
export function proseOf(random: () => number, bytes: number): string {
  const words: string[] = [];
  for (let length = 0; length < bytes;) {
    const word = Array.from(
      { length: 1 + Math.floor(random() * 4) },
      () => syllables[Math.floor(random() * syllables.length)],
    ).join('');
    words.push(word);
    length += word.length + 1;
  }
  return words.join(' ');
}

/** Begins a conversation with a system text that others may share. */
export function beginConversation(user: string, system: string): Conversation {
  return { user, messages: [{ role: 'system', content: system }] };
}

/** The conversation with one more question of the user. */
export function ask(conversation: Conversation, question: string): Conversation {
  return { ...conversation, messages: [...conversation.messages, { role: 'user', content: question }] };
}

/** The conversation with the model's answer. */
export function hear(conversation: Conversation, answer: string): Conversation {
  return { ...conversation, messages: [...conversation.messages, { role: 'assistant', content: answer }] };
}
