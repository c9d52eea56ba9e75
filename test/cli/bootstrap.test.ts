/** Every verb with brokers in the place of a folder: the same words, the same results, over TCP. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Bus } from '../../src/bus.ts';
import { brokersOf, isBrokers } from '../../src/cli/brokers.ts';
import { UsageError } from '../../src/cli/exit.ts';
import { explainFrom } from '../../src/cli/explain.ts';
import { runProgram } from '../../src/cli/program.ts';
import { verbs } from '../../src/cli/verbs.ts';
import type { GroupWithLag } from '../../src/client/group-admin.ts';
import { serdes } from '../../src/client/serde.ts';
import { realDisk } from '../../src/world/disk.ts';
import { surroundings } from './fakes.ts';

// Each test opens many buses, or starts processes: on a machine with much else to do that takes its time.
vi.setConfig({ testTimeout: 120_000 });

let dir: string;
let bus: Bus;
let place: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'spillway-bootstrap-'));
  bus = await Bus.open({ dir: join(dir, 'data'), hosts: 1, memoryBytesMax: 32 << 20, logLevel: 'silent' });
  place = `127.0.0.1:${(await bus.listen({ port: 0 })).port}`;
});
afterAll(async () => {
  await bus.close();
  rmSync(dir, { recursive: true, force: true });
});

async function spillway(words: string, { input = '', environment = { SPILLWAY_BOOTSTRAP: place } as Record<string, string> } = {}) {
  const around = { ...surroundings({ input }), environment };
  const code = await runProgram(words.split(' '), verbs, '1.2.3', around);
  return { code, out: around.terminal.written(), err: around.terminal.said.join('\n') };
}

async function done(words: string, input = ''): Promise<string> {
  const { code, out, err } = await spillway(words, { input });
  expect({ code, err }).toMatchObject({ code: 0 });
  return out;
}

test('topics are created, listed, described, altered and deleted', async () => {
  expect(await done('topics create life --partitions 2 --config retention.ms=60000')).toBe('created life with 2 partitions\n');
  expect(JSON.parse(await done('topics list --json')).topics).toMatchObject([{ name: 'life', partitions: 2 }]);
  await done('topics alter life --set retention.bytes=1000000 --unset retention.ms --partitions 3');
  const [described] = JSON.parse(await done('topics describe life --json')).topics;
  expect(described.configs.map(({ key, value }: { key: string; value: string }) => `${key}=${value}`)).toEqual(['retention.bytes=1000000']);
  expect(described.partitions).toHaveLength(3);
  expect(await done('topics delete life')).toBe('deleted life\n');
});

test('records go in and come out: by place, by group, as frames, searched', async () => {
  await done('produce orders --partitions 2 --key-separator = --header a=1', 'k1=v1\nk2=v2\nk1=v3\n');
  expect((await done('consume orders --format key-value --separator :')).split('\n').sort()).toEqual(['', 'k1:v1', 'k1:v3', 'k2:v2']);
  expect(await done('produce day --format length-prefixed --timestamp 2026-01-31 --json', '\0\0\0\x01x\0\0\0\x02yy')).toMatch(
    /"records":2/,
  );
  expect(await done('consume day --day 2026-01-31 --format length-prefixed')).toBe('\0\0\0\x01x\0\0\0\x02yy');
  expect(await done('consume orders --group g --count 2')).toMatch(/^v\d\nv\d\n$/);
  expect(await done('consume orders --group g')).toMatch(/^v\d\n$/);
  expect(await done('peek orders --key k1 --format value')).toBe('v1\nv3\n');
  expect(await done('peek orders --value-regex [23] --from -1 --format value')).toMatch(/^v[23]\n/);
  expect(await done('peek day --until end --count 1 --format value')).toBe('x\n');
  expect(await spillway('peek day --partition 3')).toMatchObject({ code: 4, err: expect.stringContaining('has partitions 0 to 0, not 3') });
});

test('groups are reset, described, explained with their members, and deleted', async () => {
  await done('produce watched --quiet', 'a\nb\nc\n');
  await done('groups reset team --to 1 --topic watched');
  expect(await done('groups explain team')).toMatch(
    /^watched-0 {2}unowned, lag 2: nobody reads it: the group has no members; start a consumer\n$/,
  );
  const reader = bus.consumer({ groupId: 'team', topics: 'watched', value: serdes.raw, clientId: 'reader-1', autoCommit: false });
  await reader.poll({ timeoutMs: 10_000 });
  expect(await done('groups describe team')).toMatch(/^team {2}Stable .* 1 member, lag 2\n.*\nwatched +0 +1 +3 +2 +reader-1 /);
  const looking = done('groups explain team --for 1');
  expect(await looking).toMatch(
    /^watched-0 {2}stalled, lag 2: reader-1.* has it, is 2 records behind and has committed nothing in the \d\.\d s of looking/,
  );
  await reader.commit([{ topic: 'watched', partition: 0, offset: 3 }]);
  expect(await done('groups explain team --all')).toMatch(/^watched-0 {2}caught-up, lag 0: reader-1.* has read all of it\n$/);
  await reader.close();
  expect(await done('groups delete team')).toBe('deleted team\n');
});

describe('refusals', () => {
  test('a folder whose owner listens is named with where', async () => {
    const { code, err } = await spillway(`topics list --dir ${join(dir, 'data')}`);
    expect({ code, err }).toEqual({
      code: 5,
      err: expect.stringContaining(`in use by process ${process.pid}, which serves clients: use --bootstrap ${place}`),
    });
  });

  test('what does not exist there', async () => {
    expect(await spillway('consume nothing')).toMatchObject({ code: 4, err: expect.stringContaining('topic "nothing" does not exist') });
    expect(await spillway('groups describe nobody')).toMatchObject({ code: 4 });
  });

  test('verbs that are for folders say so, and pass over the variable', async () => {
    expect(await spillway('check --bootstrap a:1')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--bootstrap is not for check'),
    });
    expect(await spillway('dump x --bootstrap a:1')).toMatchObject({ code: 2, err: expect.stringContaining('not for dump') });
    expect(await spillway('run --bootstrap a:1')).toMatchObject({ code: 2, err: expect.stringContaining('not for run') });
    expect(await spillway(`check ${join(dir, 'nowhere')}`)).toMatchObject({ code: 4 });
    expect(await spillway('topics list --memory 64MiB')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--memory is of a bus in a folder'),
    });
  });

  test('a folder or brokers, in their form', () => {
    const where = { dir: undefined, bootstrap: undefined, environment: {}, folderOnly: undefined, verb: 'peek' };
    expect(brokersOf(where)).toBeNull();
    expect(brokersOf({ ...where, bootstrap: 'a:1, [::1]:2,unix:/run/bus' })).toEqual(['a:1', '[::1]:2', 'unix:/run/bus']);
    const environment = { SPILLWAY_BOOTSTRAP: 'b:2' };
    expect(brokersOf({ ...where, environment })).toEqual(['b:2']);
    expect(brokersOf({ ...where, environment, bootstrap: 'a:1' })).toEqual(['a:1']);
    expect(brokersOf({ ...where, environment, dir: 'data' })).toBeNull();
    expect(brokersOf({ ...where, environment: { SPILLWAY_BOOTSTRAP: '' } })).toBeNull();
    expect(() => brokersOf({ ...where, dir: 'data', bootstrap: 'a:1' })).toThrow('--dir and --bootstrap say different things');
    expect(() => brokersOf({ ...where, bootstrap: 'broker' })).toThrow('did you mean "broker:9092"?');
    expect(brokersOf({ ...where, bootstrap: '[::1]:65535' })).toEqual(['[::1]:65535']);
    for (const bootstrap of ['a:0', 'a:65536']) expect(() => brokersOf({ ...where, bootstrap })).toThrow(UsageError);
    expect(() => brokersOf({ ...where, environment: { SPILLWAY_BOOTSTRAP: 'a:b' } })).toThrow(UsageError);
    expect([isBrokers('a:1,b:2', realDisk), isBrokers('data', realDisk), isBrokers('./a:1/b', realDisk)]).toEqual([true, false, false]);
  });
});

test('two looks at a group: who has what, and whether it moves', () => {
  const member = (clientId: string, assigned: number[], target = assigned) => ({
    memberId: `${clientId}-id`,
    instanceId: null,
    clientId,
    clientHost: '/10.0.0.1',
    assignment: [{ topic: 't', partitions: assigned }],
    targetAssignment: [{ topic: 't', partitions: target }],
  });
  const group = (state: string, members: object[], committed: number[]) =>
    ({
      groupId: 'g',
      state,
      members,
      offsets: committed.map((offset, partition) => ({
        topic: 't',
        partition,
        committed: offset,
        highWatermark: 10,
        lag: offset < 0 ? -1 : 10 - offset,
        memberId: '',
      })),
    }) as unknown as GroupWithLag;
  const members = [member('one', [0, 1, 2], [0, 1]), member('two', [3], [3, 4])];
  const told = explainFrom(group('Stable', members, [1, 2, 3, 10, 0, 0]), group('Stable', members, [4, 2, 3, 10, 0, 0]), 6000);
  expect(told.map(({ state, text }) => `${state}: ${text}`)).toEqual([
    'progressing: one on 10.0.0.1 has it, is 6 records behind, and has committed 3 in 6.0 s',
    'stalled: one on 10.0.0.1 has it, is 8 records behind and has committed nothing in the 6.0 s of looking; see what it does: it may be stuck, or commit more seldom than that (look longer: --for)',
    expect.stringMatching(/^stalled: one/),
    'caught-up: two on 10.0.0.1 has read all of it',
    'moving: it goes to two on 10.0.0.1, which has not taken it up yet',
    'unowned: no member has it: none of the 2 subscribes to its topic; subscribe to it, or delete its offsets',
  ]);
  const moving = [member('one', [0], []), member('two', [], [0])];
  const text = (state: string, who: object[]) => explainFrom(group(state, who, [1]), group(state, who, [1]), 0)[0].text;
  expect(text('Reconciling', moving)).toBe('one on 10.0.0.1 is to give it up to two on 10.0.0.1 and has not yet');
  expect(text('PreparingRebalance', [member('one', [])])).toBe('nobody has it while the group rebalances (PreparingRebalance)');
  expect(text('Empty', [])).toBe('nobody reads it: the group has no members; start a consumer');
});
