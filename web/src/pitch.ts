// How high and how fast something is, as far as one can tell: for hearing a hit at the query's pitch or tempo.

const LEAST_HZ = 50;
const MOST_HZ = 1800;
const WINDOW = 2048;
const LOOKS = 5;
const CLEAR = 0.2;

/** How loud each of some equal windows is, the loudest first; where they begin. */
function loudest(samples: Float32Array, length: number): number[] {
  const step = Math.max(1, Math.floor((samples.length - length) / 40));
  const found: { at: number; power: number }[] = [];
  for (let at = 0; at + length <= samples.length; at += step) {
    let power = 0;
    for (let i = at; i < at + length; i += 4) power += samples[i]! ** 2;
    found.push({ at, power });
  }
  return found.sort((a, b) => b.power - a.power).slice(0, LOOKS).map(({ at }) => at);
}

/** The period of one window in samples, by YIN's cumulative mean difference (2002); null: none is clear. */
function periodAt(samples: Float32Array, at: number, least: number, most: number): number | null {
  const difference = new Float32Array(most + 2);
  for (let lag = 1; lag < most + 2; lag++) {
    let sum = 0;
    for (let i = at; i < at + WINDOW; i++) sum += (samples[i]! - samples[i + lag]!) ** 2;
    difference[lag] = sum;
  }
  let sum = 0;
  const mean = difference.map((value, lag) => {
    sum += value;
    return lag && sum ? (value * lag) / sum : 1;
  });
  for (let lag = least; lag <= most; lag++) {
    if (mean[lag]! > CLEAR || mean[lag + 1]! < mean[lag]!) continue;
    const [before, here, after] = [mean[lag - 1]!, mean[lag]!, mean[lag + 1]!];
    const bend = before - 2 * here + after;
    return bend > 0 ? lag + (before - after) / (2 * bend) : lag;
  }
  return null;
}

/** The pitch of the loudest moments in Hz; null where they have no clear or no common one. */
export function pitchHz(samples: Float32Array, rateHz: number): number | null {
  const [least, most] = [Math.floor(rateHz / MOST_HZ), Math.ceil(rateHz / LEAST_HZ)];
  const found = loudest(samples, WINDOW + most + 2)
    .map((at) => periodAt(samples, at, least, most))
    .filter((period) => period !== null)
    .sort((a, b) => a - b);
  const middle = found[Math.floor(found.length / 2)];
  if (middle === undefined || found.length < 2) return null;
  const near = found.filter((period) => Math.abs(period / middle - 1) < 0.03).length;
  return 2 * near > found.length ? rateHz / middle : null;
}

/** A ratio brought as near to 1 as doubling and halving can: a pitch in the nearest octave, a loop in bars. */
export function folded(ratio: number): number {
  return 2 ** (Math.log2(ratio) - Math.round(Math.log2(ratio)));
}
