/**
 * Owns: what a daemon answers by HTTP on loopback: /health (the process answers), /ready, /status,
 * /metrics (Prometheus).
 * Reads only; requests, headers and waiting are bounded, so no client can hold the daemon up.
 * Not its job: whether it is ready (health.ts), what the status says (engine).
 * llp/0011
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { HypError, systemCode } from '../core/errors.ts';
import { invariant } from '../core/invariant.ts';
import { stringifyJson } from '../core/json.ts';
import type { Json } from '../core/json.ts';
import { EXPOSITION_TYPE } from './metrics/exposition.ts';

/** What the endpoints say; called per request. */
export interface Answers {
  readonly health: () => Json;
  readonly ready: () => { readonly ready: boolean; readonly body: Json };
  readonly status: () => Promise<Json>;
  /** In the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
}

export interface HttpFace {
  /** The address it listens on, with the port it was given when it asked for any. */
  readonly address: { readonly host: string; readonly port: number };
  /** Stops listening and drops every connection. Idempotent. */
  close(): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const STATUS_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_CONNECTIONS = 64;

interface Reply {
  readonly code: number;
  readonly body: Json;
  /** Sent instead of `body`. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function problem(code: number, title: string): Reply {
  return { code, body: { type: 'about:blank', status: code, title } };
}

/** One look at the engine at a time serves everyone who asks meanwhile. */
function shared<T>(
  ask: () => Promise<T>,
  reply: (value: T) => Reply,
  clock: Clock,
): () => Promise<Reply> {
  let running: Promise<T> | undefined;
  return async () => {
    running ??= ask().finally(() => {
      running = undefined;
    });
    const late = new AbortController();
    const timeout = clock.sleep(STATUS_TIMEOUT_MS, late.signal).then(() => undefined);
    try {
      const value = await Promise.race([running, timeout]);
      return value === undefined
        ? problem(503, 'the status is not known within 10 s')
        : reply(value);
    } catch (error) {
      return problem(503, error instanceof Error ? error.message : String(error));
    } finally {
      late.abort();
    }
  };
}

function routes(answers: Answers, clock: Clock): Readonly<Record<string, () => Promise<Reply>>> {
  return {
    '/health': () => Promise.resolve({ code: 200, body: answers.health() }),
    '/ready': () => {
      const { ready, body } = answers.ready();
      return Promise.resolve({ code: ready ? 200 : 503, body });
    },
    '/status': shared(answers.status, (body) => ({ code: 200, body }), clock),
    '/metrics': shared(answers.metrics, (text) => ({ code: 200, body: null, text }), clock),
  };
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  const body = Buffer.from(reply.text ?? `${stringifyJson(reply.body)}\n`);
  const kind = reply.code >= 400 && reply.code !== 503 ? 'problem+json' : 'json';
  // A body nobody asked for is not read: the connection ends with the answer.
  const unread = request.headers['content-length'] ?? request.headers['transfer-encoding'];
  response.writeHead(reply.code, {
    'content-type': reply.text === undefined ? `application/${kind}` : EXPOSITION_TYPE,
    'content-length': body.length,
    'cache-control': 'no-store',
    ...(unread === undefined ? {} : { connection: 'close' }),
    ...reply.headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function answer(
  request: IncomingMessage,
  table: Readonly<Record<string, () => Promise<Reply>>>,
): Promise<Reply> {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const route = Object.hasOwn(table, path) ? table[path] : undefined;
  if (route === undefined) return problem(404, 'there are /health, /ready, /status and /metrics');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { ...problem(405, 'this only answers GET'), headers: { allow: 'GET, HEAD' } };
  }
  try {
    return await route();
  } catch (error) {
    return problem(500, error instanceof Error ? error.message : String(error));
  }
}

function listen(server: Server, address: HttpFace['address']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const why =
        systemCode(cause) === 'EADDRINUSE' ? 'something else listens there' : cause.message;
      reject(
        new HypError('E_UNAVAILABLE', `no HTTP on ${address.host}:${address.port}: ${why}`, {
          cause,
          hint: 'Set daemon.http to another port, or to off.',
        }),
      );
    });
    server.listen({ host: address.host, port: address.port }, resolve);
  });
}

/** Resolves when it listens. E_UNAVAILABLE when the address cannot be had. */
export async function serveHttp(
  address: HttpFace['address'],
  answers: Answers,
  clock: Clock,
): Promise<HttpFace> {
  const table = routes(answers, clock);
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
    },
    (request, response) => {
      void answer(request, table).then((reply) => {
        send(request, response, reply);
      });
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, address);
  // An idle listener must not keep a process alive that is otherwise done.
  server.unref();
  const bound = server.address();
  invariant(typeof bound === 'object' && bound !== null, 'a TCP server has an address');
  return {
    address: { host: address.host, port: bound.port },
    close: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      server.closeAllConnections();
      await closed;
    },
  };
}
