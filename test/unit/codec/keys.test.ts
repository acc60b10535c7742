/** How many keys a decoder keeps (llp/0004). */
import { describe, expect, it } from 'vitest';
import { forgetKeys, hasTooManyKeys, newKeyTable, slotOf } from '../../../src/codec/ndjson/keys.ts';
import { newBuilder } from '../../../src/codec/ndjson/builders.ts';
import { LIMITS } from '../../../src/core/limits.ts';

const MIB = 1024 * 1024;

function key(name: string): Uint8Array {
  return Buffer.from(`"${name}"`);
}

describe('the keys a decoder has met', () => {
  it('are forgotten beyond a number of bytes, those with a column kept', () => {
    const table = newKeyTable();
    slotOf(table, key('kept')).column = newBuilder('kept', 'long', 8);
    for (let n = 0; n < 64; n++) {
      if (hasTooManyKeys(table)) forgetKeys(table);
      slotOf(table, key(`${n}${'k'.repeat(MIB)}`));
      expect(table.bytes.length).toBeLessThan(16 * MIB);
      expect(table.slots.size).toBeLessThan(8);
    }
    expect(slotOf(table, key('kept')).column?.name).toBe('kept');
  });

  it('are not too many while all of them may be columns, however they are written', () => {
    const table = newKeyTable();
    for (let n = 0; n < LIMITS.columns; n++) {
      const name = String(n).padStart(LIMITS.columnNameBytes, 'k');
      const escaped = name.replaceAll(/./g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`);
      slotOf(table, key(escaped)).column = newBuilder(name, 'long', 8);
    }
    expect(hasTooManyKeys(table)).toBe(false);
  });
});
