/** One peer in a process of its own: `child.ts NAME FOLDER COUNTS ONLY`, outcomes on stdout, exit code 75 with the reason on stderr when skipped. */
import { type PeerName, peers } from './names.ts';
import { type Counts, type Peer, verified } from './work.ts';

export const SKIPPED = 75;

const [name, folder, countsText, only] = process.argv.slice(2);
const counts = JSON.parse(countsText) as Counts;
const { peer } = (await import(peers[name as PeerName])) as { peer: Peer };
const reason = peer.skipReason();
if (reason === null) {
  const tell = (outcome: unknown) => process.stdout.write(`${JSON.stringify(outcome)}\n`);
  const otherMb = await peer.run({ folder, counts, only, tell: (outcome) => tell(verified(outcome, counts)) });
  tell({ work: 'peak memory', value: process.resourceUsage().maxRSS / 1024 + otherMb, unit: 'MB', check: 'resident' });
} else {
  process.stderr.write(`${reason}\n`);
  process.exitCode = SKIPPED;
}
