/** Every command, in the order of the help. Each is loaded only when it runs: starting quickly is worth a line here. */
import type { Command } from 'commander';
import type { Context } from './context.ts';

export interface Entry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<(context: Context) => Command>;
}

export const commands: readonly Entry[] = [
  {
    name: 'serve',
    summary: 'run Kubervisor',
    load: async () => (await import('./serve.ts')).serveCommand,
  },
  {
    name: 'demo',
    summary: 'watch it work, on real parts, on this machine',
    load: async () => (await import('./demo.ts')).demoCommand,
  },
  {
    name: 'lint',
    summary: 'check policies before they run',
    load: async () => (await import('./lint.ts')).lintCommand,
  },
  {
    name: 'simulate',
    summary: 'replay policies over the history of their metrics',
    load: async () => (await import('./simulate.ts')).simulateCommand,
  },
  {
    name: 'migrate',
    summary: 'turn policies of the original Kubervisor into policies of this one',
    load: async () => (await import('./migrate.ts')).migrateCommand,
  },
  {
    name: 'check',
    summary: 'see whether a cluster is ready for it, and whether it is well there',
    load: async () => (await import('./check.ts')).checkCommand,
  },
  {
    name: 'get',
    summary: 'show Services: how many serve, how many may still go',
    load: async () => (await import('./get.ts')).getCommand,
  },
  {
    name: 'endpoints',
    summary: 'show the backends of a Service, and why they are in or out',
    load: async () => (await import('./endpoints.ts')).endpointsCommand,
  },
  {
    name: 'why',
    summary: 'explain why a backend is out, or why it is not',
    load: async () => (await import('./why.ts')).whyCommand,
  },
  {
    name: 'eject',
    summary: 'take a backend out of rotation for a while',
    load: async () => (await import('./take-out.ts')).ejectCommand,
  },
  {
    name: 'pause',
    summary: 'take a backend out to look at it',
    load: async () => (await import('./take-out.ts')).pauseCommand,
  },
  {
    name: 'restore',
    summary: 'bring a backend back',
    load: async () => (await import('./restore.ts')).restoreCommand,
  },
  {
    name: 'suspend',
    summary: 'break-glass: bring everyone back that a breaker took out',
    load: async () => (await import('./suspend.ts')).suspendCommand,
  },
  {
    name: 'resume',
    summary: 'end a suspension',
    load: async () => (await import('./resume.ts')).resumeCommand,
  },
  {
    name: 'freeze',
    summary: 'let nothing change by itself for a while',
    load: async () => (await import('./freeze.ts')).freezeCommand,
  },
  {
    name: 'unfreeze',
    summary: 'end a freeze before its time',
    load: async () => (await import('./freeze.ts')).unfreezeCommand,
  },
  {
    name: 'proxies',
    summary: 'show connected proxies and what they have accepted',
    load: async () => (await import('./proxies.ts')).proxiesCommand,
  },
  {
    name: 'grpcurl',
    summary: 'print commands that show what clients of xDS get',
    load: async () => (await import('./grpcurl.ts')).grpcurlCommand,
  },
  {
    name: 'render',
    summary: 'print what an Envoy needs to get its endpoints from here',
    load: async () => (await import('./render.ts')).renderCommand,
  },
  {
    name: 'cleanup',
    summary: 'take out of a cluster what Kubervisor wrote to objects of others',
    load: async () => (await import('./cleanup.ts')).cleanupCommand,
  },
  {
    name: 'version',
    summary: 'print the version',
    load: async () => (await import('./version.ts')).versionCommand,
  },
  {
    name: 'completion',
    summary: 'print a completion script for bash, zsh or fish',
    load: async () => (await import('./completion.ts')).completionCommand,
  },
];
