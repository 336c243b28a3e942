/** The members of a JSON object, each with its name and its text as it stands. The text is valid JSON. */
export function membersOf(json: string): { name: string; text: string }[] {
  const members: { name: string; text: string }[] = [];
  let at = json.indexOf('{') + 1;
  for (;;) {
    while (/[\s,]/.test(json[at] ?? '')) at += 1;
    if (json[at] !== '"') return members;
    const keyEnd = valueEnd(json, at);
    let start = keyEnd;
    while (/[\s:]/.test(json[start] ?? '')) start += 1;
    const end = valueEnd(json, start);
    members.push({ name: String(JSON.parse(json.slice(at, keyEnd))), text: json.slice(at, end) });
    at = end;
  }
}

/** One past the last character of the value that starts at `from`. */
function valueEnd(json: string, from: number): number {
  let depth = 0;
  for (let at = from; at < json.length; at += 1) {
    const char = json[at];
    if (char === '"') at = stringEnd(json, at);
    else if (char === '{' || char === '[') depth += 1;
    else if (depth > 0) depth -= char === '}' || char === ']' ? 1 : 0;
    else if (/[\s,\]}]/.test(char ?? '')) return at;
    if (depth === 0 && /["\]}]/.test(char ?? '')) return at + 1;
  }
  return json.length;
}

/** Where the string that starts at `from` has its last quote. */
function stringEnd(json: string, from: number): number {
  let at = from + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at;
}
