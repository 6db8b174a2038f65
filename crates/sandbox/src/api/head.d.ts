// What a function of this project finds: its context and the globals beside the language's own.

declare namespace nexus {
  /** A value that crosses the border of a function. */
  type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

  /** A stored value with the version of the commit that wrote it. */
  interface KvEntry<T = any> {
    key: string;
    value: T;
    version: number;
  }

  /** Checks and changes that happen all together or not at all. A check without a version: the key does not exist. */
  interface KvChanges {
    check?: { key: string; version?: number | null }[];
    put?: { [key: string]: unknown } | { key: string; value: unknown }[];
    delete?: string[];
  }

  /** What became of a commit. */
  type KvCommitted = { ok: true; version: number } | { ok: false; conflict: string };

  interface HttpRequest {
    method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
    headers?: { [name: string]: string | number };
    /** Text as it is, anything else as JSON. */
    body?: unknown;
    timeoutMs?: number;
  }

  interface HttpAnswer {
    /** Where the answer came from. */
    url: string;
    redirected: boolean;
    status: number;
    statusText: string;
    ok: boolean;
    /** Names in lower case, without cookies. */
    headers: { [name: string]: string };
    /** The value of JSON, else text, else base64. */
    data: any;
    encoding: "utf-8" | "base64";
  }

  /** What a heartbeat answers. */
  interface Beat {
    cancelRequested: boolean;
    paused: boolean;
    reset: boolean;
  }

  /** The last argument of every function. */
  interface Context {
    readonly namespace: string;
    /** The run's workflow. */
    readonly workflow?: string;
    readonly workflowId?: string;
    /** The run's id. */
    readonly run?: string;
    readonly activity?: string;
    /** The activity's number in the run. */
    readonly activityId?: number;
    /** From 1. */
    readonly attempt: number;
    /** The same for every attempt, different for everything else. */
    readonly idempotencyKey?: string;
    /** Names the attempt to whoever completes it from somewhere else. */
    readonly token?: string;
    /** What the attempt before said last of its progress. */
    readonly heartbeatDetails?: any;
    // the table
  }
}

/** The host refused an operation that the function has not been granted. */
declare class PermissionError extends Error {
  readonly code: string;
}

/** A failure with a type that workflows can catch. */
declare class ApplicationFailure extends Error {
  constructor(
    message: string,
    options?: {
      type?: string;
      details?: unknown;
      nonRetryable?: boolean;
      nextRetryDelayMs?: number;
      benign?: boolean;
      cause?: unknown;
    },
  );
  static retryable(message: string, type?: string, ...details: unknown[]): ApplicationFailure;
  static nonRetryable(message: string, type?: string, ...details: unknown[]): ApplicationFailure;
  type?: string;
  details?: unknown;
  nonRetryable: boolean;
  nextRetryDelayMs?: number;
  benign: boolean;
}

declare const console: {
  log(...values: unknown[]): void;
  info(...values: unknown[]): void;
  debug(...values: unknown[]): void;
  trace(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
};
