#!/usr/bin/env node
/** The program `spillway`: the process around its verbs, which are in src/cli/. */
import { createRequire } from 'node:module';
import { runProgram } from './cli/program.ts';
import { processTerminal } from './cli/terminal.ts';
import { verbs } from './cli/verbs.ts';
import { realClock } from './world/clock.ts';
import { realDisk } from './world/disk.ts';

/** Of the package, whether this runs from its sources or from dist/. */
function version(): string {
  const require = createRequire(import.meta.url);
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = require(path) as { name?: string; version?: string };
      if (name === 'spillway' && version !== undefined) return version;
    } catch {
      // Not there: it is one level up.
    }
  }
  return 'unknown';
}

const terminal = processTerminal();
const code = await runProgram(process.argv.slice(2), verbs, version(), {
  terminal,
  clock: realClock,
  disk: realDisk,
  environment: process.env,
});
process.exit(code);
