/**
 * Owns: what may stand at the end of a half-written command line, as a pure function of the tree of
 * commands: names of commands and options, choices, or which kind of name (dataset, sink, file).
 * Not its job: reading the names (commands/completion.ts), talking to a shell (completion-scripts).
 *
 * | the last word | what may stand there |
 * | the value of an option, after it or after `=` | its choices, or what the name of the value says |
 * | begins with `-`, and no `--` before it | options of the command and of `hyp`, but those given |
 * | first after a command with commands below | these |
 * | an argument | what the name of the argument says |
 * llp/0010
 */
import type { Argument, Command, Option } from 'commander';

/** A word that may stand there; none has a blank or a tab. */
export interface Word {
  readonly word: string;
  readonly about: string;
}

export type Wanted =
  | { readonly kind: 'words'; readonly words: readonly Word[] }
  | { readonly kind: 'datasets' | 'sinks' | 'files' | 'directories' | 'nothing' };

export interface Place {
  readonly wanted: Wanted;
  /** What is written of the last word; what may stand there begins with it. */
  readonly begun: string;
  /** --config and --root as given before it. */
  readonly given: { readonly config?: string; readonly root?: string };
}

/** What the name of an argument, or of an option's value, asks for. */
const BY_NAME: Readonly<Record<string, Wanted>> = {
  dataset: { kind: 'datasets' },
  sink: { kind: 'sinks' },
  file: { kind: 'files' },
  input: { kind: 'files' },
  dir: { kind: 'directories' },
};
const NOTHING: Wanted = { kind: 'nothing' };

function chosen(choices: readonly string[]): Wanted {
  return { kind: 'words', words: choices.map((word) => ({ word, about: '' })) };
}

function valueOf(option: Option): Wanted {
  if (option.argChoices !== undefined) return chosen(option.argChoices);
  const [, name = ''] = /[<[]([\w-]+)/.exec(option.flags) ?? [];
  // `--dataset <name>`: the option itself says what is named.
  return BY_NAME[name] ?? BY_NAME[option.name()] ?? NOTHING;
}

function valueOfArgument(argument: Argument | undefined): Wanted {
  if (argument === undefined) return NOTHING;
  if (argument.argChoices !== undefined) return chosen(argument.argChoices);
  return BY_NAME[argument.name()] ?? NOTHING;
}

function optionsOf(command: Command): readonly Option[] {
  const own = command.createHelp().visibleOptions(command);
  return command.parent === null ? own : [...own, ...optionsOf(command.parent)];
}

function commandsBelow(command: Command): readonly Command[] {
  return command.createHelp().visibleCommands(command);
}

/** The command line, word by word. */
class Walk {
  command: Command;
  readonly given: Record<string, string> = {};
  readonly used = new Set<Option>();
  arguments = 0;
  /** The option whose value comes next. */
  open: Option | undefined;
  /** `--` was given: no options from here on. */
  plain = false;

  constructor(program: Command) {
    this.command = program;
  }

  take(word: string): void {
    if (this.open !== undefined) {
      // Some shells cut --a=b in three.
      if (word === '=') return;
      if (this.open.required || !word.startsWith('-')) {
        this.given[this.open.name()] = word;
        this.open = undefined;
        return;
      }
      this.open = undefined;
    }
    if (word === '--' && !this.plain) this.plain = true;
    else if (word.startsWith('-') && !this.plain) this.#takeOption(word);
    else this.#takeName(word);
  }

  #takeOption(word: string): void {
    const [flag = '', value] = word.split('=', 2);
    const option = this.optionNamed(flag);
    if (option === undefined) return;
    this.used.add(option);
    if (value !== undefined) this.given[option.name()] = value;
    else if (option.required || option.optional) this.open = option;
  }

  #takeName(word: string): void {
    const below =
      this.arguments === 0 && commandsBelow(this.command).find((it) => it.name() === word);
    if (below) this.command = below;
    else this.arguments += 1;
  }

  optionNamed(flag: string): Option | undefined {
    return optionsOf(this.command).find(({ long, short }) => flag === long || flag === short);
  }
}

function optionWords(walk: Walk): Wanted {
  const options = [...new Set(optionsOf(walk.command))];
  const words = new Map<string, string>();
  for (const option of options) {
    if (walk.used.has(option) || words.has(option.long ?? '')) continue;
    words.set(option.long ?? option.flags, option.description);
  }
  return { kind: 'words', words: [...words].map(([word, about]) => ({ word, about })) };
}

function afterWalk(walk: Walk): Wanted {
  const below = walk.arguments === 0 ? commandsBelow(walk.command) : [];
  if (below.length > 0) {
    const words = below.map((it) => ({ word: it.name(), about: it.description() }));
    return { kind: 'words', words };
  }
  const all = walk.command.registeredArguments;
  const last = all.at(-1);
  return valueOfArgument(all[walk.arguments] ?? (last?.variadic === true ? last : undefined));
}

/** What may stand at the end of `words`, the command line behind `hyp`; the last one may be empty. */
export function placeOf(program: Command, words: readonly string[]): Place {
  const walk = new Walk(program);
  for (const word of words.slice(0, -1)) walk.take(word);
  const last = words.at(-1) ?? '';
  const { given } = walk;
  if (walk.open !== undefined && (walk.open.required || !last.startsWith('-'))) {
    return { wanted: valueOf(walk.open), begun: last === '=' ? '' : last, given };
  }
  if (walk.plain || !last.startsWith('-')) return { wanted: afterWalk(walk), begun: last, given };
  const [flag = '', value] = last.split('=', 2);
  const option = value === undefined ? undefined : walk.optionNamed(flag);
  if (option === undefined) return { wanted: optionWords(walk), begun: last, given };
  const wanted = valueOf(option);
  if (wanted.kind !== 'words') return { wanted, begun: value ?? '', given };
  const whole = wanted.words.map(({ word, about }) => ({ word: `${flag}=${word}`, about }));
  return { wanted: { kind: 'words', words: whole }, begun: last, given };
}
