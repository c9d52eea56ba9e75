/**
 * `npm run bench -- [NAME…] [--json] [--quick] [--only TEXT] [--dir FOLDER] [--out FOLDER]`: runs each bench in a process of its own, prints
 * its lines and writes them to bench/results/NAME-DATE.json with the machine, the commit and the date.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { BenchLine, Dose } from './harness.ts';
import { describeCommit, describeMachine } from './machine.ts';
import { type BenchName, benches, entryOf, isBenchName } from './names.ts';
import { endWithUs } from './offspring.ts';
import { printTable } from './table.ts';

const root = resolve(import.meta.dirname, '..');

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    // The dose of `npm test`: enough to see that a bench still runs, too little to measure. Leaves no results.
    smoke: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    dir: { type: 'string' },
    out: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const unknown = positionals.filter((name) => !isBenchName(name));
if (options.help || unknown.length > 0) {
  if (unknown.length > 0) console.error(`There is no bench ${unknown.map((name) => `"${name}"`).join(', ')}.\n`);
  console.error('npm run bench -- [NAME…] [--json] [--quick] [--only TEXT] [--dir FOLDER] [--out FOLDER]\n');
  for (const [name, { about }] of Object.entries(benches)) console.error(`  ${name.padEnd(10)} ${about}`);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const dose: Dose = options.smoke ? 'smoke' : options.quick ? 'quick' : 'full';
// Beside the repository's files, not in the system's temporary folder: that one may be memory, where a sync costs nothing.
const scratch = options.dir === undefined ? join(root, '.spillway', 'bench') : resolve(options.dir);
const out =
  options.out !== undefined ? resolve(options.out) : dose === 'smoke' || options.only !== '' ? null : join(root, 'bench', 'results');
const names = positionals.length > 0 ? (positionals as BenchName[]) : (Object.keys(benches) as BenchName[]);

let failed = 0;
for (const name of names) {
  const startedAt = new Date();
  const machine = describeMachine();
  const { lines, code } = await runChild(name);
  if (code !== 0) {
    failed++;
    console.error(`${name} failed (exit code ${code}).`);
  }
  if (!options.json) printTable(name, benches[name].about, lines);
  if (out === null || code !== 0) continue;
  const finishedAt = new Date();
  const result = {
    bench: name,
    dose,
    date: startedAt.toISOString(),
    seconds: Math.round((+finishedAt - +startedAt) / 1000),
    commit: describeCommit(root),
    machine,
    lines,
  };
  mkdirSync(out, { recursive: true });
  // One case per line: a later run differs from it line by line.
  const { lines: _, ...head } = result;
  const body = `${JSON.stringify(head).slice(0, -1)},"lines":[\n${lines.map((line) => `  ${JSON.stringify(line)}`).join(',\n')}\n]}\n`;
  writeFileSync(join(out, `${name}-${startedAt.toISOString().slice(0, 19).replaceAll(':', '')}.json`), body);
}
process.exitCode = failed === 0 ? 0 : 1;

async function runChild(name: BenchName): Promise<{ lines: BenchLine[]; code: number }> {
  mkdirSync(scratch, { recursive: true });
  const folder = join(scratch, `${name}-${process.pid}`);
  const { preload } = entryOf(name);
  const flags = preload === undefined ? [] : ['--import', new URL(preload, import.meta.url).href];
  const child = spawn(process.execPath, [...flags, join(root, 'bench', 'child.ts'), name, dose, folder, options.only], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  endWithUs(child);
  const lines: BenchLine[] = [];
  const ended = new Promise<number>((done) => child.once('close', (code) => done(code ?? 1)));
  for await (const text of createInterface({ input: child.stdout })) {
    lines.push(JSON.parse(text) as BenchLine);
    if (options.json) console.log(text);
  }
  const code = await ended;
  rmSync(folder, { recursive: true, force: true });
  return { lines, code };
}
