/**
 * `spillway run`: it serves Kafka's clients, tells where, keeps what it was given, and ends as it is asked to. What needs a process is
 * one; the rest runs in this one.
 */
import { spawn } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../../../src/cli/program.ts';
import { watchRecovery } from '../../../src/cli/run/recovery.ts';
import type { StopReason } from '../../../src/cli/terminal.ts';
import { verbs } from '../../../src/cli/verbs.ts';
import { produce } from '../../../src/kafka/api/00-produce.ts';
import { fetch } from '../../../src/kafka/api/01-fetch.ts';
import { metadata } from '../../../src/kafka/api/03-metadata.ts';
import { ZERO_UUID } from '../../../src/kafka/schema.ts';
import { readRecords } from '../../../src/record/batch-read.ts';
import { batchOf, requestBytes, WireClient } from '../../kafka/wire-client.ts';
import { surroundings } from '../fakes.ts';
import { type Running, repository, start, withoutOurs } from '../spawn.ts';

let cwd: string;
let before: string;
const running: Running[] = [];
beforeAll(() => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'spillway-run-')));
  before = process.cwd();
  process.chdir(cwd);
});
afterAll(() => {
  for (const { child } of running) child.kill('SIGKILL');
  process.chdir(before);
  rmSync(cwd, { recursive: true, force: true });
});

interface Told {
  host: string;
  port: number;
  path: string | null;
  dir: string;
  topics: number;
  pid: number;
}

/** Starts it as a process and waits until it tells where it listens. */
async function serve(argv: readonly string[], environment: Record<string, string> = {}): Promise<Running & { told: Told }> {
  const one = start(['run', '--json', ...argv], cwd, environment);
  running.push(one);
  let out = '';
  one.child.stdout.on('data', (piece) => {
    out += piece;
  });
  await one.shows('"port"');
  return { ...one, told: JSON.parse(out) };
}

/** Runs it within this process, ends it as `reason` says once it has told where it listens. */
async function within(line: string, { reason = 'terminated' as StopReason, environment = {} } = {}) {
  const around = { ...surroundings(), environment };
  const { terminal } = around;
  const ended = runProgram(line.split(' '), verbs, '1.2.3', around);
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over && terminal.written() === '') await sleep(5);
  terminal.end(reason);
  return { code: await ended, out: terminal.written(), err: terminal.said.join('\n') };
}

async function send(at: Told, topic: string, values: readonly string[], index = 0): Promise<number> {
  const client = await WireClient.open(at);
  // Whoever asks for a topic has it made, as Kafka's producers do.
  const topics = [{ name: topic, topicId: ZERO_UUID }];
  const flags = { includeClusterAuthorizedOperations: false, includeTopicAuthorizedOperations: false };
  for (;;) {
    const answer = await client.ask(metadata, 9, { topics, allowAutoTopicCreation: true, ...flags });
    if (answer.topics[0].errorCode === 0) break;
    await sleep(10);
  }
  const topicData = [{ name: topic, topicId: ZERO_UUID, partitionData: [{ index, records: batchOf(values) }] }];
  const { responses } = await client.ask(produce, 9, { transactionalId: null, acks: -1, timeoutMs: 5000, topicData });
  client.close();
  return responses[0].partitionResponses[0].errorCode;
}

async function valuesOf(at: Told, topic: string, partition = 0): Promise<string[]> {
  const client = await WireClient.open(at);
  const { responses } = await client.ask(fetch, 11, {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1 << 20,
    rackId: '',
    forgottenTopicsData: [],
    topics: [{ topic, topicId: ZERO_UUID, partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
  });
  client.close();
  const bytes = Buffer.from(responses[0].partitions[0].records ?? []);
  return readRecords(bytes, 0, bytes.length).map(({ value }) => Buffer.from(value ?? []).toString());
}

describe('a process', () => {
  test('serves Kafka clients, refuses a second owner, ends by SIGTERM with 0, and has the records when it starts again', async () => {
    const first = await serve(['--port', '0', '--set', 'num.partitions=2']);
    expect(first.told).toMatchObject({ host: '127.0.0.1', path: null, dir: join(cwd, 'spillway-data'), topics: 0, pid: first.child.pid });
    expect(first.told.port).toBeGreaterThan(0);
    expect(await send(first.told, 'orders', ['one', 'two'], 1)).toBe(0);
    const second = await within('run --port 0');
    expect(second).toMatchObject({ code: 5, out: '', err: expect.stringContaining(`in use by process ${first.child.pid}`) });
    first.child.kill('SIGTERM');
    expect(await first.ended).toMatchObject({ code: 0, err: 'closing; once more ends at once\n' });

    const again = await serve(['--port', '0']);
    expect([again.told.topics, await valuesOf(again.told, 'orders', 1)]).toEqual([1, ['one', 'two']]);
    again.child.kill('SIGINT');
    expect((await again.ended).code).toBe(0);
  });

  test('after SIGKILL it has what was acknowledged, and tells of pressure in its log', async () => {
    const killed = await serve(['--port', '0', '--dir', 'killed']);
    expect(await send(killed.told, 'kept', ['one'])).toBe(0);
    killed.child.kill('SIGKILL');
    await killed.ended;
    // No Node process of this kind is that small.
    const again = await serve(['--port', '0', '--dir', 'killed'], { SPILLWAY_RSS_BYTES_MAX: '64MiB' });
    await again.shows(/"level":40.*"to":"pause".*pressure rises/);
    expect(await valuesOf(again.told, 'kept')).toEqual(['one']);
    again.child.kill('SIGTERM');
    const { code, err } = await again.ended;
    expect([code, err]).toEqual([0, expect.stringMatching(/^recovered after an unclean end: walked \d+ B of 1 partition in /m)]);
  });

  test('the same Ctrl-C twice, as npm passes it on, is one; a second one ends it at once with 130', async () => {
    const one = await serve(['--port', '0', '--dir', 'twice']);
    one.child.kill('SIGINT');
    one.child.kill('SIGINT');
    expect((await one.ended).code).toBe(0);

    // A client that does not read what it asked for keeps it from closing.
    const busy = await serve(['--port', '0', '--dir', 'busy']);
    await send(busy.told, 'waited', ['x'.repeat(900_000)]);
    const client = await WireClient.open(busy.told);
    client.pause();
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }];
    const asked = { maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 20, rackId: '', forgottenTopicsData: [] };
    const request = requestBytes(fetch, 11, 1, { ...asked, topics: [{ topic: 'waited', topicId: ZERO_UUID, partitions }] });
    for (let i = 0; i < 40; i++) client.send(request);
    await sleep(200);
    busy.child.kill('SIGINT');
    await busy.shows('closing');
    await sleep(350);
    busy.child.kill('SIGINT');
    expect((await busy.ended).code).toBe(130);
    client.close();
  });
});

test("npm start's first word is one of Unix shells, and a file beside package.json where the shell is cmd", () => {
  const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  for (const [name, script] of Object.entries(scripts)) expect([name, /^exec\b/.test(script)]).toEqual([name, name === 'start']);
  // All arguments, as they came.
  expect(readFileSync(join(repository, 'exec.cmd'), 'utf8')).toMatch(/^(@rem .*\n)*@%\*\n$/);
});

describe.skipIf(process.platform === 'win32')('npm start', () => {
  // The group: as a terminal sends Ctrl-C to npm and to what npm has started.
  test.each([
    ['SIGTERM', false],
    ['SIGINT', false],
    ['SIGINT', true],
  ] as const)('passes %s on and ends with 0 when the bus has closed (to the whole group: %s)', async (signal, toGroup) => {
    const dir = join(cwd, `npm-${signal}-${toGroup}`);
    const child = spawn('npm', ['start', '--', '--port', '0', '--json', '--dir', dir], {
      cwd: repository,
      env: withoutOurs(),
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    let out = '';
    const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
    await new Promise<void>((resolve) => {
      child.on('close', () => resolve());
      child.stdout.on('data', (piece) => {
        out += piece;
        if (out.includes('"port"')) resolve();
      });
    });
    const { dir: told, pid } = JSON.parse(out.slice(out.indexOf('{'))) as Told;
    expect(told).toBe(dir);
    process.kill(toGroup ? -(child.pid as number) : (child.pid as number), signal);
    expect(await ended).toBe(0);
    // It is gone, and nobody has the folder any more.
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
    expect((await within(`run --port 0 --dir ${dir}`)).code).toBe(0);
  });
});

describe('where it listens', () => {
  test('on a port that is free, told as a line', async () => {
    const { code, out } = await within('run --port 0 --dir line');
    expect([code, out]).toEqual([0, expect.stringMatching(/^listening on 127\.0\.0\.1:\d+, data folder .*\/line, 0 topics\n$/)]);
  });

  test('what to type next names that port, unless it is to be quiet', async () => {
    const { out, err } = await within('run --port 0 --dir line');
    const place = /127\.0\.0\.1:\d+/.exec(out)?.[0];
    expect(err).toContain(`spillway produce greetings --bootstrap ${place}\n`);
    expect(err).toContain(`kcat -b ${place} -t greetings -P`);
    expect(err).toContain(`kafka-console-consumer.sh --bootstrap-server ${place} --topic greetings`);
    expect((await within('run --port 0 --dir line --quiet')).err).toBe('');
  });

  test.skipIf(process.platform === 'win32')('on a Unix socket, from a file of settings', async () => {
    writeFileSync('socket.properties', `# a socket\npath=${join(cwd, 'socket')}\nlog.dirs=by-file\n`);
    const { code, out } = await within('run --json --config socket.properties', { reason: 'interrupted' });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ port: 0, path: join(cwd, 'socket'), dir: join(cwd, 'by-file') });
    expect(existsSync(join(cwd, 'socket'))).toBe(false);
  });

  test('a port in use is told, and the bus is closed again', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port));
    });
    const taken = await within(`run --port ${port} --dir taken`);
    expect(taken).toEqual({
      code: 1,
      out: '',
      err: `spillway: cannot listen on 127.0.0.1:${port}: it is in use; choose another, or port 0 for one that is free`,
    });
    other.close();
    expect((await within('run --port 0 --dir taken')).code).toBe(0);
  });
});

test('stopped before it listens, it closes what it has opened and tells nothing', async () => {
  const around = surroundings();
  around.terminal.end('terminated');
  expect(await runProgram(['run', '--port', '0', '--dir', 'early'], verbs, '1.2.3', around)).toBe(0);
  expect([around.terminal.written(), around.terminal.said]).toEqual(['', ['closing; once more ends at once']]);
  expect(existsSync(join('early', 'spillway.db-wal'))).toBe(false);
});

test('a deadline that is over before the bus is open or closed is told, and the end is 1', async () => {
  const around = surroundings();
  around.terminal.end('terminated');
  const line = 'run --port 0 --dir late --set close.deadline.ms=0';
  expect(await runProgram(line.split(' '), verbs, '1.2.3', around)).toBe(1);
  expect(around.terminal.said.join()).toMatch(/^spillway: the bus could not finish its work while it closed: it was still being opened$/);
});

describe('settings', () => {
  test('the command line counts over the environment, this over the file that it names', async () => {
    writeFileSync('run.properties', 'port=1\nlog.dirs=file\nnum.partitions=3\n');
    const environment = { SPILLWAY_CONFIG: 'run.properties', SPILLWAY_PORT: '2', SPILLWAY_LOG_DIRS: 'environment' };
    const { code, out } = await within('run --port 0 --json', { environment });
    expect([code, JSON.parse(out).dir]).toEqual([0, join(cwd, 'environment')]);
    expect(JSON.parse(out).port).toBeGreaterThan(2);
  });

  test('bad ones are all told with where they were set, before anything is opened', async () => {
    writeFileSync('bad.properties', 'num.partitions=many\nbroker.id=1\n');
    const { code, out, err } = await within('run --config bad.properties --port 70000 --dir bad', {
      environment: { SPILLWAY_LOG_LEVEL: 'loud' },
    });
    expect([code, out]).toEqual([2, '']);
    expect(err).toBe(`spillway: bad.properties, line 2: there is no setting "broker.id"; docs/configuration.md lists what there is
  --port: "port" is a whole number from 0 to 65535, not 70000
  environment SPILLWAY_LOG_LEVEL: "log.level" is one of "silent", "error", "warn", "info", "debug", not "loud"
  bad.properties, line 1: "num.partitions" must be a whole number, not "many"
Try "spillway run --help".`);
    expect(existsSync('bad')).toBe(false);
  });

  test('a file that is not there, an option that is none, a word too much', async () => {
    expect(await within('run --config nowhere')).toMatchObject({
      code: 4,
      err: 'spillway: there is no file "nowhere", which --config names',
    });
    expect(await within('run', { environment: { SPILLWAY_CONFIG: 'nowhere' } })).toMatchObject({
      code: 4,
      err: 'spillway: there is no file "nowhere", which the environment (SPILLWAY_CONFIG) names',
    });
    expect(await within('run --prot 1')).toMatchObject({ code: 2, err: expect.stringContaining('did you mean "--port"?') });
    expect(await within('run --set port')).toMatchObject({ code: 2, err: expect.stringContaining('--set takes NAME=VALUE, not "port"') });
    expect(await within('run data')).toMatchObject({ code: 2, err: expect.stringContaining('"data" is too much') });
  });
});

test('recovery is told as it goes on, and once at its end', () => {
  const told = (isQuiet: boolean, isInteractive: boolean) => {
    const { terminal, clock } = surroundings({ isInteractive });
    let nowMs = 0;
    const recovery = watchRecovery({
      terminal,
      clock: { ...clock, monotonicMs: () => nowMs },
      isQuiet,
      notice: (line) => void (isQuiet || terminal.say(line)),
    });
    const walked = (partition: number, doneBytes: number, totalBytes: number): void => {
      nowMs += 6000;
      channel('spillway:recovery').publish({ host: 0, topic: 't', partition, doneBytes, totalBytes });
    };
    walked(0, 1 << 20, 2 << 20);
    walked(1, 1 << 20, 2 << 20);
    walked(0, 2 << 20, 2 << 20);
    recovery.end();
    walked(1, 2 << 20, 2 << 20);
    return { said: terminal.said, drawn: terminal.drawn };
  };
  const lines = told(false, false).said;
  expect(lines.map((line) => line.replace(/ {2}[█░]+/, ''))).toEqual([
    'recovering 50%  1.0 MiB · 170.7 KiB/s · 6.0 s left',
    'recovering 50%  2.0 MiB · 170.7 KiB/s · 12.0 s left',
    'recovering 75%  3.0 MiB · 170.7 KiB/s · 6.0 s left',
    'recovered after an unclean end: walked 4.0 MiB of 2 partitions in 18.0 s',
  ]);
  expect(told(false, true).drawn.at(-1)).toBe('');
  expect(told(true, false).said).toEqual([]);
});
