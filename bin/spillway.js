#!/usr/bin/env node
// Starts the program: from dist/ in the installed package, from src/ in the repository. Plain old JavaScript, so that a Node that is
// too old can still say so.
import { existsSync } from 'node:fs';
import * as module from 'node:module';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(`spillway needs Node 24 or newer; this is Node ${process.versions.node} (${process.execPath}).`);
  console.error('In the repository, npm scripts and npx bring their own: npx spillway --help');
  process.exit(1);
}
// Compiled code is kept between runs: starting takes a third of the time.
module.enableCompileCache?.();
const source = new URL('../src/cli.ts', import.meta.url);
const entry = existsSync(source) ? source : new URL('../dist/src/cli.js', import.meta.url);
await import(entry.href);
