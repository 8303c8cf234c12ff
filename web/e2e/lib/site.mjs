/** Somebody else's web site, on an origin of its own, which embeds our player. */
import { once } from 'node:events';
import http from 'node:http';

/**
 * @param {Record<string, string>} pages HTML by path
 * @returns {Promise<{ origin: string, close: () => Promise<void> }>}
 */
export async function startSite(pages) {
  const server = http.createServer((request, response) => {
    const body = pages[new URL(request.url ?? '/', 'http://localhost').pathname];
    response.writeHead(body === undefined ? 404 : 200, { 'Content-Type': 'text/html; charset=utf-8' });
    response.end(
      body === undefined ? '' : `<!doctype html><html lang="en"><title>Other site</title>${icon}${body}</html>`,
    );
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    origin: `http://localhost:${port}`, // another site than 127.0.0.1: Chromium gives its frames processes of their own
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Keeps the browser from asking for /favicon.ico. */
const icon = '<link rel="icon" href="data:,">';
