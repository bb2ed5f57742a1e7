/** An API server that has our kinds, for one suite: with a wire to it that can be cut, and a folder for configurations. */
import { afterAll, beforeAll } from 'vitest';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './control-plane.ts';
import { installCrd } from './crd.ts';
import { startWire, type Wire } from './wire.ts';

/** To be read while tests run, and not before. */
export interface Cluster {
  readonly plane: ControlPlane;
  readonly wire: Wire;
  readonly folder: string;
}

/** Call it in a `describe` block. Everything of it is gone at the end of the suite. */
export function useCluster(executables: ControlPlaneOptions['executables']): Cluster {
  let plane: ControlPlane | undefined;
  let wire: Wire | undefined;
  let folder: string | undefined;

  beforeAll(async () => {
    plane = await startControlPlane({ executables });
    wire = await startWire(plane.url);
    folder = await inTemporaryFolder('cluster', async (path) => path);
    await installCrd(plane.api);
  }, 120_000);

  afterAll(async () => {
    await wire?.close();
    await plane?.stop();
    if (folder !== undefined) await removeFolder(folder);
  });

  return {
    get plane() {
      return started(plane);
    },
    get wire() {
      return started(wire);
    },
    get folder() {
      return started(folder);
    },
  };
}

function started<Thing>(thing: Thing | undefined): Thing {
  if (thing === undefined) throw new Error('the cluster of this suite has not started yet');
  return thing;
}
