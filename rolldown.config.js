/**
 * Each thread entry of the package becomes one file, with nothing shared between them: a worker that loads sixty modules starts 30 ms later
 * than one that loads four, and each of the four still costs it half a millisecond. The library and the program become a few files
 * together, for the same reason: two hundred modules took the thread that opens a bus 60 ms.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const common = {
  platform: 'node',
  external: (id) => !id.startsWith('.') && !id.startsWith('/'),
};

const threads = ['partition-host', 'coordinator', 'handler', 'listener'].map((name) => ({
  ...common,
  input: [`dist/workers/${name}.js`],
  output: { dir: 'dist/workers', format: 'esm', entryFileNames: '[name].js', chunkFileNames: `${name}-[hash].js` },
}));

const library = {
  ...common,
  input: ['dist/src/index.js', 'dist/src/cli.js'],
  output: { dir: 'dist/src', format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
  plugins: [{ name: 'nothing twice', writeBundle: (_options, bundle) => removeOthers('dist/src', new Set(Object.keys(bundle))) }],
};

/** The modules that went into the files: only their declarations are of use. */
function removeOthers(folder, kept) {
  for (const { parentPath, name } of readdirSync(folder, { withFileTypes: true, recursive: true }).filter((one) => one.isFile())) {
    if (name.endsWith('.js') && !(parentPath === folder && kept.has(name))) rmSync(join(parentPath, name));
  }
}

// The last one takes away what the others are made from.
export default [...threads, library];
