/** A real API server on a real etcd, on loopback, with nobody in it: no nodes, no controllers, no scheduler. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { join } from 'node:path';
import axios from 'axios';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { freePort } from '../../demo/world/ports.ts';
import { type ProcessSpec, type RunningProcess, startProcess, untilReady } from '../../demo/world/process.ts';
import { createAuthority } from '../support/certificates.ts';
import { type KubeApi, kubeApi } from './kube-api.ts';

export interface ControlPlane {
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** PEM of the authority that signed its certificate. */
  readonly ca: string;
  /** The API, as a member of `system:masters`. */
  readonly api: KubeApi;
  /** A kubeconfig of that member, or of the user `kubervisor`, who may do what a test binds to it. */
  kubeconfig(user: 'administrator' | 'kubervisor', url?: string, ca?: string): string;
  /** One of a ServiceAccount, who may do what is bound to it and nothing else. */
  accountKubeconfig(namespace: string, name: string, url?: string): Promise<string>;
  readonly apiServer: RunningProcess;
  readonly etcd: RunningProcess;
  /**
   * Ends the API server and starts it again, at the same place: it remembers nothing that was watched. Meanwhile `lose` may
   * be done to what etcd holds.
   */
  restart(lose?: (etcd: Etcd) => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

export interface Etcd {
  /** All keys that begin so, as `/registry/pods/shop/`, as if they had never been: no event tells of it. */
  forget(prefix: string): Promise<void>;
}

export interface ControlPlaneOptions {
  readonly executables: { readonly 'kube-apiserver': string; readonly etcd: string };
  /** Default 60 s: the first start of a machine that is busy otherwise. */
  readonly timeoutMs?: number;
}

const tokens = { administrator: 'token-of-the-administrator', kubervisor: 'token-of-kubervisor' };

const tokenFile = `${tokens.administrator},administrator,1,"system:masters"\n${tokens.kubervisor},kubervisor,2\n`;

/** Resolves when the API server says that it is ready. */
export function startControlPlane({ executables, timeoutMs = 60_000 }: ControlPlaneOptions): Promise<ControlPlane> {
  return inTemporaryFolder('control-plane', async (folder) => {
    const etcd = await startEtcd(executables.etcd, folder, timeoutMs);
    try {
      const plane = await startApiServer(executables['kube-apiserver'], etcd.url, folder, timeoutMs);
      let { apiServer } = plane;
      return {
        ...plane,
        get apiServer() {
          return apiServer;
        },
        async restart(lose) {
          await apiServer.stop();
          await lose?.(etcd);
          apiServer = await plane.start();
        },
        kubeconfig: (user, url = plane.url, ca = plane.ca) => kubeconfigOf(tokens[user], ca, url),
        async accountKubeconfig(namespace, name, url = plane.url) {
          const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
          const { status, body } = await plane.api.post(path, { spec: { expirationSeconds: 3600 } });
          if (status !== 201) throw new Error(JSON.stringify(body));
          return kubeconfigOf((body as { status: { token: string } }).status.token, plane.ca, url);
        },
        etcd: etcd.process,
        async stop() {
          // The API server first: without its etcd it would wait for it.
          await apiServer.stop();
          await etcd.process.stop();
          await removeFolder(folder);
        },
      };
    } catch (error) {
      await etcd.process.stop();
      throw error;
    }
  });
}

async function startEtcd(
  executable: string,
  folder: string,
  timeoutMs: number,
): Promise<Etcd & { readonly url: string; readonly process: RunningProcess }> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  const process = await startProcess({
    name: 'etcd',
    command: executable,
    args: [
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=default=${peerUrl}`,
      // Its data ends with the test: waiting for the disk would protect nothing.
      '--unsafe-no-fsync',
    ],
  });
  await untilReady(process, async () => (await fetch(`${url}/health`)).ok, { timeoutMs });
  return {
    url,
    process,
    async forget(prefix) {
      const end = `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`;
      const body = JSON.stringify({ key: btoa(prefix), range_end: btoa(end) });
      const answer = await fetch(`${url}/v3/kv/deleterange`, { method: 'POST', body });
      if (!answer.ok) throw new Error(await answer.text());
    },
  };
}

async function startApiServer(
  executable: string,
  etcdUrl: string,
  folder: string,
  timeoutMs: number,
): Promise<Pick<ControlPlane, 'url' | 'ca' | 'api' | 'apiServer'> & { start(): Promise<RunningProcess> }> {
  const authority = createAuthority();
  const own = authority.issue('kube-apiserver');
  const accounts = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const file = async (name: string, content: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  };
  const accountKey = await file('accounts.pem', accounts.export({ type: 'sec1', format: 'pem' }).toString());
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const spec: ProcessSpec = {
    name: 'kube-apiserver',
    command: executable,
    args: [
      `--etcd-servers=${etcdUrl}`,
      `--secure-port=${port}`,
      '--bind-address=127.0.0.1',
      // It would publish itself as an endpoint, for which loopback is no address.
      '--endpoint-reconciler-type=none',
      '--advertise-address=192.0.2.1',
      '--service-cluster-ip-range=10.96.0.0/16',
      `--tls-cert-file=${await file('tls.crt', own.cert)}`,
      `--tls-private-key-file=${await file('tls.key', own.key)}`,
      `--token-auth-file=${await file('tokens.csv', tokenFile)}`,
      '--authorization-mode=RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-signing-key-file=${accountKey}`,
      `--service-account-key-file=${accountKey}`,
      // Pods are made by the tests, and no controller makes the account they would run under.
      '--disable-admission-plugins=ServiceAccount',
    ],
  };
  const ca = authority.cert;
  const agent = new Agent({ ca, keepAlive: true });
  const api = kubeApi(
    axios.create({
      baseURL: url,
      httpsAgent: agent,
      proxy: false,
      headers: { authorization: `Bearer ${tokens.administrator}` },
    }),
  );
  const start = async (): Promise<RunningProcess> => {
    const apiServer = await startProcess(spec);
    await untilReady(apiServer, async () => (await api.get('/readyz')).status === 200, { timeoutMs });
    return apiServer;
  };
  return { url, ca, api, apiServer: await start(), start };
}

/** JSON is YAML. */
function kubeconfigOf(token: string, ca: string, server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  });
}
