/** The name that a partition's folder gets when it is removed or put aside. */

/** Bytes of a name that file systems take. Topics' names are ASCII. */
const NAME_BYTES_MAX = 255;

/**
 * `flights-3` becomes `flights-3.<id>-delete`, as in Kafka: where that would be too long for the file system, the topic's part is cut,
 * and what tells the folder from others stays whole. `folder` may be a path; the last part of it is renamed.
 */
export function asideName(folder: string, id: string, suffix: '-delete' | '-stray'): string {
  const start = folder.lastIndexOf('/') + 1;
  const dash = folder.lastIndexOf('-');
  const rest = `${folder.slice(dash)}.${id}${suffix}`;
  return folder.slice(0, Math.min(dash, start + NAME_BYTES_MAX - rest.length)) + rest;
}
