/** Finds the verb that a command line names, runs it, and turns however it ends into an exit code and a message. */
import { BusError } from '../base/errors.ts';
import { exitCodeOf, exitCodes, isExpected, UsageError } from './exit.ts';
import { programHelp, verbHelp } from './help.ts';
import { didYouMean } from './suggest.ts';
import type { StopReason } from './terminal.ts';
import type { Surroundings, Verb } from './verb.ts';

/** Runs `argv` (without node and script); resolves with the exit code. Never rejects. */
export async function runProgram(
  argv: readonly string[],
  verbs: readonly Verb[],
  version: string,
  surroundings: Surroundings,
): Promise<number> {
  const { terminal } = surroundings;
  const json = argv.includes('--json');
  let code: number;
  const ending = { byStop: false };
  try {
    code = await dispatch(argv, verbs, version, surroundings, ending);
    await terminal.out.flush();
  } catch (error) {
    terminal.draw('');
    await terminal.out.flush();
    code = exitCodeOf(error);
    terminal.say(json ? JSON.stringify({ error: errorDocument(error, code) }) : messageOf(error));
  }
  return terminal.stop.aborted && !ending.byStop ? codeOfStop(terminal.stop.reason as StopReason, code) : code;
}

/** `ending.byStop`: whether to be stopped is how the verb ends. */
async function dispatch(
  argv: readonly string[],
  verbs: readonly Verb[],
  version: string,
  surroundings: Surroundings,
  ending: { byStop: boolean },
): Promise<number> {
  const { out } = surroundings.terminal;
  const [first] = argv;
  if (first === '--version' || first === '-V' || first === 'version') {
    await out.write(`${version}\n`);
    return exitCodes.ok;
  }
  if (first === undefined) throw new UsageError('what is to be done?');
  if (first === '--help' || first === '-h' || first === 'help') {
    const asked = argv.slice(1).filter((word) => !word.startsWith('-'));
    await out.write(asked.length === 0 ? programHelp(verbs) : helpOf(asked, verbs));
    return exitCodes.ok;
  }
  const { verb, rest } = findVerb(argv, verbs);
  if (rest.includes('--help') || rest.includes('-h')) {
    await out.write(verbHelp(verb));
    return exitCodes.ok;
  }
  ending.byStop = verb.endsWhenStopped === true;
  return verb.run(rest, surroundings);
}

/** The verb of one or two words that `argv` begins with. Throws UsageError. */
export function findVerb(argv: readonly string[], verbs: readonly Verb[]): { verb: Verb; rest: string[] } {
  for (const verb of verbs) {
    const words = verb.name.split(' ');
    if (words.every((word, i) => argv[i] === word)) return { verb, rest: argv.slice(words.length) };
  }
  const [first, second] = argv;
  if (first.startsWith('-')) throw new UsageError(`the verb comes first, before ${first}`);
  const group = verbs.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name.slice(first.length + 1));
  if (group.length === 0) {
    const known = [...new Set(verbs.map(({ name }) => name.split(' ')[0]))];
    throw new UsageError(`there is no verb "${first}"${didYouMean(first, known) || `; there are ${known.join(', ')}`}`);
  }
  if (second === undefined || second.startsWith('-')) throw new UsageError(`${first} what? ${group.join(', ')}`);
  throw new UsageError(
    `there is no verb "${first} ${second}"${didYouMean(second, group).replace('"', `"${first} `) || `; there are ${group.join(', ')}`}`,
  );
}

function helpOf(words: string[], verbs: readonly Verb[]): string {
  const group = verbs.filter(({ name }) => name === words.join(' ') || name.startsWith(`${words.join(' ')} `));
  return (group.length > 0 ? group : [findVerb(words, verbs).verb]).map(verbHelp).join('\n');
}

function messageOf(error: unknown): string {
  if (error instanceof UsageError) {
    return `spillway: ${error.message}\nTry "spillway ${error.verb === '' ? '' : `${error.verb} `}--help".`;
  }
  if (isExpected(error)) return `spillway: ${(error as Error).message}`;
  return `spillway: an unexpected error, which is a bug:\n${error instanceof Error ? error.stack : String(error)}`;
}

/** `{ code, message, exitCode, details? }`, on standard error with --json. */
function errorDocument(error: unknown, exitCode: number): object {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof BusError) return { code: error.code, message, exitCode, details: error.details };
  const code = error instanceof UsageError ? 'USAGE' : error instanceof Error ? error.name : 'Error';
  return { code, message, exitCode };
}

/** A failure stays one; else the end is as whoever stopped us expects. */
function codeOfStop(reason: StopReason, code: number): number {
  if (code !== exitCodes.ok) return code;
  if (reason === 'interrupted') return exitCodes.interrupted;
  if (reason === 'terminated') return exitCodes.terminated;
  return code;
}
