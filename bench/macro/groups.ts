/**
 * What it costs to be a group: replaying through one against assigned partitions, taking in commits, settling a rebalance, and opening a
 * folder with many groups.
 */
import { type Bench, median, rounded } from '../harness.ts';
import { runScenario } from '../scenario.ts';
import { measureCommits } from './groups-commits.ts';
import type { GroupsOpened, GroupsOpenSetup } from './groups-open.ts';
import { measureRebalance } from './groups-rebalance.ts';
import { measureReplay } from './groups-replay.ts';

export async function main(bench: Bench): Promise<void> {
  await measureReplay(bench);
  await measureCommits(bench);
  await measureRebalance(bench);
  await measureOpen(bench);
}

async function measureOpen(bench: Bench): Promise<void> {
  const groups = bench.pick(200, 10_000, 10_000);
  const name = `open a folder with ${groups.toLocaleString('en')} groups of 10 partitions each`;
  if (!bench.wants(name)) return;
  const module = new URL('./groups-open.ts', import.meta.url);
  const times = bench.pick(1, 5, 9);
  const measure = async (count: number): Promise<GroupsOpened> => {
    const folder = bench.makeFolder();
    const opened = await runScenario<GroupsOpened>(module, { folder, groups: count, times } satisfies GroupsOpenSetup);
    bench.drop(folder);
    return opened;
  };
  const [one, all] = [await measure(1), await measure(groups)];
  const ratio = rounded(median(all.openMs) / median(one.openMs));
  bench.emit({ case: `${name}, median`, value: rounded(median(all.openMs)), unit: 'ms', ratio, of: 'one group', check: all.check });
  bench.emit({ case: `${name}, worst of ${times}`, value: rounded(Math.max(...all.openMs)), unit: 'ms', check: all.check });
}
