/** The API of Kubernetes as plain requests: what a test wants to see is the answer itself, refusals included. */
import type { AxiosInstance } from 'axios';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** What the API server warns of, as kubectl prints it. */
  readonly warnings: readonly string[];
}

export interface KubeApi {
  get(path: string, accept?: string): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
  put(path: string, body: unknown): Promise<Answer>;
  /** Server-side apply; `All`: only as if. */
  apply(path: string, body: unknown, dryRun?: 'All'): Promise<Answer>;
  /** A JSON merge patch: whoever else writes the object at the same time is not in the way. */
  patch(path: string, body: unknown): Promise<Answer>;
  delete(path: string): Promise<Answer>;
}

/** Never throws for a status. */
export function kubeApi(http: AxiosInstance): KubeApi {
  const call = async (method: string, url: string, data?: unknown, headers: Headers = {}): Promise<Answer> => {
    const answer = await http.request<unknown>({ method, url, data, headers, validateStatus: () => true });
    return { status: answer.status, body: answer.data, warnings: warningsIn(answer.headers['warning']) };
  };
  return {
    get: (path, accept = 'application/json') => call('GET', path, undefined, { accept }),
    post: (path, body) => call('POST', path, body),
    put: (path, body) => call('PUT', path, body),
    apply: (path, body, dryRun) =>
      call('PATCH', `${path}?fieldManager=test&force=true${dryRun === undefined ? '' : '&dryRun=All'}`, body, {
        'content-type': 'application/apply-patch+yaml',
      }),
    patch: (path, body) => call('PATCH', path, body, { 'content-type': 'application/merge-patch+json' }),
    delete: (path) => call('DELETE', path),
  };
}

type Headers = Readonly<Record<string, string>>;

/** `299 - "text", 299 - "text"`. */
function warningsIn(header: unknown): readonly string[] {
  return typeof header === 'string'
    ? [...header.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text)
    : [];
}
