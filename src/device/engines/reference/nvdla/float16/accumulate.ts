/**
 * The accumulator of nv_full on float16: a two's complement mantissa of 40 bits and an exponent, value
 * mantissa × 2^(exponent − 101). Each step of the convolution adds an exact sum of products; the smaller operand is shifted
 * into a second register of 40 bits, which the sum pulls back in when it is normalized and which decides its rounding
 * (docs/hardware/nvdla.md#accumulation).
 */

const full = 2 ** 40;
const limit = 2 ** 39;

/** Bits of a natural number below 2^53. */
function bitLength(value: number): number {
  return value >= 2 ** 32 ? 64 - Math.clz32(value / 2 ** 32) : 32 - Math.clz32(value);
}

/** Left shifts until the two highest of `bits` bits differ. */
const headroom = (value: number, bits: number): number => bits - 1 - bitLength(value < 0 ? -value - 1 : value);

export class FloatAccumulator {
  #mantissa = 0;
  #exponent = 0;

  reset(): void {
    this.#mantissa = 0;
    this.#exponent = 0;
  }

  /** Adds mantissa × 2^(exponent − 50); the mantissa has 38 bits. */
  add(mantissa: number, exponent: number): void {
    if (mantissa === 0) return;
    const shift = headroom(mantissa, 38);
    const incoming = mantissa * 2 ** (shift + 2);
    const incomingExponent = exponent - shift + 49;
    const distance = incomingExponent - this.#exponent;
    const smaller = distance > 0 ? this.#mantissa : incoming;
    const aligned = Math.abs(distance);
    const high = aligned > 40 ? 0 : Math.floor(smaller / 2 ** aligned);
    const low = aligned > 40 ? 0 : (smaller - high * 2 ** aligned) * 2 ** (40 - aligned);
    this.#settle((distance > 0 ? incoming : this.#mantissa) + high, low, Math.max(incomingExponent, this.#exponent));
  }

  /** Normalizes and rounds a sum of 41 bits with 40 more below it. */
  #settle(sum: number, low: number, exponent: number): void {
    let mantissa = sum;
    let guard: boolean;
    let sticky: boolean;
    let power = exponent;
    if (sum >= limit || sum < -limit) {
      mantissa = Math.floor(sum / 2);
      guard = sum - 2 * mantissa === 1;
      sticky = low !== 0;
      power++;
    } else {
      const shift = headroom(sum, 40);
      const pulled = Math.floor(low / 2 ** (40 - shift));
      mantissa = sum * 2 ** shift + pulled;
      const rest = (low - pulled * 2 ** (40 - shift)) * 2 ** shift;
      guard = rest >= full / 2;
      sticky = rest !== 0 && rest !== full / 2;
      power -= shift;
    }
    if (guard && (mantissa >= 0 || sticky)) mantissa++;
    if (mantissa === limit) {
      mantissa = limit / 2;
      power++;
    } else if (mantissa === -limit / 2) {
      mantissa = -limit;
      power--;
    }
    this.#mantissa = mantissa;
    this.#exponent = mantissa === 0 ? 0 : power;
  }

  /** The bits of the sum as a single: the magnitude is rounded half up. */
  get single(): number {
    if (this.#mantissa === 0) return 0;
    const magnitude = Math.abs(this.#mantissa);
    let fraction = Math.floor(magnitude / 2 ** 15 + 0.5);
    let exponent = this.#exponent + 64;
    if (fraction >= 2 ** 24) {
      fraction = 2 ** 23;
      exponent++;
    }
    return (this.#mantissa < 0 ? 0x80000000 : 0) | (exponent << 23) | (fraction & 0x7fffff);
  }
}
