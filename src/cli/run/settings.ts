/**
 * The settings of `spillway run`, gathered and checked: a file, over it the environment, over it the command line. Every refusal names
 * the setting and where it was set, and all of them are told at once.
 */
import { BusError } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { ListenOptions } from '../../bus/listeners.ts';
import type { BusOptions } from '../../bus/options.ts';
import { checkFlag, checkInteger, checkOneOf } from '../../client/check.ts';
import { closeOptions } from '../../client/producer-options.ts';
import { parseBusConfigs } from '../../coordinator/config-values.ts';
import { busRow, topicRow } from '../../coordinator/configs.ts';
import { type Disk, readWhole } from '../../world/disk.ts';
import type { LogLevel } from '../../world/logger.ts';
import { bootstrapVariable } from '../brokers.ts';
import { NotFoundError, UsageError } from '../exit.ts';
import { readSize } from '../session.ts';
import { didYouMean } from '../suggest.ts';
import { defaultFolder } from '../verb.ts';
import { parseProperties } from './properties.ts';
import { aliases, configVariable, isSettingName, type Setting, settingNames, settings, variableOf } from './table.ts';

/** A setting as it was given. */
export interface Given {
  name: string;
  value: string;
  /** Where: 'spillway.properties, line 3', 'environment SPILLWAY_PORT', '--port'. */
  from: string;
}

/** What a bus is opened, listens and is closed with. */
export interface RunSettings {
  bus: BusOptions & { dir: string; memoryBytesMax: number };
  listen: ListenOptions;
  close: { deadlineMs: number };
}

export interface Sources {
  /** The file of settings, if there is one. */
  file: readonly Given[];
  environment: readonly Given[];
  flags: readonly Given[];
}

/** Reads a file of settings. Throws NotFoundError, UsageError. */
export function fromFile(disk: Disk, path: string, namedBy: string): Given[] {
  const stat = disk.stat(path);
  if (stat === null || stat.isDirectory) throw new NotFoundError(`there is no file "${path}", which ${namedBy} names`);
  if (stat.size > limits.configFileBytesMax) {
    throw new UsageError(`"${path}" has ${stat.size} bytes; a file of settings has at most ${limits.configFileBytesMax}`, 'run');
  }
  const text = readWhole(disk, path)?.toString('utf8') ?? '';
  return parseProperties(text).map(({ name, value, line }) => ({ name, value, from: `${path}, line ${line}` }));
}

/** The variables that begin with SPILLWAY_. */
export function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Given[] {
  const names = new Map(settingNames().map((name) => [variableOf(name), name]));
  const given: Given[] = [];
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith('SPILLWAY_') || variable === configVariable || variable === bootstrapVariable || value === undefined) continue;
    const name = names.get(variable);
    // One that nobody knows is refused below by its whole name.
    given.push({ name: name ?? variable, value, from: `environment ${variable}` });
  }
  return given;
}

/** Puts the sources over one another and checks what counts. Throws UsageError with all that is wrong. */
export function resolveSettings({ file, environment, flags }: Sources, logLevel: LogLevel = 'info'): RunSettings {
  const wrong: string[] = [];
  const layers = [file, environment, flags].map((given) => layerOf(given, wrong));
  const all = new Map<string, Given>();
  for (const layer of layers) {
    // A stronger source that says where to listen means it, whatever a weaker one said of the other way.
    if (layer.has('path')) for (const name of ['host', 'port']) all.delete(name);
    else if (layer.has('host') || layer.has('port')) all.delete('path');
    for (const [name, one] of layer) all.set(name, one);
  }
  const found: Record<Setting['of'], Record<string, unknown>> = { bus: { logLevel }, listen: {}, close: {} };
  const deadlineMs = closeOptions.deadlineMs.default;
  for (const [name, { of, option }] of Object.entries(settings)) {
    const one = all.get(name);
    if (one !== undefined) found[of][option] = told(one, wrong, () => readValue(one));
  }
  const memoryBytesMax = (found.bus.memoryBytesMax as number | undefined) ?? limits.brokerMemoryBytesDefault;
  const configs = configsOf(all, memoryBytesMax, wrong);
  if (wrong.length > 0) throw new UsageError(wrong.join('\n  '), 'run');
  return {
    bus: { dir: defaultFolder, ...found.bus, memoryBytesMax, configs },
    listen: found.listen,
    close: { deadlineMs, ...found.close },
  };
}

/** One source, by the names that count; what it contradicts itself in goes to `wrong`. */
function layerOf(given: readonly Given[], wrong: string[]): Map<string, Given> {
  const named = new Map<string, Given>();
  for (const one of given) {
    const before = named.get(one.name);
    if (!isSettingName(one.name)) wrong.push(`${one.from}: ${unknown(one.name)}`);
    else if (before !== undefined) wrong.push(`${one.from}: "${one.name}" is set already (${before.from}); set it once`);
    else named.set(one.name, one);
  }
  for (const [name, { means, yields }] of Object.entries(aliases)) {
    const alias = named.get(name);
    if (alias === undefined) continue;
    named.delete(name);
    const meant = told(alias, wrong, () => means(alias.value)) ?? {};
    for (const [own, value] of Object.entries(meant)) {
      const other = named.get(own);
      if (other === undefined) named.set(own, { name: own, value, from: `${alias.from}: "${name}"` });
      else if (!yields) wrong.push(`${alias.from}: "${name}" says what "${own}" says too (${other.from}); set one of them`);
    }
  }
  const [path, port] = [named.get('path'), named.get('port') ?? named.get('host')];
  if (path !== undefined && port !== undefined) {
    wrong.push(`${path.from}: "path" listens on a Unix socket, "${port.name}" (${port.from}) on a port; set one of them`);
  }
  return named;
}

/** The value of an option, of its type and within its bounds. Throws an Error or BusError. */
function readValue({ name, value }: Given): string | number | boolean {
  const { row, isSize } = settings[name];
  if (name === 'log.dirs' && value.includes(',')) throw new Error(`"${name}" names several folders; a bus has one`);
  if (name === 'log.dirs' && value === '') throw new Error(`"${name}" is empty; it is the path of a folder`);
  const size = isSize ? readSize(value) : null;
  if (isSize && size === null) throw new Error(`"${name}" is a size such as 268435456, 256MiB or 1GiB, not ${JSON.stringify(value)}`);
  const number = size ?? (/^[+-]?\d+$/.test(value) ? Number(value) : value);
  switch (row.kind) {
    case 'whole number':
      return checkInteger(`"${name}"`, number, row.min, row.max);
    case 'choice':
      return checkOneOf(`"${name}"`, value, row.oneOf);
    case 'flag':
      return checkFlag(`"${name}"`, value === 'true' || (value === 'false' ? false : value));
    case 'other': {
      const typed = row.type === 'number' ? number : value;
      row.check(`"${name}"`, typed);
      return typed;
    }
  }
}

/** What is the coordinator's to check: each alone, so that the wrong one is named, and then together. */
function configsOf(all: ReadonlyMap<string, Given>, memoryBytesMax: number, wrong: string[]): Record<string, string> {
  const configs: Record<string, string> = {};
  const bus = { folder: true, memoryBytesMax };
  for (const [name, { value, from }] of all) {
    if (busRow(name) === undefined) continue;
    const { message } = parseBusConfigs({ [name]: value }, bus);
    if (message === undefined) configs[name] = value;
    else wrong.push(`${from}: ${message}`);
  }
  const together = parseBusConfigs(configs, bus);
  if (together.message !== undefined) {
    // The message has the names that topics have; those of the bus end in them.
    const named = [...together.message.matchAll(/"([^"]+)"/g)].map(([, name]) => name);
    const froms = [...all.values()].filter(({ name }) => Object.hasOwn(configs, name) && named.some((one) => name.endsWith(one)));
    wrong.push(`${froms.map(({ from }) => from).join('; ')}: ${together.message}`);
  }
  return configs;
}

/** What `read` says, or nothing when it throws: then `wrong` has why. */
function told<T>({ name, from }: Given, wrong: string[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { message } = error as Error;
    wrong.push(`${from}: ${error instanceof BusError || message.includes(`"${name}"`) ? message : `"${name}" ${message}`}`);
    return undefined;
  }
}

function unknown(name: string): string {
  if (name.startsWith('SPILLWAY_')) {
    return `there is no setting of this name${didYouMean(name, [configVariable, ...settingNames().map(variableOf)])}`;
  }
  const ofTopics = topicRow(name);
  if (ofTopics?.bus !== undefined) return `"${name}" is a setting of a topic: for the whole bus use "${ofTopics.bus}"`;
  return `there is no setting "${name}"${didYouMean(name, settingNames()) || '; docs/configuration.md lists what there is'}`;
}
