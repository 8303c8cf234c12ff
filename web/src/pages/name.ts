/** Names of streams, as the server takes them: letters (with their marks) and digits of any script, "-", "_" and ".". */

/** Greatest length of a name, in characters. */
export const maxNameLength = 64;

/** What is wrong with a name: a key of the page words, and what goes into them. */
export type NameProblem =
  | { key: 'name.empty' | 'name.dots' | 'name.space' }
  | { key: 'name.long'; length: number }
  | { key: 'name.character'; character: string };

/** What is wrong with a name; undefined if it is a good one. */
export function nameProblem(name: string): NameProblem | undefined {
  const characters = [...name];
  const stranger = characters.find((character) => !/^[\p{L}\p{M}\p{Nd}._-]$/u.test(character));
  if (name === '') {
    return { key: 'name.empty' };
  }
  if (stranger !== undefined) {
    return /\s/.test(stranger) ? { key: 'name.space' } : { key: 'name.character', character: stranger };
  }
  if (name === '.' || name === '..') {
    return { key: 'name.dots' };
  }
  return characters.length > maxNameLength ? { key: 'name.long', length: characters.length } : undefined;
}

/**
 * The stream's name in a page's path ("/watch/%EB%B4%89%EC%88%98"), '' without one; undefined if it is not UTF-8. In NFC, as
 * the server takes it: some systems write letters in pieces.
 */
export function streamFromPath(path: string): string | undefined {
  const encoded = /^\/(?:watch|embed|publish)\/([^/]*)(?:\/chat)?\/?$/.exec(path)?.[1] ?? '';
  try {
    return decodeURIComponent(encoded).normalize('NFC');
  } catch {
    return undefined;
  }
}

/** The path of something that belongs to a stream. */
export function streamPath(
  place: 'watch' | 'embed' | 'publish' | 'whip' | 'whep' | 'api/v1/streams',
  name: string,
): string {
  return `/${place}/${encodeURIComponent(name)}`;
}
