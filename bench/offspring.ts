/** Processes that must not outlive the one that started them, whether it ends by itself, by Ctrl-C or by a kill. */
import type { ChildProcess } from 'node:child_process';

const living = new Set<ChildProcess>();
let isListening = false;

/** Ends the child with us. */
export function endWithUs(child: ChildProcess): void {
  // Once: a bench has a child after the other.
  if (!isListening) {
    isListening = true;
    process.once('exit', endAll);
    process.once('SIGINT', () => process.exit(130));
    process.once('SIGTERM', () => process.exit(143));
  }
  living.add(child);
  child.once('exit', () => living.delete(child));
}

// SIGTERM, so that it can end its own.
function endAll(): void {
  for (const child of living) child.kill('SIGTERM');
}
