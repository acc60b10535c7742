/**
 * Owns: decimals of a declared precision and scale: JSON numbers ↔ their one text ↔ the integer of
 * the last digit's unit. The text has exactly `scale` digits behind the point and is a JSON number.
 * Nothing is rounded: a number with more digits than the type has is none of its values.
 * llp/0021
 */
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

export interface DecimalShape {
  readonly precision: number;
  readonly scale: number;
}

/** The text of the JSON number `text` in that shape; undefined when it does not fit exactly. */
export function decimalText(text: string, shape: DecimalShape): string | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', power = '0'] = match;
  const digits = whole + fraction;
  // Loops, because /0+$/ looks from each zero to the end of its run: hours for a row of zeros.
  let first = 0;
  while (digits[first] === '0') first++;
  if (first === digits.length) return textOf('', '0', shape.scale);
  let last = digits.length;
  while (digits[last - 1] === '0') last--;
  const kept = digits.slice(first, last);
  // The value is kept × 10^exponent; numbers far out of range must not become long texts.
  const exponent = Number(power) - fraction.length + digits.length - last;
  const zeros = exponent + shape.scale;
  if (!Number.isSafeInteger(zeros) || zeros < 0 || kept.length + zeros > shape.precision) {
    return undefined;
  }
  return textOf(sign, kept + '0'.repeat(zeros), shape.scale);
}

/** The text of `unscaled` × 10^-scale. */
export function unscaledText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString();
  return textOf(unscaled < 0n ? '-' : '', digits, scale);
}

/** What `unscaledText` or `decimalText` made its text of. */
export function unscaledOf(text: string): bigint {
  return BigInt(text.replace('.', ''));
}

function textOf(sign: string, digits: string, scale: number): string {
  if (scale === 0) return sign + digits;
  const padded = digits.padStart(scale + 1, '0');
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}
