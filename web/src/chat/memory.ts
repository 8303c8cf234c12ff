/** What the chat remembers of us, by server: who we are, and the invitations that we came by. */

export interface Memory {
  token?: string;
  name?: string;
}

const prefix = 'bongsu.chat';

export function recall(server: string): Memory {
  try {
    const { token, name } = Object(JSON.parse(localStorage.getItem(`${prefix}.${server}`) ?? '{}')) as Record<
      string,
      unknown
    >;
    return { ...(typeof token === 'string' && { token }), ...(typeof name === 'string' && { name }) };
  } catch {
    return {};
  }
}

export function remember(server: string, memory: Memory): void {
  store(`${prefix}.${server}`, JSON.stringify({ ...recall(server), ...memory }));
}

/** The invitation to a room; a new one, if there is one, is kept. */
export function invitation(server: string, stream: string, fresh?: string | null): string | undefined {
  const key = `${prefix}.invitation.${server}/${stream}`;
  if (fresh) {
    store(key, fresh);
    return fresh;
  }
  try {
    return localStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

/** The administrator's token, which goes with the tab. */
export function recallCredential(): string {
  try {
    return sessionStorage.getItem(`${prefix}.credential`) ?? '';
  } catch {
    return '';
  }
}

export function rememberCredential(credential: string): void {
  store(`${prefix}.credential`, credential, () => sessionStorage);
}

function store(key: string, value: string, storage = () => localStorage): void {
  try {
    storage().setItem(key, value);
  } catch {
    // A private window, or a frame on another site: we are somebody new each time.
  }
}
