/** Help, written from the same tables that the command line is read by. */
import type { OptionSpec } from './options.ts';
import { commonOptions, type Verb } from './verb.ts';

const INDENT = '  ';
const COLUMN = 26;
const WIDTH = 100;

export function programHelp(verbs: readonly Verb[]): string {
  const rows = verbs.map(({ name, summary }) => row(name, summary));
  return `spillway: an event bus in a folder, with Kafka's model and record format

Usage: spillway VERB [OPTIONS]

${rows.join('\n')}

Every verb takes:
${optionRows(Object.entries(commonOptions)).join('\n')}
${row('--version', "the program's version")}

"spillway VERB --help" tells more, with examples.

Exit codes: 0 done · 1 failed · 2 wrong command line · 3 check found damage · 4 not found ·
5 the folder belongs to another process · 130 after Ctrl-C, 143 after SIGTERM, both when work in
hand is done (run, which is there to be ended so: 0). When the reader of standard output goes away
(| head), that is a quiet end with 0.
`;
}

export function verbHelp(verb: Verb): string {
  const own = Object.entries(verb.options).filter(([name]) => !(name in commonOptions));
  const parts = [`Usage: spillway ${verb.name} ${verb.usage}`.trimEnd(), `${verb.summary}.`];
  if (verb.about !== undefined) parts.push(flowed(verb.about));
  if (own.length > 0) parts.push(`Options:\n${optionRows(own).join('\n')}`);
  const common = Object.entries(commonOptions).filter(([name]) => name !== 'bootstrap' || verb.folderOnly === undefined);
  parts.push(`Common options:\n${optionRows(common).join('\n')}`);
  const examples = verb.examples.map(([line, what]) => `${INDENT}# ${what}\n${INDENT}spillway ${line}`);
  if (examples.length > 0) parts.push(`Examples:\n${examples.join('\n')}`);
  return `${parts.join('\n\n')}\n`;
}

function optionRows(options: readonly (readonly [string, OptionSpec])[]): string[] {
  return options.map(([name, { short, type, value, about, choices }]) => {
    const given = type === 'flag' ? '' : ` ${value ?? (type === 'number' ? 'N' : 'VALUE')}`;
    const more = choices === undefined ? '' : `: ${choices.join(', ')}`;
    return row(`${short === undefined ? '' : `-${short}, `}--${name}${given}`, `${about}${more}`);
  });
}

/** Two columns; the right one wraps below itself. */
function row(left: string, right: string): string {
  const lines = wrapped(right, WIDTH - COLUMN);
  const first = `${INDENT}${left}`;
  const pad = ' '.repeat(COLUMN);
  const start = first.length < COLUMN - 1 ? `${first.padEnd(COLUMN)}${lines[0]}` : `${first}\n${pad}${lines[0]}`;
  return [start, ...lines.slice(1).map((rest) => `${pad}${rest}`)].join('\n');
}

/** Each paragraph in lines of the page's width. One ends where a sentence ends with its line. */
function flowed(text: string): string {
  const paragraphs = text.replace(/(?<![.:}\n])\n(?!\n)/g, ' ').split('\n');
  return paragraphs.flatMap((paragraph) => wrapped(paragraph, WIDTH)).join('\n');
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}
