/** Assertions that stay on in production. A broken invariant throws; the supervisor restarts the actor. */

export class AssertionFailure extends Error {
  override name = 'AssertionFailure';
}

/** Throws `AssertionFailure` unless `condition` holds. The message states what must hold, positively. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** Marks a branch that the types prove unreachable; switching over a union ends in it, so a new member fails to compile. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`every case is handled, got ${JSON.stringify(value)}`);
}
