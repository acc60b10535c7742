/** Errors tell a caller what to do; the table is the list of all of them. llp/0013 */
import { expect, test } from 'vitest';
import { ERROR_KINDS, HypError, isHypError, systemCode } from '../../../src/core/errors.ts';
import { defined, invariant, unreachable } from '../../../src/core/invariant.ts';

test('an error carries its code, the kind of that code, a hint, details and a cause', () => {
  const cause = new Error('disk');
  const error = new HypError('E_CORRUPT', 'what', { hint: 'run', details: { path: '/a' }, cause });
  expect(error).toMatchObject({ code: 'E_CORRUPT', kind: 'corrupt', hint: 'run', cause });
  expect(error.details).toEqual({ path: '/a' });
  expect(new HypError('E_RANGE', 'what').details).toEqual({});
});

test('codes begin with E_ and every kind has at least one', () => {
  for (const code of Object.keys(ERROR_KINDS)) expect(code).toMatch(/^E_[A-Z_]+$/);
  const kinds = ['conflict', 'corrupt', 'internal', 'refused', 'unavailable', 'usage'];
  expect([...new Set(Object.values(ERROR_KINDS))].sort()).toEqual(kinds);
});

test('an error is recognised by any of the codes asked for', () => {
  const error = new HypError('E_HELD', 'held');
  expect(isHypError(error)).toBe(true);
  expect(isHypError(error, 'E_HELD', 'E_FORK')).toBe(true);
  expect(isHypError(error, 'E_FORK')).toBe(false);
  expect(isHypError(new Error('held'))).toBe(false);
});

test('the code of a system error is its text code, and nothing else has one', () => {
  expect(systemCode(Object.assign(new Error(), { code: 'ENOENT' }))).toBe('ENOENT');
  for (const other of [undefined, null, 'ENOENT', new Error(), { code: 2 }]) {
    expect(systemCode(other)).toBeUndefined();
  }
});

test('broken assertions are E_INTERNAL and ask for a report', () => {
  expect(() => invariant(false, 'two and two')).toThrow(/invariant broken: two and two/);
  expect(() => defined(undefined, 'none')).toThrow(HypError);
  expect(defined(0, 'zero is a value')).toBe(0);
  expect(() => unreachable('x' as never)).toThrow(/unreachable case: "x"/);
});
