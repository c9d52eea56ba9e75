/** One bench in a process of its own (a fresh heap, fresh code, its own peak of memory): `child.ts NAME DOSE FOLDER ONLY`, lines on stdout. */
import { Bench, type BenchMain, type Dose } from './harness.ts';
import { benches, isBenchName } from './names.ts';

const [name, dose, folder, only = ''] = process.argv.slice(2);
if (!isBenchName(name)) throw new Error(`there is no bench "${name}"`);
const { main } = (await import(benches[name].module)) as { main: BenchMain };
const bench = new Bench({
  name,
  dose: dose as Dose,
  folder,
  only,
  emit: (line) => process.stdout.write(`${JSON.stringify(line)}\n`),
  note: (text) => process.stderr.write(`${name}: ${text}\n`),
});
await main(bench);
