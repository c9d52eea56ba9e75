/** The source files of the house as the rules see them: path, text without comments, and what each imports. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Source {
  /** From the repository's root, with forward slashes. */
  path: string;
  text: string;
  /** The text with comments and the contents of plain strings blanked. */
  code: string;
  /** Repository paths of relative imports. */
  files: string[];
  /** Package and builtin names (`piscina`, `@node-rs/crc32`, `node:fs`). */
  packages: string[];
}

export function readSources(pattern: string): Source[] {
  return globSync(pattern, { cwd: root })
    .map((path) => readSource(path.split(sep).join('/')))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

export function readSource(path: string, text = readFileSync(join(root, path), 'utf8')): Source {
  const bare = withoutComments(text);
  const files: string[] = [];
  const packages: string[] = [];
  for (const name of importsOf(bare)) {
    if (name.startsWith('.'))
      files.push(
        relative(root, normalize(join(root, dirname(path), name)))
          .split(sep)
          .join('/'),
      );
    else packages.push(packageOf(name));
  }
  return { path, text, code: bare.replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''"), files, packages };
}

function importsOf(code: string): string[] {
  const names: string[] = [];
  const statement = /\b(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g;
  for (const match of code.matchAll(statement)) names.push(match[1] ?? match[2]);
  return names;
}

/** `node:fs/promises` → `node:fs`, `@scope/name/deep` → `@scope/name`. */
function packageOf(name: string): string {
  const parts = name.split('/');
  return name.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
}

function withoutComments(text: string): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|(^|[^:'"`\\])\/\/[^\n]*/g,
    (comment, before: string | undefined) => `${before ?? ''}${'\n'.repeat(comment.split('\n').length - 1)}`,
  );
}
