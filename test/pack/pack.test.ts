/**
 * The npm package as a user gets it: packed, installed into an empty folder, used from JavaScript, from TypeScript under both ways of
 * resolving modules, in a worker of the user's, and by its program.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '../house/sources.ts';

let app: string;

function call(command: string, argv: string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(command, argv, { cwd, encoding: 'utf8', shell: process.platform === 'win32' });
  return { status, stdout, stderr };
}

const node = (...argv: string[]) => call(process.execPath, argv, app);

beforeAll(() => {
  app = mkdtempSync(join(tmpdir(), 'spillway-pack-'));
  const packed = call('npm', ['pack', '--json', '--pack-destination', app], root);
  expect(packed.status, packed.stderr).toBe(0);
  const tarball = readdirSync(app).find((name) => name.endsWith('.tgz')) as string;
  writeFileSync(join(app, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const installed = call('npm', ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', `./${tarball}`], app);
  if (installed.status !== 0) installByHand(join(app, tarball), installed.stderr);
  // TypeScript and Node's types are the user's own; ours will do.
  for (const name of ['typescript', '@typescript', '@types/node', 'undici-types']) link(name);
}, 120_000);

afterAll(() => rmSync(app, { recursive: true, force: true }));

/** Without a network and with a cold cache: the package's own files, and what it depends on from here. */
function installByHand(tarball: string, why: string): void {
  expect(why, 'npm install may fail for want of a network alone').toMatch(
    /ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|network/i,
  );
  const target = join(app, 'node_modules', 'spillway');
  mkdirSync(target, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  for (const name of Object.keys(dependencies)) link(name);
}

function link(name: string): void {
  const target = join(app, 'node_modules', name);
  if (existsSync(target)) return;
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(join(root, 'node_modules', name), target, 'junction');
}

test('the package holds what it needs and nothing else', () => {
  const top = readdirSync(join(app, 'node_modules', 'spillway')).sort();
  expect(top.filter((name) => !/^(README\.md|CHANGELOG\.md|LICENSE)$/.test(name))).toEqual(['bin', 'dist', 'package.json']);
  const files = readdirSync(join(app, 'node_modules', 'spillway', 'dist'), { recursive: true }).map(String);
  expect(files.filter((name) => name.includes('.') && !/\.(js|d\.ts)$/.test(name))).toEqual([]);
  expect(files.filter((name) => /test|demo|bench/.test(name))).toEqual([]);
});

test('plain JavaScript: a bus in memory and one in a folder', () => {
  writeFileSync(
    join(app, 'plain.js'),
    `import { Bus } from 'spillway';
for (const options of [{}, { dir: 'data' }]) {
  await using bus = await Bus.open(options);
  const { offset, durability } = await bus.producer().send('orders', { key: 'a', value: { id: 1 } });
  const consumer = bus.consumer({ autoOffsetReset: 'earliest' });
  await consumer.assign('orders');
  for await (const record of consumer) {
    console.log(JSON.stringify([offset, durability, record.key, record.value]));
    break;
  }
}
`,
  );
  expect(node('plain.js')).toEqual({ status: 0, stdout: '[0,"memory","a",{"id":1}]\n[0,"synced","a",{"id":1}]\n', stderr: '' });
});

test("a worker of the user's takes part", () => {
  writeFileSync(
    join(app, 'main.js'),
    `import { Worker } from 'node:worker_threads';
import { Bus } from 'spillway';
await using bus = await Bus.open();
const handle = bus.handle();
const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: handle, transferList: [...handle.transferList] });
const consumer = bus.consumer({ autoOffsetReset: 'earliest' });
const gone = new Promise((resolve) => worker.once('exit', resolve));
await gone;
await consumer.assign('fromWorker');
for await (const record of consumer) {
  console.log(record.value);
  break;
}
`,
  );
  writeFileSync(
    join(app, 'worker.js'),
    `import { workerData } from 'node:worker_threads';
import { attach } from 'spillway';
await using bus = attach(workerData);
await bus.producer().send('fromWorker', { value: 'hello' });
`,
  );
  expect(node('main.js')).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
});

test('handlers in a module run in threads of the package', () => {
  writeFileSync(join(app, 'handler.js'), `export const eachRecord = ({ value }) => console.log('handled', value);\n`);
  writeFileSync(
    join(app, 'run.js'),
    `import { Bus } from 'spillway';
await using bus = await Bus.open();
await bus.producer().send('orders', { value: 'tea' });
const consumer = bus.consumer({ groupId: 'g', topics: ['orders'], autoOffsetReset: 'earliest' });
const run = consumer.run({ module: new URL('./handler.js', import.meta.url), threads: 2 });
while ((await consumer.committed([{ topic: 'orders', partition: 0 }]))[0].offset !== 1) {
  await new Promise((resolve) => setTimeout(resolve, 20));
  await consumer.commit();
}
await consumer.close();
console.log((await run).handled);
`,
  );
  expect(node('run.js')).toEqual({ status: 0, stdout: 'handled tea\n1\n', stderr: '' });
});

const program = `import { attach, Bus, BusError, type BusHandle, defineTopic, type Serde, serdes } from 'spillway';

interface Order {
  id: number;
}

const orders = defineTopic('orders', { key: serdes.string, value: serdes.json<Order>(), headers: { trace: serdes.string } });

await using bus = await Bus.open({ memoryBytesMax: 64 * 1024 * 1024 });
const { offset } = await bus.producer().send(orders, { key: 'a', value: { id: 1 }, headers: { trace: 'x' } });
const place: number = offset;
// @ts-expect-error a value of another type
const wrong: Promise<unknown> = bus.producer().send(orders, { key: 'a', value: { id: 'one' } });
wrong.catch((error: BusError) => error.code === 'INVALID_DATA');
// @ts-expect-error Bus is not any
if (place < 0) bus.nothing();
const upper: Serde<string> = { name: 'upper', serialize: (text) => Buffer.from(text.toUpperCase()), deserialize: String };
const join = (handle: BusHandle) => attach(handle).producer({ value: upper });
console.log(place, typeof join);
`;

test.each([
  ['nodenext', { module: 'nodenext' }],
  ['bundler', { module: 'esnext', moduleResolution: 'bundler' }],
])('TypeScript: types resolve (%s), the libraries are checked too', (name, options) => {
  writeFileSync(join(app, 'program.ts'), program);
  const compilerOptions = {
    strict: true,
    target: 'esnext',
    lib: ['esnext'],
    types: ['node'],
    noEmit: true,
    skipLibCheck: false,
    ...options,
  };
  writeFileSync(join(app, `tsconfig.${name}.json`), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
  expect(node('node_modules/typescript/bin/tsc', '-p', `tsconfig.${name}.json`)).toEqual({ status: 0, stdout: '', stderr: '' });
});

test('TypeScript runs as it lies', () => {
  writeFileSync(join(app, 'program.ts'), program);
  expect(node('program.ts')).toEqual({ status: 0, stdout: '0 function\n', stderr: '' });
});

test('the program is installed', () => {
  const bin = join(app, 'node_modules', 'spillway', 'bin', 'spillway.js');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(node(bin, '--version').stdout).toBe(`${version}\n`);
  expect(node(bin, 'topics', 'create', 'orders', '--dir', 'byProgram').stdout).toBe('created orders with 1 partition\n');
});
