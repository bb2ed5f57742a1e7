/** The world outside a command: handed in, so that no command reads the environment or knows that it is a process. */

export interface Context {
  /** As a person calls it: `kubervisor`, or `kubectl kubervisor`. */
  readonly program: string;
  /** Of the admin API, where --server does not say; undefined: the cluster that kubectl would ask. */
  readonly defaultServer: string | undefined;
  /** Who runs the command, for the audit log. */
  readonly user: string;
  /** All that is handed over there. */
  stdin(): Promise<string>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** For the demo alone, which looks for its programs as the set-up does. */
  readonly env: Readonly<Record<string, string | undefined>>;
  now(): number;
  /** Aborts at the first Ctrl-C, SIGTERM or SIGHUP after this call. */
  interrupted(): AbortSignal;
}

export interface Output {
  write(text: string): void;
  /** A person looks at it. */
  readonly isTerminal: boolean;
  readonly columns: number;
}
