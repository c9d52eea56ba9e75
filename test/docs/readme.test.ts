/**
 * The README keeps its word: each `ts` example is compiled and run, and prints the `text` block that follows it; each `sh` example
 * is run with the program on its path; commands for a newcomer (`console`) name scripts that exist.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../house/sources.ts';

interface Example {
  language: string;
  line: number;
  code: string;
  /** The text block that follows. */
  output: string | null;
}

function examplesOf(markdown: string): Example[] {
  const found: Example[] = [];
  for (const match of markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
    const line = markdown.slice(0, match.index).split('\n').length;
    const before = found.at(-1);
    if (match[1] === 'text' && before !== undefined) before.output = match[2];
    else found.push({ language: match[1], line, code: match[2], output: null });
  }
  return found;
}

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const examples = examplesOf(readme);
const titled = (language: string) => examples.filter((one) => one.language === language).map((one) => [`line ${one.line}`, one] as const);
/** Pages whose examples are run too. */
const pages = ['stalled-consumers', 'delivery', 'guarantees', 'outgrowing'].flatMap((page) =>
  examplesOf(readFileSync(join(root, 'docs', `${page}.md`), 'utf8'))
    .filter(({ language }) => language === 'ts')
    .map((one) => [`${page} line ${one.line}`, one] as const),
);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-readme-'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  // Examples use packages of the reader's own.
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A folder of its own, so that examples do not see each other's data. */
function place(name: string): string {
  const path = join(folder, name.replaceAll(' ', '-'));
  mkdirSync(path);
  return path;
}

/** 'spillway' as the sources that lie here. */
const local = (code: string) => code.replaceAll(`from 'spillway'`, `from '${join(root, 'src', 'index.ts')}'`);

function run(command: string, argv: string[], cwd: string, env = process.env): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, argv, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (piece) => {
      out += piece;
    });
    child.stderr.on('data', (piece) => {
      err += piece;
    });
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

describe('README', () => {
  test('has examples of each kind', () => {
    expect(titled('ts').length).toBeGreaterThanOrEqual(4);
    expect(titled('sh').length).toBeGreaterThanOrEqual(1);
  });

  test.each([...titled('ts'), ...pages])('%s: prints what it says', async (name, { code, output }) => {
    const cwd = place(name);
    writeFileSync(join(cwd, 'example.ts'), local(code));
    expect(await run(process.execPath, ['example.ts'], cwd)).toEqual({ code: 0, out: output ?? '', err: '' });
  });

  test('all examples compile', () => {
    const cwd = place('types');
    for (const [name, { code }] of [...titled('ts'), ...pages]) writeFileSync(join(cwd, `${name.replaceAll(' ', '-')}.ts`), local(code));
    const compilerOptions = { rewriteRelativeImportExtensions: false, typeRoots: [join(root, 'node_modules', '@types')] };
    writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'] }));
    const { status, stdout } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', cwd], {
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  test.skipIf(process.platform === 'win32').each(titled('sh'))(
    '%s: every command succeeds',
    { timeout: 120_000 },
    async (name, { code }) => {
      const cwd = place(name);
      const bin = join(cwd, 'bin');
      mkdirSync(bin);
      writeFileSync(join(bin, 'spillway'), `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'bin', 'spillway.js')}" "$@"\n`);
      chmodSync(join(bin, 'spillway'), 0o755);
      copyFileSync(join(root, 'node_modules', 'vega-datasets', 'data', 'flights-2k.json'), join(cwd, 'flights.json'));
      const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
      const { code: status, out, err } = await run('/bin/sh', ['-euxc', code], cwd, env);
      expect(status, err).toBe(0);
      // Every line did what it is there for: two consumed, three as JSON, and what was searched.
      expect(out).toMatch(/^[A-Z]{3}\t\{.*\}\n[A-Z]{3}\t\{.*\}\n(\{"topic":"flights","partition":1.*\}\n){3}/m);
      expect(out).toMatch(/ {2}ATL {2}.*"destination":"SFO"/);
    },
  );

  test('commands for a newcomer name scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    const commands = titled('console').map(([, { code }]) => code.trim());
    const [session, ...others] = commands.filter((one) => !one.startsWith('npm '));
    expect([session, others]).toEqual([expect.stringMatching(/^\$ spillway run --port 9092\nlistening on 127\.0\.0\.1:9092, /), []]);
    expect(commands.filter((one) => one !== session)).toEqual(['npm ci && npm start', 'npm run demo', 'npm ci && npm test']);
    const named = [...readme.matchAll(/npm (?:run ([\w-]+)|(start|test)\b)/g)].map((match) => match[1] ?? match[2]);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  test('links lead to files that exist', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1]);
    expect(links.filter((link) => !existsSync(join(root, link)))).toEqual([]);
  });
});
