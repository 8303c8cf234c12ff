import { defineConfig } from 'vitest/config';

/** The page files of the site: each becomes dist/<name>.html, with its scripts and styles in dist/assets. */
const pages = ['index', 'watch', 'embed', 'publish', 'embed-chat', 'relay-demo'];

/** Where `npm run dev` finds the gateway. */
const gateway = process.env['BONGSU_URL'] ?? 'http://localhost:8080';

export default defineConfig({
  build: {
    target: 'es2022',
    rolldownOptions: { input: pages.map((name) => `${name}.html`) },
  },
  server: {
    proxy: {
      '^/(whip|whep|session|chat|api|oembed)(/|$|\\?)': { target: gateway, changeOrigin: true },
      '/relay': { target: gateway, ws: true, bypass: ({ url }) => (url === '/relay' ? undefined : url) },
      '/signal': { target: gateway, ws: true },
    },
  },
  plugins: [
    {
      // The gateway serves /watch/name from watch.html; do the same in development.
      name: 'bongsu-routes',
      configureServer(server) {
        server.middlewares.use((request, _response, next) => {
          const chat = /^\/embed\/[^/?]+\/chat(\?|$)/.test(request.url ?? '');
          const page = /^\/(?:(watch|embed|publish)\/|(relay-demo)$)[^?]*/.exec(request.url ?? '');
          if (page) {
            request.url = chat ? '/embed-chat.html' : `/${page[1] ?? page[2]}.html`;
          }
          next();
        });
      },
    },
  ],
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
    restoreMocks: true,
    // Lit says at every start that it is in development mode; in tests it may be.
    onConsoleLog: (log) => !log.includes('Lit is in dev mode'),
  },
});
