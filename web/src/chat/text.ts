/** What is in a message: links, and names that are called. Everything stays text; nothing becomes HTML. */

export type Segment =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly href: string }
  | { readonly kind: 'mention'; readonly text: string; readonly me: boolean };

/** Splits a message. Names are those of the people who are known to be here. */
export function segments(text: string, names: readonly string[] = [], me?: string): Segment[] {
  const found: Segment[] = [];
  let plain = '';
  const put = (segment: Segment) => {
    if (plain) {
      found.push({ kind: 'text', text: plain });
      plain = '';
    }
    found.push(segment);
  };
  const known = [...(me ? [me] : []), ...names];
  for (let at = 0; at < text.length; ) {
    const link = linkAt(text, at);
    const name = link ? undefined : mentionAt(text, at, known);
    if (link) {
      put(link);
      at += link.text.length;
    } else if (name) {
      const called = text.slice(at, at + name.length + 1);
      put({ kind: 'mention', text: called, me: me !== undefined && sameName(name, me) });
      at += called.length;
    } else {
      plain += text[at];
      at++;
    }
  }
  if (plain) {
    found.push({ kind: 'text', text: plain });
  }
  return found;
}

const linkPattern = /https?:\/\/[^\s<>"'`{}|\\^]+/iy;

/** The link that begins here. What closes a sentence or a bracket is not part of it. */
function linkAt(text: string, at: number): Extract<Segment, { kind: 'link' }> | undefined {
  if ((text[at] !== 'h' && text[at] !== 'H') || isLetter(text[at - 1])) {
    return undefined;
  }
  linkPattern.lastIndex = at;
  const whole = linkPattern.exec(text)?.[0];
  const shown = whole && withoutEnd(whole);
  if (!shown || !URL.canParse(shown)) {
    return undefined;
  }
  const url = new URL(shown);
  // "https://bank.example@mallory.example" leads to mallory.
  const honest = url.username === '' && url.password === '' && /^https?:$/.test(url.protocol);
  return honest ? { kind: 'link', text: shown, href: url.href } : undefined;
}

function withoutEnd(link: string): string {
  for (let end = link.length; end > 0; end--) {
    const last = link[end - 1] ?? '';
    const unpaired = (open: string, close: string) =>
      last === close && count(link.slice(0, end), close) > count(link.slice(0, end), open);
    const closes = '.,:;!?…。、，！？」』”’'.includes(last) || unpaired('(', ')') || unpaired('[', ']');
    if (!closes) {
      return link.slice(0, end);
    }
  }
  return '';
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}

/** The longest known name that is called here by an "@". */
function mentionAt(text: string, at: number, names: readonly string[]): string | undefined {
  if (text[at] !== '@' || isLetter(text[at - 1])) {
    return undefined;
  }
  let longest: string | undefined;
  for (const name of names) {
    const longer = name.length > (longest?.length ?? 0);
    if (longer && sameName(text.slice(at + 1, at + 1 + name.length), name) && endsThere(text, at + 1 + name.length)) {
      longest = name;
    }
  }
  return longest;
}

/** Whether a name may end there. In scripts without spaces a particle follows at once: "@은하는". */
function endsThere(text: string, end: number): boolean {
  const after = text[end];
  return (
    !isLetter(after) || /[\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(after ?? '')
  );
}

function isLetter(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{N}_]/u.test(character);
}

function sameName(one: string, other: string): boolean {
  return one.normalize('NFC').toLocaleLowerCase() === other.normalize('NFC').toLocaleLowerCase();
}

/** What is being completed at the caret: "@" and the beginning of a name, without a line end. */
export function completionAt(
  text: string,
  caret: number,
): { readonly from: number; readonly begin: string } | undefined {
  const from = text.slice(0, caret).lastIndexOf('@');
  const begin = text.slice(from + 1, caret);
  if (from < 0 || isLetter(text[from - 1]) || begin.length > 24 || /[\n@]|\s\s|^\s/.test(begin)) {
    return undefined;
  }
  return { from, begin };
}

/** Names that begin so, or of which a word does; the former first. */
export function completions(begin: string, names: readonly string[], most = 6): string[] {
  const wanted = begin.normalize('NFC').toLocaleLowerCase();
  const rank = (name: string) => {
    const low = name.toLocaleLowerCase();
    return low.startsWith(wanted) ? 0 : low.split(/[\s\-_.']/).some((word) => word.startsWith(wanted)) ? 1 : 2;
  };
  return names
    .map((name) => ({ name, rank: rank(name) }))
    .filter((one) => one.rank < 2)
    .sort((a, b) => a.rank - b.rank || a.name.localeCompare(b.name))
    .slice(0, most)
    .map(({ name }) => name);
}

/** Characters as the server counts them: code points. */
export function length(text: string): number {
  return [...text.normalize('NFC').trim()].length;
}

/** One of so many colors for a name: always the same for the same person. */
export function colorOf(id: string, colors: number): number {
  let hash = 0;
  for (const character of id) {
    hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  }
  return hash % colors;
}
