/** Whoever calls hyp learns from the docstring what is durable when, and how it fails. llp/0013 */
import { describe, expect, test } from 'vitest';
import { exportsOf, methodsOf, undocumented } from './docstrings.ts';
import { ROOT, projectFiles } from './tree.ts';

const API = projectFiles().find(({ path }) => path === 'src/engine/api.ts')?.text ?? '';

describe('the public API', () => {
  test('documents every method of a store, with durability or errors', () => {
    const methods = [...methodsOf(API, 'Store'), ...methodsOf(API, 'Engine')];
    expect(methods.length).toBeGreaterThan(12);
    expect(undocumented(methods)).toEqual([]);
  });

  test('documents every function and class that the package exports', () => {
    const all = exportsOf(`${ROOT}/src/index.ts`);
    expect(all.map(({ name }) => name)).toContain('openStore');
    expect(undocumented(all)).toEqual([]);
  });

  test('names error codes where rows are taken in, read and committed', () => {
    const docs = new Map(methodsOf(API, 'Store').map(({ name, doc }) => [name, doc]));
    for (const name of ['append', 'flush', 'scan']) expect(docs.get(name)).toMatch(/E_[A-Z]+/);
  });
});

describe('a docstring that is missing or says too little is seen', () => {
  const violationsOf = (methods: string) =>
    undocumented(methodsOf(`export interface Store {\n${methods}\n}`, 'Store'));

  test.each([
    ['flush(): Promise<void>;', 'flush has no docstring'],
    ['// Resolves when durable.\nflush(): Promise<void>;', 'flush has no docstring'],
    ['/** Flushes all the datasets there are. */\nflush(): Promise<void>;', /says neither/],
  ])('%s', (method, expected) => {
    expect(violationsOf(method)).toEqual([
      typeof expected === 'string' ? expected : expect.stringMatching(expected),
    ]);
  });

  test('and one that says enough is not', () => {
    expect(
      violationsOf('/** Resolves when all rows are durable. */\nflush(): Promise<void>;'),
    ).toEqual([]);
    expect(violationsOf('/** The name of the store, as given. */\nname(): string;')).toEqual([]);
  });
});
