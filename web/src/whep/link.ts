/** One link of a Link header (RFC 8288): its target and its parameters, names in lower case. */
export interface Link {
  readonly target: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads the Link header lines that fetch has joined with commas. What is not a link is left out. */
export function parseLinks(header: string | null): Link[] {
  const links: Link[] = [];
  // A target in angle brackets, then parameters whose values are tokens or quoted strings: commas inside both are harmless.
  const link = /<([^>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;]+))?)*)/g;
  for (const [, target = '', rest = ''] of (header ?? '').matchAll(link)) {
    const parameters = new Map<string, string>();
    for (const [, name = '', quoted, token] of rest.matchAll(
      /;\s*([\w!#$&+.^`|~*-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+)))?/g,
    )) {
      const key = name.toLowerCase();
      if (!parameters.has(key)) {
        parameters.set(key, quoted?.replace(/\\(.)/g, '$1') ?? token ?? '');
      }
    }
    links.push({ target, parameters });
  }
  return links;
}

/** The STUN and TURN servers that the gateway names (RFC 9725 section 4.6). */
export function iceServers(header: string | null): RTCIceServer[] {
  return (
    parseLinks(header)
      .filter(({ parameters }) => parameters.get('rel')?.split(/\s+/).includes('ice-server'))
      .filter(({ target }) => /^(stun|turn)s?:/i.test(target))
      .map(({ target, parameters }) => {
        const username = parameters.get('username');
        const credential = parameters.get('credential');
        return {
          urls: target,
          ...(username !== undefined && { username }),
          ...(credential !== undefined && { credential }),
        };
      })
      // A TURN server without credentials makes the whole configuration invalid (W3C WebRTC, section 4.2.2).
      .filter(
        ({ urls, username, credential }) =>
          !/^turn/i.test(urls) || (username !== undefined && credential !== undefined),
      )
  );
}
