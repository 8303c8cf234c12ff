import { readFileSync } from 'node:fs';
import { defineConfig } from 'vite';

/** dist/player.js: both elements in one self-contained ES module that any site can load, and its declarations. */
export default defineConfig({
  publicDir: false,
  build: {
    target: 'es2022',
    emptyOutDir: false,
    lib: { entry: 'src/player.ts', formats: ['es'], fileName: () => 'player.js' },
    rolldownOptions: { output: { codeSplitting: false, minify: true } },
  },
  plugins: [
    {
      // api.ts has nothing but declarations: it is a declaration file as it stands.
      name: 'bongsu-declarations',
      generateBundle() {
        this.emitFile({ type: 'asset', fileName: 'player.d.ts', source: readFileSync('src/api.ts') });
      },
    },
  ],
});
