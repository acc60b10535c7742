/**
 * Owns: who may import whom (DESIGN §4), as rules of dependency-cruiser, and how they are run.
 * llp/0013
 */
import { cruise } from 'dependency-cruiser';
import type { ICruiseOptions, ICruiseResult, IForbiddenRuleType } from 'dependency-cruiser';

const FOLDERS = [
  'src/core',
  'src/codec',
  'src/config',
  'src/engine',
  'src/daemon',
  'src/receiver',
  'src/cli',
  'storage',
  'state',
  'sinks',
] as const;

type Folder = (typeof FOLDERS)[number];

/** Each layer and those below it that it may import; itself is always allowed. */
const MAY_IMPORT: Readonly<Record<Folder, readonly Folder[]>> = {
  'src/core': [],
  'src/codec': ['src/core'],
  'src/config': ['src/core', 'src/codec'],
  storage: ['src/core', 'src/codec'],
  state: ['src/core', 'src/codec'],
  sinks: ['src/core', 'src/codec'],
  'src/engine': ['src/core', 'src/codec', 'src/config', 'storage', 'state', 'sinks'],
  'src/daemon': ['src/core', 'src/codec', 'src/config', 'src/engine'],
  'src/receiver': ['src/core', 'src/codec', 'src/config', 'src/engine'],
  'src/cli': ['src/core', 'src/codec', 'src/config', 'src/engine', 'src/daemon', 'src/receiver'],
};

const OURS = '^(src|storage|state|sinks|test|smoke|bench)/';

function layerRule(folder: Folder): IForbiddenRuleType {
  const allowed = [folder, ...MAY_IMPORT[folder]].join('|');
  return {
    name: `${folder} stays in its layer`,
    severity: 'error',
    from: { path: `^${folder}/` },
    to: { path: OURS, pathNot: `^(${allowed})/` },
  };
}

export const FORBIDDEN: readonly IForbiddenRuleType[] = [
  ...FOLDERS.map(layerRule),
  {
    name: 'what is shipped imports no test',
    severity: 'error',
    from: { path: '^(src|storage|state|sinks)/' },
    to: { path: '^(test|smoke|bench)/' },
  },
  {
    name: 'smoke knows the built package only',
    severity: 'error',
    from: { path: '^smoke/' },
    to: { path: '^(src|storage|state|sinks|test|bench)/' },
  },
  {
    name: 'nobody imports the barrel',
    severity: 'error',
    from: { path: '^(src|storage|state|sinks)/' },
    to: { path: '^src/index\\.ts$' },
  },
  {
    name: 'no cycles',
    severity: 'error',
    from: { path: OURS },
    to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
  },
  {
    name: 'every import is there',
    severity: 'error',
    from: { path: OURS },
    to: { couldNotResolve: true },
  },
];

export interface Layering {
  /** "rule: from → to" */
  readonly violations: readonly string[];
  /** Modules of ours that were looked at. */
  readonly modules: number;
}

/** Checks the tree at `root`. */
export async function checkLayers(root: string, folders: readonly string[]): Promise<Layering> {
  const options: ICruiseOptions = {
    baseDir: root,
    ruleSet: { forbidden: [...FORBIDDEN] },
    validate: true,
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/data/' },
  };
  const { output } = await cruise([...folders], options, {
    extensions: ['.ts', '.js', '.json', '.d.ts', '.mjs', '.cjs'],
    conditionNames: ['node', 'import', 'types'],
    exportsFields: ['exports'],
  });
  const result = output as ICruiseResult;
  return {
    violations: result.summary.violations.map(
      ({ rule, from, to }) => `${rule.name}: ${from} → ${to}`,
    ),
    modules: result.modules.filter(({ source }) => new RegExp(OURS).test(source)).length,
  };
}
