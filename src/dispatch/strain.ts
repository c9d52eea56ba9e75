/**
 * How near a thread's heap is to its limit, with hysteresis: what readers of that thread go by on their own, whatever the rest of the bus
 * does. The governor has thresholds of its own for all producers (coordinator/pressure.ts); these are its two upper ones.
 *
 *   none ──85 %──▶ near ──93 %──▶ verge      near: a reader keeps an eighth ready of what it may
 *        ◀─78 %──      ◀──87 %──             verge: nothing ahead; it asks for little when all is handed out, so that reading never stops
 */
export type Strain = 'none' | 'near' | 'verge';

const NEAR = { enter: 0.85, leave: 0.78 };
const VERGE = { enter: 0.93, leave: 0.87 };

/** A limit of 0 is not known. */
export function strainOf(before: Strain, usedBytes: number, limitBytes: number): Strain {
  if (limitBytes <= 0) return 'none';
  const share = usedBytes / limitBytes;
  if (share >= (before === 'verge' ? VERGE.leave : VERGE.enter)) return 'verge';
  return share >= (before === 'none' ? NEAR.enter : NEAR.leave) ? 'near' : 'none';
}

/** Bytes of one answer of a host on the verge; a batch that is larger comes all the same. */
const LITTLE_BYTES = 64 * 1024;

/** What a reader may have ready, and ask for at once. */
export function allowanceOf(
  strain: Strain,
  options: Readonly<{ queuedBytesMax: number; fetchBytesMax: number }>,
): Readonly<{ queuedBytesMax: number; fetchBytesMax: number }> {
  if (strain === 'none') return options;
  const { queuedBytesMax, fetchBytesMax } = options;
  if (strain === 'near') return { queuedBytesMax: Math.ceil(queuedBytesMax / 8), fetchBytesMax: Math.ceil(fetchBytesMax / 8) };
  return { queuedBytesMax: 1, fetchBytesMax: Math.min(fetchBytesMax, LITTLE_BYTES) };
}
