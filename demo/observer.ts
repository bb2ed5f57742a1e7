/** What Kubervisor says, asked as any other client would. */
import type { BackendView, ServiceView, WhyResponse } from '../engine/admin/messages.ts';
import { namespace, service } from './cast.ts';

export interface Observer {
  /** The newest view; undefined until the first answer. */
  view(): ServiceView | undefined;
  backend(name: string): BackendView | undefined;
  why(backend: string): Promise<WhyResponse>;
  stop(): void;
}

const pollMs = 50;

export function observe(httpPort: number): Observer {
  const base = `http://127.0.0.1:${httpPort}/api/v1`;
  const stopped = new AbortController();
  let view: ServiceView | undefined;

  const ask = async <T>(path: string): Promise<T> => {
    const response = await fetch(`${base}${path}`, { signal: stopped.signal });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  };
  const poll = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      try {
        view = (await ask<{ readonly service: ServiceView }>(`/services/${namespace}/${service}`)).service;
      } catch {
        // Starting, or stopping: the next turn will tell.
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  };
  void poll();

  return {
    view: () => view,
    backend: (name) => view?.backends.find((backend) => backend.name === name),
    why: (backend) => ask<WhyResponse>(`/why?backend=${encodeURIComponent(backend)}`),
    stop: () => stopped.abort(),
  };
}
