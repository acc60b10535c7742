/**
 * Owns: what the linter demands (llp/0013). A ban names the one home of what it bans, so that the
 * message says what to use instead.
 */
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** The only modules that may touch the clock, chance, the disk and the terminal. */
const HOMES = {
  clock: ['src/core/clock.ts'],
  random: ['src/core/random.ts'],
  disk: ['src/core/node-fs.ts'],
  /** Read what a person names (configuration, input files); nothing durable is written there. */
  userInput: ['src/config/load.ts', 'src/engine/backfill/**/*.ts', 'src/cli/**/*.ts'],
  /** Advisory locks, and the real path of a destination: no row depends on them (I11). */
  advisory: ['state/lease.ts', 'sinks/fs.ts'],
  console: ['src/cli/**/*.ts', 'smoke/**/*.ts', 'bench/**/*.ts'],
};

const CODE = ['src/**/*.ts', 'storage/**/*.ts', 'state/**/*.ts', 'sinks/**/*.ts'];
const TESTS = ['test/**/*.ts', 'smoke/**/*.ts', 'bench/**/*.ts'];

const CLOCK = 'use a Clock (src/core/clock.ts): time is a parameter';
const RANDOM = 'use a Random (src/core/random.ts): chance is a parameter';
const DISK = 'use a DurableFs (src/core/durable-fs.ts): only it makes a write durable';

const BANNED_WORD = '/checkpoint|cursor|generation|manager|helper|util/i';

const syntaxBans = [
  {
    selector: `Identifier[name=${BANNED_WORD}]:not(MemberExpression > .property)`,
    message: 'not a word of this house (DESIGN §2, llp/0001): name what it is',
  },
];

const clockSyntax = [
  {
    selector: "NewExpression[callee.name='Date'][arguments.length=0]",
    message: CLOCK,
  },
  { selector: "CallExpression[callee.name='Date']", message: CLOCK },
];

const timers = [
  { name: 'node:timers', message: CLOCK },
  { name: 'node:timers/promises', message: CLOCK },
];
const files = [
  { name: 'fs', message: DISK },
  { name: 'node:fs', message: DISK },
  { name: 'node:fs/promises', message: DISK },
];
const chance = [
  {
    name: 'node:crypto',
    importNames: ['randomUUID', 'randomBytes', 'randomInt', 'getRandomValues', 'webcrypto'],
    message: RANDOM,
  },
];

const clockGlobals = ['setTimeout', 'setInterval', 'setImmediate'].map((name) => ({
  name,
  message: CLOCK,
}));
const clockProperties = [
  { object: 'Date', property: 'now', message: CLOCK },
  { object: 'performance', property: 'now', message: CLOCK },
];
const chanceProperties = [
  { object: 'Math', property: 'random', message: RANDOM },
  { object: 'crypto', property: 'randomUUID', message: RANDOM },
  { object: 'crypto', property: 'getRandomValues', message: RANDOM },
];

const paths = (...groups) => ['error', { paths: groups.flat() }];

export default defineConfig(
  { ignores: ['dist/', 'coverage/', 'node_modules/', 'hyp-data/', 'hyp-demo/', 'test/data/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'max-params': ['error', 4],
      'max-depth': ['error', 4],
      'no-restricted-syntax': ['error', ...syntaxBans],
      'no-restricted-exports': [
        'error',
        { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // An async function rejects where another would throw: callers rely on it.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/consistent-type-definitions': 'off',
    },
  },
  {
    files: CODE,
    rules: {
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: false }],
      complexity: ['error', 20],
      'no-console': 'error',
      'no-restricted-syntax': ['error', ...syntaxBans, ...clockSyntax],
      'no-restricted-globals': ['error', ...clockGlobals],
      'no-restricted-properties': ['error', ...clockProperties, ...chanceProperties],
      'no-restricted-imports': paths(timers, files, chance),
    },
  },
  {
    files: HOMES.clock,
    rules: {
      'no-restricted-globals': 'off',
      'no-restricted-properties': ['error', ...chanceProperties],
      'no-restricted-imports': paths(files, chance),
    },
  },
  {
    files: HOMES.random,
    rules: {
      'no-restricted-properties': ['error', ...clockProperties],
      'no-restricted-imports': paths(timers, files),
    },
  },
  {
    files: [...HOMES.disk, ...HOMES.userInput, ...HOMES.advisory],
    rules: { 'no-restricted-imports': paths(timers, chance) },
  },
  {
    // Relations between constants are always true for the compiler: that is what they assert.
    files: ['src/core/limits.ts'],
    rules: { '@typescript-eslint/no-unnecessary-condition': 'off' },
  },
  { files: HOMES.console, rules: { 'no-console': 'off' } },
  {
    // Tests run real processes and real disks; chance stays seeded all the same.
    files: TESTS,
    rules: {
      'max-lines': ['error', { max: 600 }],
      'no-restricted-properties': ['error', ...chanceProperties],
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  { files: ['*.config.ts'], rules: { 'no-restricted-exports': 'off' } },
);
