/**
 * Owns: reading docstrings: of the functions a module exports, and of the methods of an interface.
 * llp/0013
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

export interface Documented {
  readonly name: string;
  /** Empty when there is none. */
  readonly doc: string;
  /** True when calling it can take time, and so can fail half way. */
  readonly asynchronous: boolean;
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
}

function docOf(node: ts.Node): string {
  return ts
    .getJSDocCommentsAndTags(node)
    .filter(ts.isJSDoc)
    .map((doc) => doc.getText())
    .join('\n');
}

function isAsynchronous(type: ts.TypeNode | undefined): boolean {
  return /^(?:Promise|AsyncIterable|AsyncGenerator)</.test(type?.getText() ?? '');
}

/** Methods of the interface `name` in `text`. */
export function methodsOf(text: string, name: string): Documented[] {
  const source = parse('api.ts', text);
  return source.statements
    .filter(ts.isInterfaceDeclaration)
    .filter((one) => one.name.text === name)
    .flatMap((one) => [...one.members])
    .filter(ts.isMethodSignature)
    .map((method) => ({
      name: method.name.getText(),
      doc: docOf(method),
      asynchronous: isAsynchronous(method.type),
    }));
}

/** Functions and classes that the module at `path` declares and exports, or re-exports by name. */
export function exportsOf(path: string): Documented[] {
  const source = parse(path, readFileSync(path, 'utf8'));
  return source.statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement)) return reExports(path, statement);
    return declared(statement);
  });
}

function reExports(path: string, statement: ts.ExportDeclaration): Documented[] {
  const { exportClause, moduleSpecifier } = statement;
  if (statement.isTypeOnly || moduleSpecifier === undefined || exportClause === undefined)
    return [];
  if (!ts.isStringLiteral(moduleSpecifier) || !ts.isNamedExports(exportClause)) return [];
  const from = exportsOf(join(dirname(path), moduleSpecifier.text));
  return exportClause.elements.flatMap((element) => {
    const wanted = (element.propertyName ?? element.name).text;
    return from.filter((one) => one.name === wanted);
  });
}

function declared(statement: ts.Statement): Documented[] {
  const exported = ts.canHaveModifiers(statement)
    ? ts.getModifiers(statement)?.some((one) => one.kind === ts.SyntaxKind.ExportKeyword)
    : false;
  if (exported !== true) return [];
  if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) {
    const type = ts.isFunctionDeclaration(statement) ? statement.type : undefined;
    return [
      {
        name: statement.name?.text ?? '',
        doc: docOf(statement),
        asynchronous: isAsynchronous(type),
      },
    ];
  }
  return [];
}

const PROMISES =
  /durable|resolves|idempotent|changes nothing|any number of times|repeatable|in the (?:table|spool|report)/i;
const FAILS = /throws|rejects|\bE_[A-Z]+/i;

/** What a reader of the API would not learn from a docstring, one line each. */
export function undocumented(all: readonly Documented[]): string[] {
  return all.flatMap(({ name, doc, asynchronous }) => {
    if (doc.length < 20) return [`${name} has no docstring`];
    if (!asynchronous) return [];
    if (PROMISES.test(doc) || FAILS.test(doc)) return [];
    return [`${name} says neither when it resolves, what is durable then, nor how it fails`];
  });
}
