/** The pod template a backend was made from: what all replacements of a pod have in common until somebody changes it. */
import type { Backend } from '../model.ts';

/** Of Deployments, of Argo Rollouts, and of StatefulSets and DaemonSets, in that order. */
const templateLabels = ['pod-template-hash', 'rollouts-pod-template-hash', 'controller-revision-hash'] as const;

/** Undefined where nothing tells: the labels of the pod are not known, or nobody made it from a template. */
export function templateOf({ labels = {} }: Backend): string | undefined {
  const label = templateLabels.find((name) => Object.hasOwn(labels, name));
  return label === undefined ? undefined : labels[label];
}
